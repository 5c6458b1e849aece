import type { AssistantMessage } from '../../router/reading/assistant-message.ts'
import type { Protocol } from '../../router/reading/call-shapes.ts'
import type { SchemaOf, TextFormat } from '../../router/reading/text-format.ts'
import type { Infer, Returnable } from '../../router/schema.ts'
import type { ModelErrorCode } from './errors.ts'

/**
 * A model, as the loop sees it: one function that turns messages into a reply.
 *
 * `minimax()` returns one, and `scriptedModel()` of `tenrounds/testing` returns one for tests.
 */
export interface Model {
  /** Name for traces and reports, for example `minimax-m2.1`. */
  readonly name: string
  /** OpenTelemetry's `gen_ai.provider.name`, for example `minimax`. */
  readonly provider: string
  /**
   * The form in which this model writes tool calls and thinking as text, if the server leaves them in the content.
   * @defaultValue none: only native calls and structured JSON are read
   */
  readonly textFormat?: TextFormat | undefined
  /**
   * Asks for one reply. It must send nothing after `signal` is aborted, and must end within `timeoutMs`.
   *
   * @throws {ModelError} as a rejection, if no reply comes. The run ends as `failed`, or as `cancelled` or `deadline` if
   *   that was the cause.
   */
  complete(request: ModelRequest): Promise<ModelReply>
}

/** One request to a {@link Model}. */
export interface ModelRequest {
  /**
   * The messages in wire order. Each is serialised once per run, so a request body is joined from these texts. The array
   * grows with the run: copy it to keep it.
   */
  readonly messages: readonly SerializedMessage[]
  /** The `tools` array of the request as JSON text; `undefined` if the model must answer without tools. */
  readonly tools?: string | undefined
  /**
   * The same `tools` array with the plainest schemas that say enough, for an endpoint that refuses a keyword or a form of
   * schema. It is made when it is first asked for. @defaultValue no plainer form
   */
  readonly plainTools?: (() => string | undefined) | undefined
  /**
   * The input schema of a declared tool, also while tools are off. A model that streams text needs it to tell calls in
   * the text from prose. @defaultValue looked up in `tools`
   */
  readonly schemaOf?: SchemaOf | undefined
  /** Aborted when the run is cancelled or its deadline is over. */
  readonly signal: AbortSignal
  /** Milliseconds until the deadline of the run; at least 1. */
  readonly timeoutMs: number
  /**
   * Milliseconds of the slowest reply of the run so far. A model with timeouts of its own should wait longer than that, as
   * far as `timeoutMs` allows. @defaultValue 0, for a run without replies
   */
  readonly slowestReplyMs?: number | undefined
  /** Call this before a failed request is sent again. It reports the retry as an event of the run. */
  readonly onRetry?: (retry: ModelRetry) => void
  /**
   * A model that streams calls this with each new piece of the visible text, without thinking and tool calls. After
   * `onRetry` the text starts again from the beginning. It is given only if someone listens, and it does not throw.
   * A model that does not stream need not call it: the loop takes the text from the reply.
   */
  readonly onText?: ((text: string) => void) | undefined
  /**
   * Asked before each wait for a retry. If it returns false, reject at once with the `ModelError`, whose `retryAfterMs` is
   * then the time of the wait. @defaultValue every wait is allowed
   */
  readonly mayWait?: ((retry: ModelRetry) => boolean) | undefined
}

/** A failed request that is sent again. */
export interface ModelRetry {
  /** 1 for the first retry of a model call. */
  readonly attempt: number
  /** Why the request failed. */
  readonly code: ModelErrorCode
  /** Milliseconds until it is sent again. */
  readonly waitMs: number
}

/** One chat-completions message as JSON text. */
export interface SerializedMessage {
  /** The role that the JSON has. */
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  /** The whole message as JSON, `role` included. */
  readonly json: string
}

/** All finish reasons. */
export const finishReasons = ['stop', 'length', 'tool_calls', 'content_filter', 'other'] as const

/**
 * Why a reply ended.
 *
 * - `stop`: the model finished its answer.
 * - `length`: the output limit cut the reply off.
 * - `tool_calls`: the model asks for tool calls.
 * - `content_filter`: the server's filter cut the reply off.
 * - `other`: the server gave no reason, or one of its own.
 */
export type FinishReason = (typeof finishReasons)[number]

/** One reply of a {@link Model}. */
export interface ModelReply {
  /** The assistant message as the server sent it, reasoning included: the next request sends it back. */
  readonly message: AssistantMessage
  /** Why the reply ended. */
  readonly finishReason: FinishReason
  /** Tokens of this reply. */
  readonly usage: Usage
  /** The server's id of the completion. */
  readonly id?: string | undefined
  /** Name of the model that answered, as the server gives it. */
  readonly model?: string | undefined
  /** The way in which the tools were sent; it decides which calls in text count. @defaultValue 'native' */
  readonly protocol?: Protocol | undefined
}

/** Token counts of the server. A count that the server did not give is 0. */
export interface Usage {
  /** Prompt tokens, cached ones included. */
  readonly inputTokens: number
  /** Completion tokens, reasoning included. */
  readonly outputTokens: number
  /** Prompt tokens that the server read from its cache. */
  readonly cachedInputTokens: number
  /** Completion tokens that the model spent on reasoning. */
  readonly reasoningTokens: number
}

const count = { type: 'number', minimum: 0 } as const

/** JSON Schema of a {@link UsageRecord}. */
export const usageSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['input_tokens', 'output_tokens', 'cached_input_tokens', 'reasoning_tokens'],
  properties: {
    input_tokens: { ...count, description: 'Prompt tokens, cached ones included.' },
    output_tokens: { ...count, description: 'Completion tokens, reasoning included.' },
    cached_input_tokens: { ...count, description: 'Prompt tokens that the server read from its cache.' },
    reasoning_tokens: { ...count, description: 'Completion tokens that the model spent on reasoning.' },
  },
} as const

/** {@link Usage} with the field names of JSON documents. */
export type UsageRecord = Returnable<Infer<typeof usageSchema>>

/** The usage of a run before its first reply. */
export const noUsage: UsageRecord = { input_tokens: 0, output_tokens: 0, cached_input_tokens: 0, reasoning_tokens: 0 }

/** The usage of a run after one more reply. */
export function addUsage(sum: UsageRecord, reply: Usage): UsageRecord {
  return {
    input_tokens: sum.input_tokens + reply.inputTokens,
    output_tokens: sum.output_tokens + reply.outputTokens,
    cached_input_tokens: sum.cached_input_tokens + reply.cachedInputTokens,
    reasoning_tokens: sum.reasoning_tokens + reply.reasoningTokens,
  }
}

/** Token counts with the field names of JSON documents. */
export function usageRecord(usage: Usage): UsageRecord {
  return addUsage(noUsage, usage)
}

/** Token counts with the field names of TypeScript. */
export function usageOf(record: UsageRecord): Usage {
  return {
    inputTokens: record.input_tokens,
    outputTokens: record.output_tokens,
    cachedInputTokens: record.cached_input_tokens,
    reasoningTokens: record.reasoning_tokens,
  }
}

/** The usage of a reply with 0 for every count that is missing or wrong: one NaN would disable the limit `tokens`. */
export function validUsage(usage: Partial<Usage>): Usage {
  return {
    inputTokens: validCount(usage.inputTokens),
    outputTokens: validCount(usage.outputTokens),
    cachedInputTokens: validCount(usage.cachedInputTokens),
    reasoningTokens: validCount(usage.reasoningTokens),
  }
}

/** A count of tokens; 0 for a value that is not one. */
export function validCount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
}
