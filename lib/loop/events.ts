// The events of a run, in this order:
//
//   run-start
//   per round:  limit?, round-start, ( text-delta*, text-reset?, ( retry | results-shortened ) )*,
//               text-delta*, ( text-reset, text-delta* )?, reply,
//               ( tool-start?, repair*, tool-end )*, tool-waiting*, answer-rejected?
//   run-end
//
// `warning` can come anywhere. `reply-failed` in place of `reply` is followed by `run-end`. A call that is refused, or gets
// an earlier result, has no `tool-start`. The calls of one reply overlap.
//
// Texts of events are excerpts with secrets masked, except for `text-delta`, which has the words of the reply as they are.
// Thinking is never part of them.

import type { Repair, ToolErrorKind } from '../../router/tool-call.ts'
import type { ModelErrorCode, RunError } from './errors.ts'
import type { LimitReason, Limits, StopReason, WaitReason } from './limits.ts'
import type { FinishReason, Usage } from './model.ts'

/** An event of a run. Its `type` tells which members it has. */
export type LoopEvent = LoopEventBody & {
  /** Id of the run. */
  readonly runId: string
  /** Milliseconds since the run began, time in earlier processes included. */
  readonly elapsedMs: number
}

/** An event without the members that all events have. */
export type LoopEventBody =
  | RunStartEvent
  | RoundStartEvent
  | TextDeltaEvent
  | TextResetEvent
  | RetryEvent
  | ReplyEvent
  | ReplyFailedEvent
  | ResultsShortenedEvent
  | ToolStartEvent
  | RepairEvent
  | ToolEndEvent
  | AnswerRejectedEvent
  | ToolWaitingEvent
  | LimitEvent
  | WarningEvent
  | RunEndEvent

/** The run begins, or continues from a checkpoint. */
interface RunStartEvent {
  readonly type: 'run-start'
  /** Name of the model. */
  readonly model: string
  /** OpenTelemetry's name of the provider, for example `minimax`. */
  readonly provider: string
  /** Names of the tools. */
  readonly tools: readonly string[]
  /** All limits, defaults included. */
  readonly limits: Limits
  /** Rounds that earlier processes finished; 0 for a new run. */
  readonly resumedRounds: number
}

/** The model is asked for a reply. */
interface RoundStartEvent {
  readonly type: 'round-start'
  /** Number of the round, from 1. */
  readonly round: number
  /** Whether tools are off, so that the reply must be the answer. */
  readonly answerOnly: boolean
}

/**
 * The next piece of the visible text of a reply: without thinking, and without what is read as a tool call. A model that
 * streams gives many pieces while the text arrives. Otherwise each reply with visible text has one piece.
 *
 * The pieces of a round after its last `text-reset`, joined, are exactly the text of the reply when the `reply` event comes.
 * After `reply-failed` they are what arrived of it. Then a run that is resumed asks for the reply again.
 */
interface TextDeltaEvent {
  readonly type: 'text-delta'
  /** Number of the round, from 1. */
  readonly round: number
  /** 1 for the first request of the round. One more each time that the text starts again. */
  readonly attempt: number
  /** The new text; not empty. It is the model's text as it is, so secrets are not masked. */
  readonly text: string
}

/** Drop the text of this round that was shown so far: the reply failed and is sent again, or its text reads otherwise. */
interface TextResetEvent {
  readonly type: 'text-reset'
  /** Number of the round, from 1. */
  readonly round: number
  /** The attempt whose text is dropped. */
  readonly attempt: number
}

/** A model call failed, and is sent again after a wait. */
interface RetryEvent {
  readonly type: 'retry'
  /** Number of the round, from 1. */
  readonly round: number
  /** 1 for the first retry of a model call. */
  readonly attempt: number
  /** Why the call failed. */
  readonly code: ModelErrorCode
  /** Milliseconds until it is sent again. */
  readonly waitMs: number
}

/** The model replied. */
interface ReplyEvent {
  readonly type: 'reply'
  /** Number of the round, from 1. */
  readonly round: number
  /** Why the reply ended. */
  readonly finishReason: FinishReason
  /** The visible text, at most 1000 bytes. */
  readonly text: string
  /** The tool calls of the reply, in order. */
  readonly calls: readonly {
    /** Id of the call. */
    readonly id: string
    /** Name of the tool. */
    readonly name: string
  }[]
  /** Tokens of this reply. */
  readonly usage: Usage
  /** Milliseconds until the reply was complete, retries included. */
  readonly durationMs: number
  /** Name of the model that answered, if the server gives it. */
  readonly model?: string
  /** The server's id of the reply, if it gives one. */
  readonly responseId?: string
}

/** A model call failed and is not retried, or was cut short by the deadline or an abort. The run ends. */
interface ReplyFailedEvent {
  readonly type: 'reply-failed'
  /** Number of the round, from 1. */
  readonly round: number
  /** Why it failed. */
  readonly error: RunError
  /** Milliseconds until it failed, retries included. */
  readonly durationMs: number
}

/**
 * The messages were longer than the model's context window. The oldest large tool results in them were shortened, and the
 * request is sent again, once. Calls can still refer to the full values.
 */
interface ResultsShortenedEvent {
  readonly type: 'results-shortened'
  /** Number of the round, from 1. */
  readonly round: number
  /** Number of results that were shortened. */
  readonly results: number
  /** UTF-8 bytes of the messages that were saved. */
  readonly savedBytes: number
}

/** A call was validated, and its tool is called now. */
interface ToolStartEvent {
  readonly type: 'tool-start'
  /** Number of the round, from 1. */
  readonly round: number
  /** Id of the call. */
  readonly id: string
  /** Idempotency key that the tool gets. */
  readonly callId: string
  /** Name of the tool. */
  readonly tool: string
}

/** A call deviated from its documented form, and was repaired. */
interface RepairEvent {
  readonly type: 'repair'
  /** Number of the round, from 1. */
  readonly round: number
  /** Id of the call. */
  readonly id: string
  /** Name of the tool. */
  readonly tool: string
  /** The deviation and its repair. */
  readonly repair: Repair
}

/** A call has its result. */
interface ToolEndEvent {
  readonly type: 'tool-end'
  /** Number of the round, from 1. */
  readonly round: number
  /** Id of the call. */
  readonly id: string
  /** Name of the tool. */
  readonly tool: string
  /** The input as the model asked for it, as JSON text of at most 500 bytes. */
  readonly input: string
  /** Whether the call succeeded. */
  readonly status: 'ok' | 'error'
  /** Kind of the error of a call with status `error`. */
  readonly errorKind?: ToolErrorKind
  /** Id of the identical earlier call whose result was reused. */
  readonly servedFrom?: string
  /** The content that the model is shown, at most 1000 bytes. */
  readonly result: string
  /** Number of times that the tool was called. Set when a tool with `retries` was called. */
  readonly attempts?: number
  /** Whether the content was cut at the byte limit. */
  readonly clipped: boolean
  /** Whether the content is what `toContent` of the tool made of the value. */
  readonly isView?: true
  /** Milliseconds that the call took; 0 if the result was reused. */
  readonly durationMs: number
}

/** An answer was not accepted. It goes back to the model while rounds remain. */
interface AnswerRejectedEvent {
  readonly type: 'answer-rejected'
  /** Number of the round, from 1. */
  readonly round: number
  /** One sentence per problem, as the model is shown them. */
  readonly problems: readonly string[]
}

/** A call waits for a decision. After the last of these the run ends as `paused`. The inputs are in `run.pending`. */
interface ToolWaitingEvent {
  readonly type: 'tool-waiting'
  /** Number of the round, from 1. */
  readonly round: number
  /** Id of the call. */
  readonly id: string
  /** Key of the decision in `decisions`, and idempotency key of the call. */
  readonly callId: string
  /** Name of the tool. */
  readonly tool: string
  /** Why it waits. */
  readonly reason: WaitReason
}

/** A limit was reached. Tools are off from now on, and the model is asked for its answer. */
interface LimitEvent {
  readonly type: 'limit'
  /** Number of the round that follows, from 1. */
  readonly round: number
  /** The limit. */
  readonly limit: LimitReason
  /** Its figures, for people. */
  readonly detail: string
}

/** The option that a warning is about, or the activity. */
export type WarningSource =
  | 'onEvent'
  | 'onCheckpoint'
  | 'mayWait'
  | 'answer.check'
  | 'resumeFrom'
  | 'toContent'
  | 'activity'

/** Something went wrong that does not end the run. */
interface WarningEvent {
  readonly type: 'warning'
  /**
   * The option that is concerned. `onEvent`, `onCheckpoint` or `mayWait` threw; `onCheckpoint` or `answer.check` was cut
   * short; `run.checkpoint` is larger than `limits.checkpointBytes` (`onCheckpoint`); `resumeFrom` lost a result, or could not
   * be used; `toContent` of a tool could not be used. In a trace also: older entries were left out of a checkpoint (`onCheckpoint`) or of a Temporal payload
   * (`activity`).
   */
  readonly source: WarningSource
  /** Explanation for people. */
  readonly message: string
}

/** The run is over. */
interface RunEndEvent {
  readonly type: 'run-end'
  /** Why the run ended. */
  readonly stopReason: StopReason
  /** Model replies of the run. */
  readonly rounds: number
  /** Tokens of all replies. */
  readonly usage: Usage
  /** The error of a run that failed or was interrupted. */
  readonly error?: RunError
}
