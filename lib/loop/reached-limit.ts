import { type LimitReason, type StopReason, stopReasonOf } from './limits.ts'
import type { RunState } from './run-state.ts'

export interface Bound {
  readonly limit: LimitReason
  /** The figures, for the trace. */
  readonly detail: string
}

/** The bound that makes the next round the answer round: it is asked for while one more reply still fits. */
export function boundOf(run: RunState): Bound | undefined {
  const { limits, usage, transcript, ledger } = run
  const tokens = usage.inputTokens + usage.outputTokens
  const remainingMs = run.scope.remainingMs()
  if (run.rounds >= limits.rounds - 1) return { limit: 'rounds', detail: `round ${run.rounds + 1} of ${limits.rounds}` }
  if (tokens + run.lastTokens >= limits.tokens)
    return { limit: 'tokens', detail: `${tokens} of ${limits.tokens} tokens used` }
  // The next reply and the answer have to fit; a round with no more than its time left is not begun.
  if (run.slowestMs > 0 && remainingMs <= 2 * run.slowestMs) {
    return { limit: 'deadline', detail: `${Math.round(remainingMs)} of ${limits.deadlineMs} ms left` }
  }
  if (ledger.executed >= limits.calls) return { limit: 'calls', detail: `${limits.calls} tool calls made` }
  if (transcript.bytes >= limits.messageBytes) {
    return { limit: 'messageBytes', detail: `${transcript.bytes} of ${limits.messageBytes} bytes` }
  }
  return undefined
}

/** Whether there is no time for even the quickest reply: such a round is not begun. */
export function isTooLate(run: RunState): boolean {
  return run.scope.remainingMs() <= run.fastestMs
}

/**
 * How long the tools of a round may take at most, in milliseconds: what is left, without the time for an answer. No more
 * than half of it is kept back.
 */
export function toolTimeMs(run: RunState): number {
  const remainingMs = run.scope.remainingMs()
  return Math.max(remainingMs - 2 * run.slowestMs, remainingMs / 2)
}

/** Bounds after which no further reply fits. */
const final: ReadonlySet<LimitReason> = new Set(['tokens', 'deadline', 'messageBytes'])

/**
 * Whether an answer round without an accepted answer ends the run: it does where nothing is left for another one, and
 * where the model went on calling tools. Otherwise the problems go back to it while rounds remain.
 */
export function stopAfterAnswerRound(run: RunState, calledTools: boolean): StopReason | undefined {
  if (run.closing === undefined) return undefined
  // Meanwhile another bound may have been reached.
  const now = boundOf(run)?.limit
  if (now !== undefined && final.has(now)) return stopReasonOf[now]
  const affordable = run.closing === 'repetition' || run.closing === 'calls'
  return affordable && !calledTools ? undefined : stopReasonOf[run.closing]
}
