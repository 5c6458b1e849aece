import type { NumberTexts } from './number-texts.ts'
import { isSecretName, mask } from './text/named-secrets.ts'
import { textOrJson } from './text/shown-value.ts'

/** A tool call of the model, as read from its reply. */
export interface ToolCall {
  /** Id from the reply. It is generated when the model sent none, one that is already taken, or one that is not printable. */
  readonly id: string
  /** Name of the tool. There may be no such tool. */
  readonly name: string
  /** The arguments. References are not resolved yet, and nothing is validated. */
  readonly input: unknown
  /**
   * Texts of the numbers in the arguments that JavaScript writes in another way, by JSON Pointer: `1.10`, `1e3`, and large
   * integers, which it rounds. Set when there are any.
   */
  readonly numbers?: NumberTexts
  /** Set when the call must not be executed. */
  readonly refusal?: CallRefusal
  /** Repairs that reading the call needed; empty for a call in its documented form. */
  readonly repairs: readonly Repair[]
}

/** The reason why a call that was read must not be executed. */
export interface CallRefusal {
  /** Kind of the error that the call's result gets. */
  readonly kind: Extract<ToolErrorKind, 'unreadable_call' | 'truncated_call' | 'too_many_calls'>
  /** Explanation for the model. */
  readonly message: string
}

/** One deviation from the documented form of a call that was repaired. It is recorded in the result and in the trace. */
export interface Repair {
  /** The deviation. */
  readonly kind: RepairKind
  /** JSON Pointer to the repaired value in the input; empty when the repair concerns the whole call. */
  readonly path: string
  /** The text or value as the model sent it, at most 200 bytes, with secrets masked. */
  readonly before: string
  /** The text or value after the repair, at most 200 bytes, with secrets masked. */
  readonly after: string
}

/**
 * Kind of a {@link Repair}.
 *
 * - `missing_id`: the call had no id. One was generated.
 * - `duplicate_id`: another call of the reply has the same id. A new one was generated.
 * - `unusable_id`: the id is too long or has characters that servers do not return unchanged. A new one was generated.
 * - `object_arguments`: the arguments were a JSON object instead of a string with JSON.
 * - `double_encoded`: the arguments were a JSON string that contains JSON.
 * - `empty_arguments`: the arguments were missing, empty or `null`. They were read as `{}`.
 * - `json_repaired`: the arguments were not valid JSON, but their meaning was certain: single quotes, Python's constants, a
 *   trailing comma, a Markdown fence.
 * - `unstringified`: a string contained the object or array that the schema asks for.
 * - `coerced`: a value had another type than the schema asks for, and the same meaning: a string with a number, boolean or
 *   `null`, or a number or boolean for a string.
 * - `unwrapped`: an array was written as an object with the only member `item`, as markup is converted by some servers.
 * - `null_dropped`: an optional property was `null`, which its schema does not allow. It was left out.
 * - `json_in_text`: the call was JSON in the text of the reply instead of a native call.
 * - `markup_in_text`: the call was markup of the model family in the text of the reply instead of a native call.
 */
export type RepairKind =
  | 'missing_id'
  | 'duplicate_id'
  | 'unusable_id'
  | 'object_arguments'
  | 'double_encoded'
  | 'empty_arguments'
  | 'json_repaired'
  | 'unstringified'
  | 'coerced'
  | 'unwrapped'
  | 'null_dropped'
  | 'json_in_text'
  | 'markup_in_text'

/**
 * Kind of a {@link ToolError}.
 *
 * - `unknown_tool`: no tool has this name.
 * - `unreadable_call`: the call or its arguments could not be read.
 * - `truncated_call`: the reply was cut off at the output limit, so none of its calls was executed.
 * - `invalid_input`: the input does not match the tool's schema.
 * - `unresolved_reference`: a `$result` or `$input` has no target.
 * - `too_many_calls`: the run or the reply has more calls than its limit.
 * - `timeout`: the tool took longer than its `timeoutMs` or than the run's deadline allowed.
 * - `cancelled`: the run ended before the tool was started or while it was running.
 * - `tool_failed`: the tool threw an error.
 * - `invalid_output`: the tool returned a value that does not match its output schema, or that JSON cannot represent.
 * - `outcome_unknown`: the process ended while the tool was running. It may have had side effects, so it is not repeated.
 * - `ended_process`: the process ended twice while the tool was running. It is not started a third time.
 * - `not_recorded`: the tool has side effects and was not started, because the state of the run could not be stored.
 * - `denied`: the caller denied the call, with `approve` or `decisions`.
 * - `no_execute`: the tool has no `execute` function, and the call was made outside of a run, which would pause.
 */
export type ToolErrorKind =
  | 'unknown_tool'
  | 'unreadable_call'
  | 'truncated_call'
  | 'invalid_input'
  | 'unresolved_reference'
  | 'too_many_calls'
  | 'timeout'
  | 'cancelled'
  | 'tool_failed'
  | 'invalid_output'
  | 'outcome_unknown'
  | 'ended_process'
  | 'not_recorded'
  | 'denied'
  | 'no_execute'

/** The error of a tool call. It goes back to the model, which can correct the call. */
export interface ToolError {
  /** Stable identifier of the error. */
  readonly kind: ToolErrorKind
  /** Explanation for the model, at most 1 KiB. It has no stack and no server paths, and secrets are masked. */
  readonly message: string
}

interface ToolResultBase {
  /** Id of the call. */
  readonly id: string
  /** Name of the tool. */
  readonly name: string
  /** Idempotency key that the tool got as `context.callId`. */
  readonly callId: string
  /** Text for the model: the value as JSON or the view of the tool, clipped to the byte limit, or `{"error":{…}}`. */
  readonly content: string
  /** Whether `content` was cut at the byte limit. `value` is always complete. */
  readonly clipped: boolean
  /** Duration of the call in milliseconds, validation included. */
  readonly durationMs: number
  /** All repairs of the call: those of reading it and those of validating it. */
  readonly repairs: readonly Repair[]
  /** Number of times that the tool was called. Set when a tool with `retries` was called. */
  readonly attempts?: number
  /** Id of the identical earlier call whose result this is. Set when the tool was not executed again. */
  readonly servedFrom?: string
}

/** The result of one tool call. Every call gets exactly one; a failure is a result with `status: 'error'`. */
export type ToolResult =
  | (ToolResultBase & {
      /** The tool returned a valid value. */
      readonly status: 'ok'
      /** The validated input with its references resolved, as the tool got it. */
      readonly input: unknown
      /** Whether `content` is what `toContent` of the tool made of the value, instead of the value as JSON. */
      readonly isView?: true
      /** Why the model is shown the value as JSON although the tool has `toContent`: for example because it threw. */
      readonly viewProblem?: string
      /** The complete value, even when `content` is clipped or a view. Do not change it: in a run it is read again when it is needed. */
      readonly value: unknown
    })
  | (ToolResultBase & {
      /** The call failed, or it was refused. */
      readonly status: 'error'
      /** The reason. */
      readonly error: ToolError
    })

/** Whether the content of a result is not its value as JSON. Then the value must be kept beside it. */
export function isPartial(result: ToolResult): boolean {
  return result.clipped || (result.status === 'ok' && result.isView === true)
}

/**
 * Repairs that are recorded by one step of reading a call. It is enough to see what happened, even when an array has a hundred
 * thousand quoted numbers.
 */
export const maxRecordedRepairs = 50

/** Longest text of a value in repairs, and in messages about arguments that cannot be read. */
export const maxShownBytes = 200

/** Creates the record of a repair. A value whose path has a secret's name, such as `/password`, is masked as a whole. */
export function repair(kind: RepairKind, before: unknown, after: unknown, path = ''): Repair {
  if (path !== '' && path.split('/').some(isSecretName)) return { kind, path, before: mask, after: mask }
  return { kind, path, before: textOrJson(before, maxShownBytes), after: textOrJson(after, maxShownBytes) }
}
