import type { Repair, ToolErrorKind } from '../../router/tool-call.ts'
import type { ModelErrorCode, RunError } from './errors.ts'
import type { LimitReason, Limits, StopReason } from './limits.ts'
import type { FinishReason, Usage } from './model.ts'

/**
 * What happens in a run, in order:
 *
 * `run-start` → ( `round-start` → `retry`* → `reply` → ( `tool-start`? → `repair`* → `tool-end` )* → `answer-rejected`? )* →
 * `run-end`, with `limit` before the `round-start` of a round with tools off, and `warning` anywhere. `reply-failed` in the
 * place of a `reply` is the end of a run. A call that is refused, or served from an earlier result, has no `tool-start`;
 * calls of one reply overlap.
 *
 * Texts are excerpts with secrets masked; thinking is never part of them.
 */
export type LoopEvent = (
  | {
      readonly type: 'run-start'
      readonly model: string
      readonly provider: string
      readonly tools: readonly string[]
      readonly limits: Limits
      /** Rounds that an earlier process had already finished. */
      readonly resumedRounds: number
    }
  | { readonly type: 'round-start'; readonly round: number; readonly answerOnly: boolean }
  | {
      readonly type: 'reply'
      readonly round: number
      readonly finishReason: FinishReason
      readonly text: string
      readonly calls: readonly { readonly id: string; readonly name: string }[]
      readonly usage: Usage
      readonly durationMs: number
      /** The model that answered and the server's id of the reply, where the server tells them. */
      readonly model?: string
      readonly responseId?: string
    }
  | {
      readonly type: 'repair'
      readonly round: number
      readonly id: string
      readonly tool: string
      readonly repair: Repair
    }
  | {
      readonly type: 'tool-start'
      readonly round: number
      readonly id: string
      readonly callId: string
      readonly tool: string
    }
  | {
      readonly type: 'tool-end'
      readonly round: number
      readonly id: string
      readonly tool: string
      readonly input: string
      readonly status: 'ok' | 'error'
      readonly errorKind?: ToolErrorKind
      /** Id of the identical earlier call whose result was served. */
      readonly servedFrom?: string
      readonly result: string
      readonly clipped: boolean
      readonly durationMs: number
    }
  /** A model call failed and is sent again after a wait. */
  | {
      readonly type: 'retry'
      readonly round: number
      readonly attempt: number
      readonly code: ModelErrorCode
      readonly waitMs: number
    }
  /** A model call failed, or was cut short by the deadline or an abort: the run is over. */
  | { readonly type: 'reply-failed'; readonly round: number; readonly error: RunError; readonly durationMs: number }
  | { readonly type: 'answer-rejected'; readonly round: number; readonly problems: readonly string[] }
  | { readonly type: 'limit'; readonly round: number; readonly limit: LimitReason; readonly detail: string }
  /**
   * A function of the caller threw, or was cut short by the deadline (`onEvent`, `onCheckpoint`, `answer.check`), or a resume
   * lost a result (`resumeFrom`). In a trace also: older entries were left out, of a checkpoint or a Temporal payload.
   */
  | { readonly type: 'warning'; readonly source: string; readonly message: string }
  | {
      readonly type: 'run-end'
      readonly stopReason: StopReason
      readonly rounds: number
      readonly usage: Usage
      readonly error?: RunError
    }
) & {
  readonly runId: string
  /** Milliseconds since the run began, time in earlier processes included. */
  readonly elapsedMs: number
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** An event without what the emitter adds. */
export type LoopEventBody = DistributiveOmit<LoopEvent, 'runId' | 'elapsedMs'>
