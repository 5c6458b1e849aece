import { excerpt } from './text/clip.ts'
import { isSecretName, redacted } from './text/redact.ts'
import { shownValue } from './text/shown-value.ts'

/** What the model asks for. `input` is as read from the reply: not yet resolved, not yet checked. */
export interface ToolCall {
  /** The wire's id; a synthetic one where the model sent none, or one that was already taken. */
  readonly id: string
  readonly name: string
  readonly input: unknown
  /** Set where the call must not be executed: why, in words for the model. */
  readonly refusal?: CallRefusal
  /** What had to be mended to read the call. */
  readonly repairs: readonly Repair[]
}

export interface CallRefusal {
  readonly kind: Extract<ToolErrorKind, 'unreadable_call' | 'truncated_call'>
  readonly message: string
}

/** One deviation from the wire's documented form that was mended; `before` and `after` are clipped and redacted. */
export interface Repair {
  readonly kind: RepairKind
  /** Where: a JSON Pointer into the input, or the part of the reply. */
  readonly path: string
  readonly before: string
  readonly after: string
}

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
  | 'json_in_text'
  | 'markup_in_text'

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

export interface ToolError {
  readonly kind: ToolErrorKind
  /** At most 1 KiB, for the model to act on: no stack, no server path, secrets masked. */
  readonly message: string
}

interface ToolResultBase {
  readonly id: string
  readonly name: string
  /** The idempotency key that the tool got. */
  readonly callId: string
  /** What the model is shown: the value as JSON, clipped to the byte limit, or `{"error":{…}}`. */
  readonly content: string
  readonly clipped: boolean
  readonly durationMs: number
  /** All repairs of this call, those of reading included. */
  readonly repairs: readonly Repair[]
  /** Id of the identical earlier call whose result this is; the tool was not run again. */
  readonly servedFrom?: string
}

/** What became of one tool call: always exactly one per call, never an exception. */
export type ToolResult =
  | (ToolResultBase & {
      readonly status: 'ok'
      /** The checked and resolved input that the tool ran with. */
      readonly input: unknown
      /** The full value, however little of it the model was shown. */
      readonly value: unknown
    })
  | (ToolResultBase & { readonly status: 'error'; readonly error: ToolError })

const maxShownBytes = 200

/** The record of one deviation that was mended. A member whose name says that it is secret is masked as a whole. */
export function repair(kind: RepairKind, before: unknown, after: unknown, path = ''): Repair {
  if (path !== '' && path.split('/').some(isSecretName)) return { kind, path, before: redacted, after: redacted }
  return { kind, path, before: shown(before), after: shown(after) }
}

/** A value for an error message or a record: clipped and redacted. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? excerpt(value, maxShownBytes) : shownValue(value, maxShownBytes)
}
