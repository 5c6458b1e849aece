import { isObject, type UnknownObject } from '../../../router/json/json.ts'
import type { AssistantMessage } from '../../../router/reading/assistant-message.ts'
import { ModelError } from '../../loop/errors.ts'
import { type FinishReason, type ModelReply, type Usage, validCount } from '../../loop/model.ts'
import { errorInBody } from '../errors/classify-error.ts'

/**
 * Reads the reply in a response body with a 2xx status:
 *
 *   {"id":"1","model":"MiniMax-M2.1","usage":{…},"choices":[{"finish_reason":"stop","message":{"role":"assistant",…}}]}
 *
 * @throws {ModelError} if the body carries an error in spite of its status, or is not a chat completion.
 */
export function readCompletion(body: unknown, status: number, retryAfterMs?: () => number | undefined): ModelReply {
  const choice = isObject(body) && Array.isArray(body['choices']) ? choiceOf(body['choices']) : undefined
  if (!isObject(body) || choice === undefined || body['error'] || body['base_resp']) {
    const error = errorInBody(body, status, retryAfterMs)
    if (error !== undefined) throw error
  }
  if (choice !== undefined) throwErrorOf(choice, status, retryAfterMs)
  const message = choice?.['message']
  if (!isObject(body) || choice === undefined || !isObject(message)) {
    throw new ModelError('The response is JSON, but not a chat completion: choices[0].message is missing.', {
      code: 'protocol',
      retryable: true,
      status,
    })
  }
  return {
    message: (message['role'] === 'assistant' ? message : { ...message, role: 'assistant' }) as AssistantMessage,
    finishReason: finishReasonOf(choice['finish_reason'], message['tool_calls']),
    usage: usageOf(body['usage']),
    id: textOf(body['id']),
    model: textOf(body['model']),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function choiceOf(choices: readonly unknown[]): UnknownObject | undefined {
  const [only, ...others] = choices
  if (others.length === 0) return isObject(only) ? only : undefined
  const index = lowestIndex(choices)
  return choices.filter(isObject).find((choice) => index === undefined || wireIndex(choice['index']) === index)
}

/**
 * Throws the error in a choice. Gateways report a provider that failed during its reply in the choice, or only as its
 * finish reason.
 *
 * @throws {ModelError} if the choice reports a failure.
 */
export function throwErrorOf(choice: UnknownObject, status: number, retryAfterMs?: () => number | undefined): void {
  const { error, finish_reason: reason } = choice
  const found = error ? errorInBody({ error }, status, retryAfterMs) : undefined
  if (found !== undefined) throw found
  if (isFailure(reason)) throw unexplainedFailure(status)
}

/** The error of a server that reports a failure without a reason. */
export function unexplainedFailure(status: number): ModelError {
  const message = `MiniMax: the server stopped its reply with an error that it does not describe [HTTP ${status}]`
  return new ModelError(message, { code: 'server', retryable: true, status })
}

/** Reads `usage`. MiniMax counts cached tokens under one of two names, depending on how the cache was used. */
export function usageOf(usage: unknown): Usage {
  const fields = isObject(usage) ? usage : {}
  const prompt = isObject(fields['prompt_tokens_details']) ? fields['prompt_tokens_details'] : {}
  const completion = isObject(fields['completion_tokens_details']) ? fields['completion_tokens_details'] : {}
  return {
    inputTokens: validCount(fields['prompt_tokens']),
    outputTokens: validCount(fields['completion_tokens']),
    cachedInputTokens: validCount(prompt['cached_tokens']) || validCount(prompt['cache_read_input_tokens']),
    reasoningTokens: validCount(completion['reasoning_tokens']),
  }
}

/** The documented finish reasons, and the names that gateways use instead; in lower case. */
const reasons: ReadonlyMap<unknown, FinishReason> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['max_output_tokens', 'length'],
  ['model_length', 'length'],
  ['tool_calls', 'tool_calls'],
  ['content_filter', 'content_filter'],
])

function lower(reason: unknown): unknown {
  return typeof reason === 'string' ? reason.toLowerCase() : reason
}

function finishReasonOf(reason: unknown, toolCalls: unknown): FinishReason {
  return reasons.get(lower(reason)) ?? (Array.isArray(toolCalls) && toolCalls.length > 0 ? 'tool_calls' : 'other')
}

/** Whether a failure of the server ended the reply. */
function isFailure(reason: unknown): boolean {
  return lower(reason) === 'error'
}

/** The finish reasons by importance: the one that restricts most what the reply may be used for is kept. */
const weights: Readonly<Record<FinishReason, number>> = {
  stop: 0,
  other: 1,
  tool_calls: 2,
  content_filter: 3,
  length: 4,
}

/**
 * The finish reason of a stream that sent several: the most important one. A `stop` in the last frame does not undo a
 * `length` before it, and neither does a `tool_calls` that is sent with each call.
 */
export function moreRestrictive(known: string | undefined, next: string): string {
  return known === undefined || weightOf(next) > weightOf(known) ? next : known
}

function weightOf(reason: string): number {
  return weights[finishReasonOf(reason, undefined)]
}

/** The `index` of a choice or a call. Some gateways send it as text. */
export function wireIndex(value: unknown): number | undefined {
  const index = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof index === 'number' && Number.isInteger(index) ? index : undefined
}

/** The lowest index in a list of choices. One choice is asked for; if a server sends several, this one counts. */
export function lowestIndex(choices: readonly unknown[]): number | undefined {
  const indexes = choices.filter(isObject).flatMap(({ index }) => wireIndex(index) ?? [])
  return indexes.length === 0 ? undefined : indexes.reduce((lowest, index) => Math.min(lowest, index))
}
