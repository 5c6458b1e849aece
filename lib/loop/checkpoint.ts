// The format of a checkpoint. read-checkpoint.ts validates one that comes back.
//
// The state of a run is an object of this format all the time, so saving it is a copy (save-checkpoint.ts).
// restore-checkpoint.ts rebuilds the objects that live beside the state, such as the index of earlier calls.

import type { Infer, Returnable } from '../../router/schema.ts'
import type { Repair, ToolCall, ToolError } from '../../router/tool-call.ts'
import { limitReasons, unansweredStopReasons, waitReasons } from './limits.ts'
import { finishReasons, usageSchema } from './model.ts'
import type { TraceEntry } from './trace.ts'

/** Version of the format. It is raised whenever a field changes. read-checkpoint.ts also reads the version before. */
export const checkpointVersion = 5

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const amount = { type: 'number', minimum: 0 } as const
const repairs = { type: 'array', items: { type: 'object' } } as const

/** A tool call as the model asked for it. */
const call = {
  type: 'object',
  properties: { id: text, name: text, input: {}, numbers: { type: 'object', additionalProperties: text } },
  required: ['id', 'name', 'input'],
} as const

/** The result of a finished tool call, without its content. */
const result = {
  /** Identity of the call: equal for identical calls. */
  key: text,
  /** Idempotency key that the tool got. */
  call_id: text,
  status: { enum: ['ok', 'error'] },
  /** The full value, if the content is not the value as JSON. */
  value: {},
  /**
   * The part that was left out to keep `limits.checkpointBytes`: the full value. When the run is resumed, the tool runs
   * again if it is idempotent. Otherwise the value is lost.
   */
  dropped: { const: 'value' },
  /** The error of a call with status `error`. */
  error: { type: 'object', properties: { kind: text, message: text }, required: ['kind', 'message'] },
  /** Whether the content is not the value as JSON, because it was cut or is a view. Earlier releases read it, too. */
  clipped: flag,
  /** Set if the content is what `toContent` of the tool has made: all of it, or cut. */
  view: { enum: ['complete', 'clipped'] },
  /** Why `toContent` of the tool could not be used. */
  view_problem: text,
  /** Number of times that a tool with `retries` was called. */
  attempts: { type: 'integer', minimum: 1 },
  /** Id of the identical earlier call whose result this is. */
  served_from: text,
  duration_ms: { type: 'number' },
  repairs,
} as const

const always = ['key', 'call_id', 'status', 'clipped', 'duration_ms', 'repairs'] as const

/** One finished tool call. Its content, which the model was shown, is in the message of the same position. */
const recordedResult = {
  type: 'object',
  properties: { ...result, call },
  required: [...always, 'call'],
} as const

/** A tool call of the last reply, while a call of this reply has no result. */
const pendingCall = {
  type: 'object',
  properties: {
    ...call.properties,
    repairs,
    /** How many processes have started the call. */
    begun: { type: 'integer', minimum: 0 },
    /** Idempotency key of the call that somebody has decided about or decides about. It depends on the input. */
    call_id: text,
    /** The result of a call that is finished already, with its content, which is in no message yet. */
    result: { type: 'object', properties: { ...result, content: text }, required: [...always, 'content'] },
    /** Why the call waits for a decision. */
    waits: { enum: waitReasons },
    /** Whether `approve` or a decision has said that the call may run. */
    approved: flag,
  },
  required: [...call.required, 'begun'],
} as const

const properties = {
  version: { const: checkpointVersion },
  /** Id of the run; the idempotency keys of its tool calls start with it. */
  run_id: { type: 'string', minLength: 1 },
  /** Model replies so far. */
  rounds: { type: 'integer', minimum: 0 },
  /** Number of messages of `history`. They follow the system prompt, and nothing else in the checkpoint belongs to them. */
  history_messages: { type: 'integer', minimum: 0 },
  /** The conversation in wire order. After those of `history`, the n-th tool message belongs to the n-th of `results`. */
  messages: {
    type: 'array',
    items: {
      type: 'object',
      properties: { role: { enum: ['system', 'user', 'assistant', 'tool'] }, json: text },
      required: ['role', 'json'],
    },
  },
  /** Hashes of the task of the run; `null` if an earlier release did not record it. Another task cannot be resumed. */
  task: {
    type: ['object', 'null'],
    properties: { prompt: text, instructions: text, history: text },
    required: ['prompt', 'instructions', 'history'],
  },
  /**
   * Whether the run has started a tool that is neither read-only nor idempotent. Releases that cannot read a checkpoint of
   * a later version read this field, so its name never changes.
   */
  has_side_effects: flag,
  /** All calls of the last reply, while one of them has no result. Those with `waits` wait for a decision. */
  pending: { type: 'array', items: pendingCall },
  /** The finished tool calls. */
  results: { type: 'array', items: recordedResult },
  /** Tokens of all replies. */
  usage: usageSchema,
  /** Tokens of the last reply; the next one is expected to cost about as much. */
  last_tokens: amount,
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
export const checkpointSchema = { type: 'object', properties, required: namesOf(properties) } as const

type Checked = Returnable<Infer<typeof checkpointSchema>>

/**
 * The state of a run as plain JSON: everything that is needed to continue it in another process.
 *
 * It contains the conversation. Store it where only people who may read the conversation can read it.
 */
export interface Checkpoint extends Omit<Checked, 'pending' | 'results' | 'trace'> {
  /** All calls of the last reply, while one of them has no result. */
  readonly pending: readonly PendingCall[]
  /** The finished tool calls. The n-th belongs to the n-th tool message. */
  readonly results: readonly RecordedResult[]
  /** The trace so far. */
  readonly trace: readonly TraceEntry[]
}

/**
 * A call of a reply that is not finished, with what a resume needs to know about it. `run.pending` has only those that wait
 * for a decision; see `WaitingCall`.
 */
export interface PendingCall
  extends ToolCall,
    Pick<Checked['pending'][number], 'begun' | 'call_id' | 'waits' | 'approved'> {
  /** Its result, if it is finished already. */
  readonly result?: PendingResult
}

/** A finished call of a reply that is not finished. */
export interface PendingResult extends Omit<RecordedResult, 'call'> {
  /** The text for the model. It becomes a message when all calls of the reply are finished. */
  readonly content: string
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

function namesOf<T extends object>(object: T): readonly (keyof T & string)[] {
  // The object is a literal of this module, so it has exactly the members of its type.
  return Object.keys(object) as (keyof T & string)[]
}
