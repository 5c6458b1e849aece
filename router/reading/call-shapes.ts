import { isObject } from '../json/json.ts'
import { excerpt } from '../text/clip.ts'
import type { Repair } from '../tool-call.ts'

/*
 * The shapes in which APIs, kits and models write a tool call as a JSON object.
 *
 *   {"name":"get_weather","input":{"city":"Oslo"}}                                      one call
 *   {"id":"1","type":"function","function":{"name":"get_weather","arguments":"{…}"}}    the API's nesting
 *   {"tool":"get_weather","args":{"city":"Oslo"}}                                       other names
 *   {"tool_calls":[…]}, {"content":"I look.","tool_calls":[…]}                          an envelope around calls
 */

/** The keys of a tool's name. */
export const nameKeys = ['name', 'tool', 'tool_name', 'action'] as const
const inputKeys = ['arguments', 'input', 'parameters', 'args', 'params', 'tool_input', 'action_input'] as const
/** All keys that a call may have. */
export const callKeys: ReadonlySet<string> = new Set([
  ...['id', 'call_id', 'index', 'type', 'function'],
  ...nameKeys,
  ...inputKeys,
])

/** The fields of a call, whatever they are called. */
interface CallFields {
  /** The id as it was sent, of any type. */
  readonly id: unknown
  /** `undefined` if there is no name, or it is not a string. */
  readonly name: string | undefined
  /** The arguments as they were sent: an object, JSON text, or anything else. */
  readonly input: unknown
}

/** Finds the fields of a call under all names that are in use; each is `undefined` where it is missing. */
export function callFieldsOf(call: unknown): CallFields {
  if (!isObject(call)) return { id: undefined, name: undefined, input: undefined }
  const target = call['function']
  const body = isObject(target) ? target : call
  const name = firstOf(body, nameKeys) ?? target
  return { id: call['id'], name: typeof name === 'string' ? name : undefined, input: firstOf(body, inputKeys) }
}

function firstOf(body: { readonly [key: string]: unknown }, keys: readonly string[]): unknown {
  for (const key of keys) {
    const value = body[key]
    if (value !== undefined && value !== null) return value
  }
  return undefined
}

/** The name of a tool without its namespace: `ping` for `functions.ping` and `tools:ping`. */
export function baseName(name: string): string {
  return name.trim().replace(/^.*[.:/]/s, '')
}

/** Whether an object has the fields of a call and no others. With a result, a status or a description it reports one. */
export function isCallObject(value: unknown): value is object {
  if (!isObject(value)) return false
  const target = value['function']
  return Object.keys(value).every((key) => callKeys.has(key)) && (!isObject(target) || isCallObject(target))
}

/** The keys of the calls in an envelope. */
export const envelopeKeys = [
  'tool_calls',
  'tool_call',
  'toolCalls',
  'tool_uses',
  'function_calls',
  'function_call',
] as const

/** Keys that an envelope may have beside its calls. Any other key makes the object an answer. */
export const asideKeys: ReadonlySet<string> = new Set([
  ...['role', 'content', 'text', 'message'],
  ...['thought', 'thoughts', 'thinking', 'reasoning', 'plan'],
])

/** An object that holds calls, such as `{"tool_calls":[…]}`. */
interface Envelope {
  /** The calls, not checked yet. */
  readonly calls: readonly unknown[]
  /** It also holds fields that are neither calls nor asides, so it is an answer as well. */
  readonly isMixed: boolean
}

/** The envelope that a value is; `undefined` for any other value, and for an object that only reports calls. */
export function envelopeOf(value: unknown): Envelope | undefined {
  if (!isObject(value)) return undefined
  for (const key of envelopeKeys) {
    const held = value[key]
    const calls = Array.isArray(held) ? held : isObject(held) ? [held] : []
    if (calls.length === 0 && !Array.isArray(held)) continue
    if (calls.some((call) => isObject(call) && !isCallObject(call))) return undefined
    const isAside = (other: string) => other === key || asideKeys.has(other) || value[other] === null
    return { calls, isMixed: !Object.keys(value).every(isAside) }
  }
  return undefined
}

/** A call as a reader found it, before its id and its arguments are checked. */
export interface RawCall {
  /** The id as it was sent, of any type. */
  readonly id?: unknown
  /** The name of the tool; may be empty or undeclared. */
  readonly name: string
  /** The arguments as they were sent: JSON text, an object, or anything else. */
  readonly rawArguments: unknown
  /** The reason why it is not executed, whatever its arguments are: full sentences for the model. */
  readonly refusal?: string | undefined
  /** The repair to record, if it is not a native call. */
  readonly repair?: Repair
}

/**
 * The way in which tools are sent to the model. `native`: in the wire's `tools` field, and calls come back in `tool_calls`.
 * `json`: tools are described in the system message, and the model calls them by writing JSON in its text.
 */
export type Protocol = 'native' | 'json'

/** The last sentence of every refusal: the next step for the model. With the JSON protocol, {@link forProtocol} replaces it. */
export const callAgain = 'It was not executed. Call the tool again, natively, with its arguments as one JSON object.'
const callAgainInText =
  'It was not executed. Call the tool again: end your reply with {"tool_calls":[{"name":"<tool>","input":{…}}]}, where each input is one JSON object.'

/** A refusal with the next step for the model in the protocol that it knows. */
export function forProtocol(refusal: string, protocol: Protocol): string {
  return protocol === 'json' ? refusal.replace(callAgain, callAgainInText) : refusal
}

/** A call that is not executed, with the reason for the model. */
export function refusedCall(refusal: string): RawCall {
  return { name: '', rawArguments: '{}', refusal }
}

/** The reason for the refusal of an integer that JavaScript would round, as a clause for the model. */
export function inexactInteger(integer: string): string {
  return `the integer ${excerpt(integer, 200)} in its arguments is too large to be exact; send it as a string`
}
