import type { Infer, Returnable, SchemaFor } from '../../router/schema.ts'
import type { Tool } from '../../router/tool.ts'
import type { ToolResult } from '../../router/tool-call.ts'
import type { Checkpoint, PartialAnswer } from './checkpoint.ts'
import type { Approval, CallToApprove, Decision, WaitingCall } from './decisions.ts'
import { type RunError, runErrorSchema } from './errors.ts'
import type { LoopEvent } from './events.ts'
import { type LimitReason, type Limits, limitReasons, stopReasons, type UnansweredStopReason } from './limits.ts'
import type { ChatMessage } from './messages.ts'
import { type Model, type ModelRetry, type Usage, usageRecord, usageSchema } from './model.ts'
import type { Clock } from './run-deadline.ts'
import type { TraceEntry } from './trace.ts'

/**
 * Options of `runLoop`. Only `model` and `prompt` are required.
 *
 * @typeParam S the schema of the answer; the type of `run.answer` is inferred from it.
 */
export interface RunOptions<S extends object = never> {
  /** The model to ask, for example `minimax()`. */
  readonly model: Model
  /** The tools that the model can call, made with `defineTool`. Names must be unique. @defaultValue no tools */
  readonly tools?: readonly Tool[] | undefined
  /**
   * The system prompt. The loop adds how to refer to earlier values and how to answer.
   * @defaultValue only what the loop adds
   */
  readonly instructions?: string | undefined
  /** The task: the first user message. */
  readonly prompt: string
  /** The required form of the answer. @defaultValue the answer is the model's text */
  readonly answer?: AnswerContract<S> | undefined
  /** Whether the model is told before each reply how many it has left. @defaultValue false */
  readonly showRepliesLeft?: boolean | undefined
  /**
   * Named values that the model can pass to tools as `{"$input":"<name>#<JSON Pointer>"}`. Each must be representable as
   * JSON. The model is told the names, not the values.
   * @defaultValue no inputs
   */
  readonly inputs?: Readonly<Record<string, unknown>> | undefined
  /**
   * The conversation before `prompt`: `messages` of an earlier run, also of one in another process. A system message in it is
   * skipped, because the `instructions` of this run apply. Its bytes count towards `limits.messageBytes`. Results in it are
   * text: calls of this run cannot refer to them with `$result`.
   *
   * A wrong order is refused: each reply with calls is followed by one result per call, in the order of the calls. With more
   * than `limits.messageBytes`, the first request asks for the answer, without tools.
   * @defaultValue a new conversation
   */
  readonly history?: readonly ChatMessage[] | undefined
  /**
   * Decides about each call before its tool is executed. It is asked in the order of the calls, once per call, after the
   * input was validated. Calls that can start together start when it has decided about all of them. It is not asked about a
   * call that is refused, that gets an earlier result, or that somebody has decided about already, and not about a tool
   * without `execute`, which is never executed here.
   *
   * If it throws or returns something else, the run ends as `failed`, and nothing of what it was asked about is executed.
   * Its time counts for `limits.deadlineMs`. If its promise never settles, the run ends as `deadline`. For a decision that
   * takes long, return `'pause'`.
   * @defaultValue every call runs
   */
  readonly approve?: ((call: CallToApprove) => Approval | Promise<Approval>) | undefined
  /** Limits that differ from the defaults: see {@link Limits}. */
  readonly limits?: Partial<Limits> | undefined
  /** Cancels the run: no request is sent after it is aborted, and running tools are aborted too. */
  readonly signal?: AbortSignal | undefined
  /** Called for every event, synchronously. An error that it throws becomes a warning in the trace. */
  readonly onEvent?: ((event: LoopEvent) => void) | undefined
  /**
   * Stores the state of the run, for example in a database. It is called after every reply, and again after its calls or
   * its check, or when the run pauses; when a run is resumed, also before calls run again. After an abort or at the deadline
   * it is called once more if calls were running, and `runLoop` waits up to a second for it: what was cut short in good order
   * does not count as the end of a process. It is not called after a failure.
   *
   * Return a promise that resolves when the checkpoint is stored durably. The run waits for it, at most until its deadline
   * or an abort. If the promise is rejected, the trace gets a warning, and the run continues, with one exception: if
   * `step.sideEffects` is true, the calls with side effects are not executed and get the error `not_recorded`. So a tool
   * with side effects never runs unless the store knows of it.
   *
   * Store each checkpoint in place of the one before, in one atomic write. Reject if another process has continued the run
   * in the meantime, for example if the stored checkpoint is not the one that this process has written last.
   */
  readonly onCheckpoint?: ((checkpoint: Checkpoint, step: CheckpointStep) => unknown) | undefined
  /**
   * Continues the run that this checkpoint was taken of: the last one that `onCheckpoint` got, or `run.checkpoint` of a
   * paused run. Pass the same options as before. Another `prompt`, other `instructions` or another `history` are refused,
   * because the messages come from the checkpoint. So is a run without the tool of a call that waits.
   * @defaultValue a new run
   */
  readonly resumeFrom?: Checkpoint | undefined
  /**
   * Decisions about calls that wait in `resumeFrom`, by the `callId` in `run.pending`. A call without a decision keeps
   * waiting: then the run ends as `paused` again, without a model call. A decision about a call that has its result
   * already is ignored, so the same decisions can be given again after a crash.
   *
   * Decisions need `resumeFrom`. A `value` must fit the `outputSchema` of the tool. `runLoop` throws the `LoopError`
   * `invalid_option` for any other value, and for a decision about any other call.
   * @defaultValue no decisions
   */
  readonly decisions?: Readonly<Record<string, Decision>> | undefined
  /**
   * The reaction to a `resumeFrom` that cannot be used: another release wrote it, it is damaged, or it belongs to another
   * run, another prompt, other instructions or another history.
   *
   * - `fail`: `runLoop` throws. Only if the checkpoint has another version and says that no tool with side effects was
   *   started, and `decisions` has no value of a call, the run starts again.
   * - `restart`: the run starts again, and its tools may run a second time.
   *
   * A run that starts again keeps its id and its elapsed time, and its trace has a warning. @defaultValue 'fail'
   */
  readonly onUnreadableCheckpoint?: 'fail' | 'restart' | undefined
  /**
   * Id of the run. The idempotency keys of its tool calls start with it, so every attempt of the same work needs the same
   * id.
   * @defaultValue the id in `resumeFrom`, otherwise a random UUID
   */
  readonly runId?: string | undefined
  /**
   * Asked before a model call waits to be sent again. If it returns false, the run ends as `failed` at once, and
   * `error.retry_after_ms` is the time of the wait. After it, continue the run with `resumeFrom`. `runInActivity` leaves long
   * waits to Temporal with it. @defaultValue every wait that fits into the deadline is allowed
   */
  readonly mayWait?: ((retry: ModelRetry) => boolean) | undefined
  /** Source of time, for tests. @defaultValue the system's clock */
  readonly clock?: Clock | undefined
}

/** The step that follows a checkpoint. */
export interface CheckpointStep {
  /** Whether the step calls a tool that is neither read-only nor idempotent. */
  readonly sideEffects: boolean
  /**
   * Makes the checkpoint smaller for a store with a limit of its own, by the same rules as `limits.checkpointBytes`: full
   * values of results are left out, then the oldest entries of the trace.
   *
   * @param maxBytes most bytes of the checkpoint as JSON. If not even that is enough, the result is larger.
   */
  readonly shrink: (maxBytes: number) => Checkpoint
}

/** The form of the answer, and how it is checked. */
export interface AnswerContract<S extends object> {
  /** Schema of the answer: JSON Schema, or a schema of zod, arktype, valibot or TypeBox. It must describe an object. */
  readonly schema: SchemaFor<S>
  /**
   * Finds problems that the schema cannot express. Each returned sentence goes back to the model; an empty array accepts
   * the answer. It must not throw. If it does, the run ends as `failed` at once.
   */
  readonly check?: (answer: Infer<S>, run: RunView) => readonly string[] | Promise<readonly string[]>
}

/** The part of a run that a check can see. */
export interface RunView {
  /** Id of the run. */
  readonly runId: string
  /** All tool results so far, in order, with full values. */
  readonly results: readonly ToolResult[]
}

interface RunRecord {
  /** Id of the run. */
  readonly runId: string
  /** Name of the model, as the {@link Model} gives it. */
  readonly model: string
  /** OpenTelemetry's name of the provider, for example `minimax`. */
  readonly provider: string
  /** Model replies of the run. */
  readonly rounds: number
  /** Tokens of all replies. */
  readonly usage: Usage
  /** Milliseconds of the run, earlier processes included. */
  readonly durationMs: number
  /** The limit that was reached; absent if none was. It can be set for an answered run, too. */
  readonly limit?: LimitReason
  /** All tool results of the run, in order, with full values. A call that waits for a decision has none yet. */
  readonly results: readonly ToolResult[]
  /**
   * The conversation in wire order: what the model was sent, and its replies. Pass it as `history` to ask a follow-up
   * question. It contains everything unchanged, secrets and thinking too, because it is sent to the model again.
   */
  readonly messages: readonly ChatMessage[]
  /** The record of the run, one entry per reply, tool call, repair and limit, in order. */
  readonly trace: readonly TraceEntry[]
}

/** The result of a run. `stopReason` tells which members it has. */
export type Run<Answer = string> =
  | (RunRecord & {
      /** The answer was accepted. */
      readonly stopReason: 'answered'
      /** The answer: a value that fits the schema, or text without a schema. */
      readonly answer: Answer
      /** An answered run has no error. */
      readonly error?: never
      /** The answer is complete. */
      readonly partial?: never
    })
  | (RunRecord & {
      /** Calls wait for a decision. */
      readonly stopReason: 'paused'
      /** The calls that wait, in the order of the reply. */
      readonly pending: readonly WaitingCall[]
      /**
       * The state of the run as plain JSON. Store it, decide about the calls, and pass it as `resumeFrom` together with
       * `decisions`. It has the results of all calls of the reply that did not wait. If it cannot be made small enough for
       * `limits.checkpointBytes`, it is larger, and the trace has a warning.
       */
      readonly checkpoint: Checkpoint
      /** The best answer that was not accepted, with its problems; absent if there was none. */
      readonly partial?: PartialAnswer
      /** A pause is not an error. */
      readonly error?: never
    })
  | (RunRecord & {
      /** Why the run ended without an accepted answer. */
      readonly stopReason: Exclude<UnansweredStopReason, 'paused'>
      /** The best answer that was not accepted, with its problems; absent if there was none. */
      readonly partial?: PartialAnswer
      /** Set for `failed` and `cancelled`, and for a `deadline` that cut a model call short. */
      readonly error?: RunError
    })

/** Type of the answer: inferred from the schema, or `string` without a schema. */
export type AnswerOf<S extends object> = [S] extends [never] ? string : Infer<S>

const text = { type: 'string' } as const
const count = { type: 'integer', minimum: 0 } as const

/** JSON Schema of a {@link RunSummary}. */
export const runSummarySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['run_id', 'model', 'provider', 'stop_reason', 'rounds', 'usage', 'duration_ms'],
  properties: {
    run_id: { ...text, description: 'Id of the run. The ids of its tool calls start with it.' },
    model: { ...text, description: 'Name of the model, as the `Model` gives it.' },
    provider: { ...text, description: "OpenTelemetry's name of the provider, for example `minimax`." },
    stop_reason: { enum: stopReasons, description: 'Why the run ended.' },
    limit: { enum: limitReasons, description: 'The limit that was reached. Absent if none was.' },
    rounds: { ...count, description: 'Model replies of the run.' },
    usage: usageSchema,
    duration_ms: { ...count, description: 'Milliseconds of the run, earlier processes included.' },
    error: runErrorSchema,
  },
} as const

/** The facts about a run as a whole, as plain JSON. The steps of the run are in its trace. */
export type RunSummary = Returnable<Infer<typeof runSummarySchema>>

/** Summarises a run for a JSON document, such as a report. */
export function summarizeRun(run: Run<unknown>): RunSummary {
  const error = run.stopReason === 'answered' ? undefined : run.error
  return {
    run_id: run.runId,
    model: run.model,
    provider: run.provider,
    stop_reason: run.stopReason,
    ...(run.limit === undefined ? {} : { limit: run.limit }),
    rounds: run.rounds,
    usage: usageRecord(run.usage),
    duration_ms: Math.round(run.durationMs),
    ...(error === undefined ? {} : { error }),
  }
}
