// Decides when tools are turned off, and when the run ends without an accepted answer.
//
// A limit counts as reached while one more reply still fits into it, so that the answer stays within the limit.

import { type LimitReason, stopReasonOf, type UnansweredStopReason } from './limits.ts'
import type { ActiveRun } from './run-state.ts'

/** A limit that is reached. */
export interface ReachedLimit {
  /** The limit. */
  readonly limit: LimitReason
  /** Its figures, for the trace. */
  readonly detail: string
}

/** The limit that turns tools off in the next round; `undefined` if none is reached. */
export function reachedLimit({ state, limits, deadline, history, messages }: ActiveRun): ReachedLimit | undefined {
  const tokens = state.usage.input_tokens + state.usage.output_tokens
  const remainingMs = deadline.remainingMs()
  if (state.rounds >= limits.rounds - 1) {
    return { limit: 'rounds', detail: `round ${state.rounds + 1} of ${limits.rounds}` }
  }
  if (tokens + state.last_tokens >= limits.tokens) {
    return { limit: 'tokens', detail: `${tokens} of ${limits.tokens} tokens used` }
  }
  // A normal round needs time for its own reply and for the answer after it.
  if (state.slowest_ms > 0 && remainingMs <= 2 * state.slowest_ms) {
    return { limit: 'deadline', detail: `${Math.round(remainingMs)} of ${limits.deadlineMs} ms left` }
  }
  if (history.executed >= limits.calls) return { limit: 'calls', detail: `${limits.calls} tool calls executed` }
  if (messages.bytes >= limits.messageBytes) {
    return { limit: 'messageBytes', detail: `${messages.bytes} of ${limits.messageBytes} bytes` }
  }
  return undefined
}

/**
 * Milliseconds that the tools of a round can use. Time for two replies is kept for the model, but never more than half
 * of what is left.
 */
export function toolTimeoutMs({ state, deadline }: ActiveRun): number {
  const remainingMs = deadline.remainingMs()
  return Math.max(remainingMs - 2 * state.slowest_ms, remainingMs / 2)
}

/** Limits after which no further reply fits. At the deadline the next reply may be quicker, so the time that is left is used. */
const final: ReadonlySet<LimitReason> = new Set(['tokens', 'messageBytes'])
/** Limits after which the model may correct its answer while rounds and time remain. */
const correctable: ReadonlySet<LimitReason> = new Set(['repetition', 'calls', 'deadline'])

/**
 * The stop reason of a run whose answer was not accepted after tools were turned off. It is `undefined` if the model can
 * try again: while rounds remain, no other limit leaves too little for another reply, and it did not call tools instead
 * of answering.
 */
export function stopAfterRejection(run: ActiveRun, calledTools: boolean): UnansweredStopReason | undefined {
  const limit = run.state.limit_reached
  if (limit === null) return undefined
  // Another limit may have been reached since.
  const now = reachedLimit(run)?.limit
  if (now !== undefined && final.has(now)) return stopReasonOf[now]
  const canTryAgain = correctable.has(limit) && !calledTools
  return canTryAgain ? undefined : stopReasonOf[limit]
}
