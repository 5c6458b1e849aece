import { isObject } from '../../router/json/json.ts'
import type { LoopEvent } from '../loop/events.ts'

/** How far a run is, to be read in the heartbeat details of Temporal's UI. Nothing here comes out of a reply or a tool result. */
export interface RunProgress {
  readonly attempt: number
  /** The round that goes on; 0 before the first. */
  readonly round: number
  /** At most so many rounds; 0 before the run began. */
  readonly max_rounds: number
  /** What the run does: `starting`, `waiting for the model`, the names of the tools that run, `done: answered`. */
  readonly doing: string
  /** In this attempt. */
  readonly tool_calls: number
  /** In this attempt. */
  readonly tool_errors: number
  /** Rounds that earlier attempts had finished. */
  readonly resumed_rounds: number
  /** Rounds that the next attempt would not have to repeat. */
  readonly saved_rounds: number
  /** Of the whole run, earlier attempts included. */
  readonly elapsed_ms: number
}

export function startProgress(attempt: number): RunProgress {
  return {
    attempt,
    round: 0,
    max_rounds: 0,
    doing: 'starting',
    tool_calls: 0,
    tool_errors: 0,
    resumed_rounds: 0,
    saved_rounds: 0,
    elapsed_ms: 0,
  }
}

export function nextProgress(progress: RunProgress, event: LoopEvent): RunProgress {
  const next = { ...progress, elapsed_ms: Math.round(event.elapsedMs) }
  switch (event.type) {
    case 'run-start':
      return { ...next, max_rounds: event.limits.rounds, resumed_rounds: event.resumedRounds }
    case 'round-start':
      return {
        ...next,
        round: event.round,
        doing: event.answerOnly ? 'asking for the answer' : 'waiting for the model',
      }
    case 'retry':
      return { ...next, doing: `waiting to ask again: ${event.code}` }
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

/** The progress in heartbeat details; undefined in anybody else's. What is missing, as in those of another release, is 0. */
export function readProgress(details: unknown): RunProgress | undefined {
  const progress = isObject(details) ? details['progress'] : undefined
  if (!isObject(progress) || typeof progress['doing'] !== 'string') return undefined
  const count = (name: keyof RunProgress): number => {
    const value = progress[name]
    return typeof value === 'number' ? value : 0
  }
  return {
    attempt: count('attempt'),
    round: count('round'),
    max_rounds: count('max_rounds'),
    doing: progress['doing'],
    tool_calls: count('tool_calls'),
    tool_errors: count('tool_errors'),
    resumed_rounds: count('resumed_rounds'),
    saved_rounds: count('saved_rounds'),
    elapsed_ms: count('elapsed_ms'),
  }
}
