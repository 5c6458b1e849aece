import type { Infer, SchemaFor } from '../../router/schema.ts'
import type { Tool } from '../../router/tool.ts'
import type { ToolResult } from '../../router/tool-call.ts'
import type { Checkpoint, PartialAnswer } from './checkpoint.ts'
import type { Clock } from './clock.ts'
import type { RunError } from './errors.ts'
import type { LoopEvent } from './events.ts'
import type { LimitReason, Limits, StopReason } from './limits.ts'
import type { Model, Usage } from './model.ts'
import type { TraceEntry } from './trace.ts'

export interface RunOptions<S extends object = never> {
  readonly model: Model
  readonly tools?: readonly Tool[] | undefined
  /** The system prompt. The loop adds how to answer and how to point at earlier values. */
  readonly instructions?: string | undefined
  readonly prompt: string
  /** What the final answer has to be; without it the answer is the model's text. */
  readonly answer?: AnswerContract<S> | undefined
  /** Named values that the model may point at with `{"$input":"<name>#<pointer>"}`. */
  readonly inputs?: Readonly<Record<string, unknown>> | undefined
  readonly limits?: Partial<Limits> | undefined
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: LoopEvent) => void) | undefined
  /** Called after every reply, and after its calls or its check, but not after an abort; what it returns is awaited. */
  readonly onCheckpoint?: ((checkpoint: Checkpoint) => unknown) | undefined
  /** A checkpoint of the same run: it goes on where that one was taken. */
  readonly resumeFrom?: Checkpoint | undefined
  /** Begins the idempotency keys of the calls, so it has to be the same in every attempt. @defaultValue a random UUID */
  readonly runId?: string | undefined
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined
}

export interface AnswerContract<S extends object> {
  readonly schema: SchemaFor<S>
  /** What is wrong with an answer that fits the schema; each problem goes back to the model. Must not throw. */
  readonly check?: (answer: Infer<S>, run: RunView) => readonly string[] | Promise<readonly string[]>
}

/** What a check may look at. */
export interface RunView {
  readonly runId: string
  readonly results: readonly ToolResult[]
}

interface RunRecord {
  readonly runId: string
  /** Name of the model, as the {@link Model} gives it. */
  readonly model: string
  /** OpenTelemetry's name of the provider, for example `minimax`. */
  readonly provider: string
  readonly rounds: number
  readonly usage: Usage
  /** Time of the run in milliseconds, earlier processes included. */
  readonly durationMs: number
  /** The bound that made the model answer early, whether or not the answer was accepted. */
  readonly limit?: LimitReason
  /** Every tool result of the run, with full values. */
  readonly results: readonly ToolResult[]
  /** What happened, in order. */
  readonly trace: readonly TraceEntry[]
}

/** What a run came to. Never an exception: what was learned before a failure is here. */
export type Run<Answer = string> =
  | (RunRecord & { readonly stopReason: 'answered'; readonly answer: Answer })
  | (RunRecord & {
      readonly stopReason: Exclude<StopReason, 'answered'>
      /** The best answer that was not accepted, with what is wrong with it. */
      readonly partial?: PartialAnswer
      /** Set for `failed`, `cancelled`, and a `deadline` that cut a model call short. */
      readonly error?: RunError
    })

/** The answer's type: text, unless a schema says more. */
export type AnswerOf<S extends object> = [S] extends [never] ? string : Infer<S>
