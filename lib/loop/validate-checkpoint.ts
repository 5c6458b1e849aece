import { describeValidationErrors } from '../../router/feedback.ts'
import { isObject, parseJson } from '../../router/json/json.ts'
import { compileSchema } from '../../router/validation.ts'
import { type Checkpoint, checkpointVersion, invalid } from './checkpoint.ts'
import type { AnswerContract } from './run.ts'

const text = { type: 'string' } as const
const amount = { type: 'number', minimum: 0 } as const
const flag = { type: 'boolean' } as const
const call = {
  type: 'object',
  properties: { id: text, name: text, input: {} },
  required: ['id', 'name', 'input'],
} as const
const limitReason = ['rounds', 'tokens', 'deadline', 'repetition', 'calls', 'messageBytes'] as const
const stopReason = ['rounds', 'tokens', 'deadline', 'repetition', 'cancelled', 'failed'] as const
const finishReason = ['stop', 'length', 'tool_calls', 'content_filter', 'other'] as const

/** What a checkpoint has to be before anything of it is used; members that only a later release knows do no harm. */
const checkpointSchema = {
  type: 'object',
  properties: {
    version: { const: checkpointVersion },
    run_id: { type: 'string', minLength: 1 },
    rounds: { type: 'integer', minimum: 0 },
    messages: {
      type: 'array',
      items: {
        type: 'object',
        properties: { role: { enum: ['system', 'user', 'assistant', 'tool'] }, json: text },
        required: ['role', 'json'],
      },
    },
    pending: { type: 'array', items: { ...call, properties: { ...call.properties, repairs: { type: 'array' } } } },
    results: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          key: text,
          call,
          call_id: text,
          status: { enum: ['ok', 'error'] },
          shed: { enum: ['value', 'content'] },
          error: { type: 'object', properties: { kind: text, message: text }, required: ['kind', 'message'] },
          clipped: flag,
          served_from: text,
          duration_ms: { type: 'number' },
          repairs: { type: 'array' },
        },
        required: ['key', 'call', 'call_id', 'status', 'clipped', 'duration_ms', 'repairs'],
      },
    },
    usage: {
      type: 'object',
      properties: { inputTokens: amount, outputTokens: amount, cachedInputTokens: amount, reasoningTokens: amount },
      required: ['inputTokens', 'outputTokens', 'cachedInputTokens', 'reasoningTokens'],
    },
    last_tokens: amount,
    fastest_ms: amount,
    slowest_ms: amount,
    elapsed_ms: amount,
    closing: { enum: [...limitReason, null] },
    announced: flag,
    unjudged: {
      type: ['object', 'null'],
      properties: { text, finish_reason: { enum: finishReason } },
      required: ['text', 'finish_reason'],
    },
    stop: { enum: [...stopReason, null] },
    partial: {
      type: ['object', 'null'],
      properties: { value: {}, problems: { type: 'array', items: text } },
      required: ['value', 'problems'],
    },
    answer: { type: ['object', 'null'], properties: { value: {} }, required: ['value'] },
    entries: { type: 'array', items: { type: 'object', properties: { type: text }, required: ['type'] } },
  },
} as const

const schema = { ...checkpointSchema, required: Object.keys(checkpointSchema.properties) }

/**
 * @throws {LoopError} `invalid_checkpoint` when a value is no checkpoint of this version, when calls of its transcript have
 *   neither a result nor are pending, or when its answer is not one to `contract`.
 */
export function assertCheckpoint<S extends object>(value: Checkpoint, contract: AnswerContract<S> | undefined): void {
  const { version } = value
  if (version !== checkpointVersion) {
    throw invalid(`has version ${JSON.stringify(version)}; this release reads version ${checkpointVersion}`)
  }
  const faults = compileSchema(schema)(value)
  if (faults.length > 0) throw invalid(`is damaged:\n${describeValidationErrors(faults, schema)}\n`)
  const answered = value.messages.filter(({ role }) => role === 'tool').length
  if (answered !== value.results.length) {
    throw invalid(`has ${answered} tool messages for ${value.results.length} results`)
  }
  const asked = value.messages.reduce((sum, message) => sum + callsIn(message), 0)
  if (asked !== value.results.length + value.pending.length) {
    throw invalid(`has ${asked} calls for ${value.results.length} results and ${value.pending.length} pending calls`)
  }
  const { answer } = value
  if (answer !== null && !isAnswer(answer.value, contract))
    throw invalid('has an answer that does not fit answer.schema')
}

function callsIn({ role, json }: Checkpoint['messages'][number]): number {
  const message = parseJson(json)
  // The message of a result that was shed is empty.
  if (!isObject(message) && role !== 'tool') throw invalid(`has a message of ${role} that is no JSON`)
  const calls = role === 'assistant' && isObject(message) ? message['tool_calls'] : undefined
  return Array.isArray(calls) ? calls.length : 0
}

function isAnswer<S extends object>(answer: unknown, contract: AnswerContract<S> | undefined): boolean {
  return contract === undefined ? typeof answer === 'string' : compileSchema(contract.schema)(answer).length === 0
}
