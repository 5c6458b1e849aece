import type { LoopEvent } from '../loop/events.ts'

/** How far a run is, to be read in the heartbeat details of Temporal's UI. Nothing here comes out of a reply or a tool result. */
export interface RunProgress {
  readonly attempt: number
  /** The round that goes on; 0 before the first. */
  readonly round: number
  /** What the run does: `starting`, `waiting for the model`, the names of the tools that run, `done: answered`. */
  readonly doing: string
  /** In this attempt. */
  readonly tool_calls: number
  /** In this attempt. */
  readonly tool_errors: number
  /** Rounds that earlier attempts had finished. */
  readonly resumed_rounds: number
  readonly elapsed_ms: number
}

export function startProgress(attempt: number): RunProgress {
  return { attempt, round: 0, doing: 'starting', tool_calls: 0, tool_errors: 0, resumed_rounds: 0, elapsed_ms: 0 }
}

export function nextProgress(progress: RunProgress, event: LoopEvent): RunProgress {
  const next = { ...progress, elapsed_ms: Math.round(event.elapsedMs) }
  switch (event.type) {
    case 'run-start':
      return { ...next, resumed_rounds: event.resumedRounds }
    case 'round-start':
      return {
        ...next,
        round: event.round,
        doing: event.answerOnly ? 'asking for the answer' : 'waiting for the model',
      }
    case 'reply':
      return { ...next, doing: event.calls.map((call) => call.name).join(', ') || 'reading the answer' }
    case 'tool-end':
      return {
        ...next,
        tool_calls: progress.tool_calls + 1,
        tool_errors: progress.tool_errors + (event.status === 'error' ? 1 : 0),
      }
    case 'run-end':
      return { ...next, doing: `done: ${event.stopReason}` }
    default:
      return next
  }
}
