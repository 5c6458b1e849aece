import { isObject } from '../../router/json/json.ts'
import type { LoopEvent } from '../loop/events.ts'

/** Progress of a run in its heartbeat details. Temporal's UI shows it. It contains no text of a reply or a tool result. */
export interface RunProgress {
  /** Number of the activity attempt; 1 for the first. */
  readonly attempt: number
  /** Current round; 0 before the first. */
  readonly round: number
  /** `limits.rounds`; 0 before the run has begun. */
  readonly max_rounds: number
  /** `starting`, `waiting for the model`, the names of the running tools, `done: answered`, … */
  readonly doing: string
  /** Tool calls completed in this attempt. */
  readonly tool_calls: number
  /** Tool calls that returned an error in this attempt. */
  readonly tool_errors: number
  /** The last calls of this attempt, of the model and of tools, the newest at the end. */
  readonly last_calls: readonly RecentCall[]
  /** Rounds completed by previous attempts, from which this one resumed. */
  readonly resumed_rounds: number
  /** Rounds in the current checkpoint: the next attempt would not repeat them. */
  readonly saved_rounds: number
  /** Why the newest state of the run is not in the checkpoint; empty if it is. */
  readonly problem: string
  /** Time of the whole run in milliseconds, previous attempts included. */
  readonly elapsed_ms: number
}

/** A finished call, without its content. */
export interface RecentCall {
  /** Name of the tool, or `model`. */
  readonly call: string
  /** Whether it succeeded. */
  readonly status: 'ok' | 'error'
  /** Duration in milliseconds; for a model call until the reply was complete, retries included. */
  readonly duration_ms: number
  /** Input and output tokens of a model call. */
  readonly tokens?: number
}

/** The progress of an attempt before its run has begun. */
export function startProgress(attempt: number): RunProgress {
  return {
    attempt,
    round: 0,
    max_rounds: 0,
    doing: 'starting',
    tool_calls: 0,
    tool_errors: 0,
    last_calls: [],
    resumed_rounds: 0,
    saved_rounds: 0,
    problem: '',
    elapsed_ms: 0,
  }
}

/** The progress after an event of the run. */
export function nextProgress(progress: RunProgress, event: LoopEvent): RunProgress {
  // A reply may arrive in thousands of pieces.
  if (event.type === 'text-delta') return progress
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
      return {
        ...next,
        doing: event.calls.map((call) => call.name).join(', ') || 'reading the answer',
        last_calls: withCall(progress.last_calls, {
          call: 'model',
          status: 'ok',
          duration_ms: event.durationMs,
          tokens: event.usage.inputTokens + event.usage.outputTokens,
        }),
      }
    case 'tool-end':
      return {
        ...next,
        tool_calls: progress.tool_calls + 1,
        tool_errors: progress.tool_errors + (event.status === 'error' ? 1 : 0),
        last_calls: withCall(progress.last_calls, {
          call: event.tool,
          status: event.status,
          duration_ms: event.durationMs,
        }),
      }
    case 'tool-waiting':
      return { ...next, doing: `${event.tool} waits for a decision` }
    case 'run-end':
      return { ...next, doing: `done: ${event.stopReason}` }
    default:
      return next
  }
}

/** Calls that are shown. More would make every heartbeat longer. */
const shownCalls = 6

function withCall(calls: readonly RecentCall[], call: RecentCall): readonly RecentCall[] {
  return [...calls, { ...call, duration_ms: Math.round(call.duration_ms) }].slice(-shownCalls)
}

/**
 * Reads the progress from heartbeat details; `undefined` for those of other activities. Fields that another release does
 * not write have the values of {@link startProgress}.
 */
export function readProgress(details: unknown): RunProgress | undefined {
  const progress = isObject(details) ? details['progress'] : undefined
  if (!isObject(progress) || typeof progress['doing'] !== 'string') return undefined
  const start = startProgress(0)
  const fields = Object.entries(start).map(([name, initial]) => {
    const value = progress[name]
    const fits = typeof value === typeof initial && Array.isArray(value) === Array.isArray(initial)
    return [name, fits ? value : initial]
  })
  return { ...start, ...Object.fromEntries(fields) }
}
