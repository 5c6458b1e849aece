import { isObject } from '../json/json.ts'

export interface RequestParts {
  readonly id: unknown
  readonly name: string | undefined
  readonly input: unknown
}

/** The parts of a request under all the names that APIs and kits have for them. */
export function partsOf(request: unknown): RequestParts {
  if (!isObject(request)) return { id: undefined, name: undefined, input: undefined }
  const target = request['function']
  const body = isObject(target) ? target : request
  const name = body['name'] ?? body['tool'] ?? body['tool_name'] ?? body['action'] ?? target
  return {
    id: request['id'],
    name: typeof name === 'string' ? name : undefined,
    input:
      body['arguments'] ??
      body['input'] ??
      body['parameters'] ??
      body['args'] ??
      body['params'] ??
      body['tool_input'] ??
      body['action_input'],
  }
}

/** The name without a namespace: `functions.ping`, `tools:ping`. */
export function baseName(name: string): string {
  return name.trim().replace(/^.*[.:/]/s, '')
}

const requestMembers = new Set([
  'id',
  'call_id',
  'index',
  'type',
  'function',
  ...['name', 'tool', 'tool_name', 'action'],
  ...['arguments', 'input', 'parameters', 'args', 'params', 'tool_input', 'action_input'],
])

/** Whether an object holds nothing but a request: with a result, a status or a description it is a record of one. */
export function isRequest(value: unknown): value is object {
  if (!isObject(value)) return false
  const target = value['function']
  return Object.keys(value).every((key) => requestMembers.has(key)) && (!isObject(target) || isRequest(target))
}

/** What a model says beside its calls; anything else makes the object an answer. */
const asides = new Set(['role', 'content', 'text', 'message', 'thought', 'thoughts', 'thinking', 'reasoning', 'plan'])

const envelopes = ['tool_calls', 'tool_call', 'toolCalls', 'tool_uses', 'function_calls', 'function_call'] as const

export interface Envelope {
  readonly requests: readonly unknown[]
  /** It holds what is no call and no aside: an answer. */
  readonly isMixed: boolean
}

/** The requests of `{"tool_calls":[…]}` and its kin; undefined for an object that only reports calls. */
export function envelopeOf(value: unknown): Envelope | undefined {
  if (!isObject(value)) return undefined
  for (const key of envelopes) {
    const held = value[key]
    const requests = Array.isArray(held) ? held : isObject(held) ? [held] : []
    if (requests.length === 0 && !Array.isArray(held)) continue
    if (requests.some((request) => isObject(request) && !isRequest(request))) return undefined
    const isAside = (other: string) => other === key || asides.has(other) || value[other] === null
    return { requests, isMixed: !Object.keys(value).every(isAside) }
  }
  return undefined
}
