// The format of a checkpoint, and its validation on resume.
//
// The state of a run is an object of this format all the time, so saving it is a copy (save-checkpoint.ts).
// restore-checkpoint.ts rebuilds the objects that live beside the state, such as the index of earlier calls.

import { describeValidationErrors } from '../../router/feedback.ts'
import { isObject, parseJson } from '../../router/json/json.ts'
import type { Infer, Returnable } from '../../router/schema.ts'
import type { Repair, ToolCall, ToolError } from '../../router/tool-call.ts'
import { compileSchema } from '../../router/validation.ts'
import { LoopError } from './errors.ts'
import { limitReasons, unansweredStopReasons } from './limits.ts'
import { finishReasons, usageSchema } from './model.ts'
import type { TraceEntry } from './trace.ts'

/** Version of the format. It is raised whenever a field changes, and a checkpoint of any other version is refused. */
export const checkpointVersion = 3

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const amount = { type: 'number', minimum: 0 } as const
const repairs = { type: 'array', items: { type: 'object' } } as const

/** A tool call as the model asked for it. */
const call = {
  type: 'object',
  properties: { id: text, name: text, input: {} },
  required: ['id', 'name', 'input'],
} as const

/** One finished tool call. Its content, which the model was shown, is in the message of the same position. */
const recordedResult = {
  type: 'object',
  properties: {
    /** Identity of the call: equal for identical calls. */
    key: text,
    call,
    /** Idempotency key that the tool got. */
    call_id: text,
    status: { enum: ['ok', 'error'] },
    /** The full value, if the content was clipped. Otherwise the content is the value as JSON. */
    value: {},
    /**
     * The part that was left out to keep `limits.checkpointBytes`: the full value, or the content as well. The tool runs
     * again when the run is resumed.
     */
    dropped: { enum: ['value', 'content'] },
    /** The error of a call with status `error`. */
    error: { type: 'object', properties: { kind: text, message: text }, required: ['kind', 'message'] },
    /** Whether the content is only a part of the value. */
    clipped: flag,
    /** Number of times that a tool with `retries` was called. */
    attempts: { type: 'integer', minimum: 1 },
    /** Id of the identical earlier call whose result this is. */
    served_from: text,
    duration_ms: { type: 'number' },
    repairs,
  },
  required: ['key', 'call', 'call_id', 'status', 'clipped', 'duration_ms', 'repairs'],
} as const

const properties = {
  version: { const: checkpointVersion },
  /** Id of the run; the idempotency keys of its tool calls start with it. */
  run_id: { type: 'string', minLength: 1 },
  /** Model replies so far. */
  rounds: { type: 'integer', minimum: 0 },
  /** The conversation in wire order. The n-th tool message belongs to the n-th of `results`. */
  messages: {
    type: 'array',
    items: {
      type: 'object',
      properties: { role: { enum: ['system', 'user', 'assistant', 'tool'] }, json: text },
      required: ['role', 'json'],
    },
  },
  /** Calls of the last reply that have no result yet. */
  pending: { type: 'array', items: { ...call, properties: { ...call.properties, repairs } } },
  /** The finished tool calls. */
  results: { type: 'array', items: recordedResult },
  /** Tokens of all replies. */
  usage: usageSchema,
  /** Tokens of the last reply; the next one is expected to cost about as much. */
  last_tokens: amount,
  /** Duration of the fastest reply in milliseconds; 0 before the first one. */
  fastest_ms: amount,
  /** Duration of the slowest reply in milliseconds; 0 before the first one. */
  slowest_ms: amount,
  /** Time that the run has taken in milliseconds, earlier processes included. */
  elapsed_ms: amount,
  /** The limit that was reached. Tools are off from then on. */
  limit_reached: { enum: [...limitReasons, null] },
  /** Whether the model was told that tools are off and that it must answer. */
  answer_requested: flag,
  /** The last reply, if it may be the answer and was not checked yet. */
  pending_answer: {
    type: ['object', 'null'],
    properties: { text, finish_reason: { enum: finishReasons } },
    required: ['text', 'finish_reason'],
  },
  /** Why the run ended, if it ended without an accepted answer. */
  stop_reason: { enum: [...unansweredStopReasons, null] },
  /** The best answer that was not accepted. */
  partial: {
    type: ['object', 'null'],
    properties: { value: {}, problems: { type: 'array', items: text } },
    required: ['value', 'problems'],
  },
  /** The accepted answer of a run that is over. */
  answer: { type: ['object', 'null'], properties: { value: {} }, required: ['value'] },
  /** The trace so far. Entries are only shown, so their fields are not checked. */
  trace: { type: 'array', items: { type: 'object', properties: { type: text }, required: ['type'] } },
} as const

/** The JSON Schema of a checkpoint, and the only list of its fields. Every field is required. */
const checkpointSchema = { type: 'object', properties, required: namesOf(properties) } as const

type Checked = Returnable<Infer<typeof checkpointSchema>>

/**
 * The state of a run as plain JSON: everything that is needed to continue it in another process.
 *
 * It contains the conversation. Store it where only people who may read the conversation can read it.
 */
export interface Checkpoint extends Omit<Checked, 'pending' | 'results' | 'trace'> {
  /** Calls of the last reply that have no result yet. */
  readonly pending: readonly ToolCall[]
  /** The finished tool calls. The n-th belongs to the n-th tool message. */
  readonly results: readonly RecordedResult[]
  /** The trace so far. */
  readonly trace: readonly TraceEntry[]
}

/** A finished tool call in a checkpoint, without what its message contains. */
export interface RecordedResult extends Omit<Checked['results'][number], 'error' | 'repairs'> {
  /** The error of a call with status `error`. */
  readonly error?: ToolError
  /** All repairs of the call. */
  readonly repairs: readonly Repair[]
}

/** A reply that may be the answer: its visible text, and why it ended. */
export type PendingAnswer = NonNullable<Checkpoint['pending_answer']>

/** The best answer that was not accepted: its `value`, and the `problems` that the model was shown. */
export type PartialAnswer = NonNullable<Checkpoint['partial']>

/**
 * Checks a checkpoint before anything of it is used.
 *
 * @throws {LoopError} `invalid_checkpoint` if it has another version, is damaged, has calls that are neither finished nor
 *   pending, or has an answer that does not fit `answerSchema`.
 */
export function assertCheckpoint(value: Checkpoint, answerSchema: object | undefined): void {
  const { version } = value
  if (version !== checkpointVersion) {
    throw invalidCheckpoint(`has version ${JSON.stringify(version)}; this release reads version ${checkpointVersion}`)
  }
  const errors = compileSchema(checkpointSchema)(value)
  if (errors.length > 0) throw invalidCheckpoint('is damaged', describeValidationErrors(errors, checkpointSchema))
  const answered = value.messages.filter(({ role }) => role === 'tool').length
  if (answered !== value.results.length) {
    throw invalidCheckpoint(`has ${answered} tool messages for ${value.results.length} results`)
  }
  const asked = value.messages.reduce((sum, message) => sum + callsIn(message), 0)
  if (asked !== value.results.length + value.pending.length) {
    const found = `${value.results.length} results and ${value.pending.length} pending calls`
    throw invalidCheckpoint(`has ${asked} calls for ${found}`)
  }
  if (value.answer !== null && !isAnswer(value.answer.value, answerSchema)) {
    throw invalidCheckpoint('has an answer that does not fit answer.schema')
  }
}

/**
 * The error for a checkpoint that cannot be used.
 *
 * @param problem a predicate, such as `has version 2`.
 * @param details further lines.
 */
export function invalidCheckpoint(problem: string, details?: string): LoopError {
  const message = `resumeFrom ${problem}. Start the run again without resumeFrom.`
  return new LoopError('invalid_checkpoint', details === undefined ? message : `${message}\n${details}`)
}

function callsIn({ role, json }: Checkpoint['messages'][number]): number {
  const message = parseJson(json)
  // The message of a dropped result is empty.
  if (!isObject(message) && role !== 'tool') throw invalidCheckpoint(`has a message of ${role} that is not JSON`)
  const calls = role === 'assistant' && isObject(message) ? message['tool_calls'] : undefined
  return Array.isArray(calls) ? calls.length : 0
}

function isAnswer(answer: unknown, schema: object | undefined): boolean {
  return schema === undefined ? typeof answer === 'string' : compileSchema(schema)(answer).length === 0
}

function namesOf<T extends object>(object: T): readonly (keyof T & string)[] {
  // The object is a literal of this module, so it has exactly the members of its type.
  return Object.keys(object) as (keyof T & string)[]
}
