import { readArguments, repair } from './arguments.ts'
import { isObject } from './json.ts'
import { type FoundJson, findJson } from './json-in-text.ts'
import type { AssistantMessage, WireToolCall } from './reply.ts'
import { withoutThinking } from './thinking.ts'
import type { CallRefusal, Repair, ToolCall } from './tool-call.ts'

/** One reply in normal form, whatever shape it came in. */
export interface Reading {
  /** The visible text: no thinking. */
  readonly text: string
  readonly calls: readonly ToolCall[]
  /** The message to echo: as it came wherever the server takes it back as it came. */
  readonly message: AssistantMessage
}

export interface ReadOptions {
  /** Whether a name is a declared tool: only those are taken for calls in text. */
  readonly isTool: (name: string) => boolean
  /** The reply was cut off (`finish_reason: "length"`): no call in it may be executed. */
  readonly truncated: boolean
  /** Makes an id for a call that has none. */
  readonly newId: (index: number) => string
}

/** Reads one assistant message. Never throws, whatever came over the wire. */
export function read(message: AssistantMessage, options: ReadOptions): Reading {
  const text = withoutThinking(typeof message.content === 'string' ? message.content : '').trim()
  const native = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : []
  if (native.length > 0) {
    const calls = nativeCalls(native, options)
    return { text, calls, message: echo(message, calls) }
  }
  const found = findJson(text)
  const requested = callsInText(found, options)
  if (requested.length > 0) return { text, calls: requested, message: echo(message, requested) }
  return { text, calls: [], message }
}

function nativeCalls(wire: readonly WireToolCall[], options: ReadOptions): readonly ToolCall[] {
  const taken = new Set<string>()
  return wire.map((call, index) => {
    const name = typeof call.function?.name === 'string' ? call.function.name : ''
    return finish(call.id, name, call.function?.arguments, index, taken, options, [])
  })
}

/** `{"tool_calls":[{"name","input"}]}`, or the bare `{"name","input"}` that models write instead. */
function callsInText(found: readonly FoundJson[], options: ReadOptions): readonly ToolCall[] {
  const taken = new Set<string>()
  const calls: ToolCall[] = []
  for (const { value } of found) {
    const requests = isObject(value) && Array.isArray(value['tool_calls']) ? value['tool_calls'] : [value].flat()
    for (const request of requests) {
      if (!isObject(request)) continue
      const body = isObject(request['function']) ? request['function'] : request
      const name = body['name']
      if (typeof name !== 'string' || !options.isTool(name)) continue
      const input = body['input'] ?? body['arguments'] ?? body['parameters']
      if (requests.length === 1 && input === undefined && !isCallShape(value)) continue
      const mended = [repair('json_in_text', JSON.stringify(request), name)]
      calls.push(finish(request['id'], name, input ?? {}, calls.length, taken, options, mended))
    }
  }
  return calls
}

/** A bare object counts as a call only if nothing in it could be an answer that happens to have a name. */
function isCallShape(value: unknown): boolean {
  return isObject(value) && (Array.isArray(value['tool_calls']) || Object.keys(value).every((key) => key === 'name'))
}

function finish(
  wireId: unknown,
  name: string,
  rawArguments: unknown,
  index: number,
  taken: Set<string>,
  options: ReadOptions,
  mended: readonly Repair[],
): ToolCall {
  const repairs = [...mended]
  let id = typeof wireId === 'string' ? wireId : ''
  if (id === '' || taken.has(id)) {
    const fresh = options.newId(index)
    repairs.push(repair(id === '' ? 'missing_id' : 'duplicate_id', id, fresh))
    id = fresh
  }
  taken.add(id)
  const reading = readArguments(rawArguments)
  const input = reading.ok ? reading.input : {}
  if (reading.ok)
    repairs.push(...reading.repairs.filter(({ kind }) => mended.length === 0 || kind !== 'object_arguments'))
  const refusal = options.truncated ? truncated : reading.ok ? undefined : unreadable(reading.message)
  return refusal === undefined ? { id, name, input, repairs } : { id, name, input, repairs, refusal }
}

const truncated: CallRefusal = {
  kind: 'truncated_call',
  message:
    'Your reply was cut off by the output limit, so none of its calls was executed. Call again, with fewer calls in one reply or shorter arguments.',
}

function unreadable(message: string): CallRefusal {
  return { kind: 'unreadable_call', message }
}

/**
 * The message as the server accepts it back: each call with an id, a name and arguments that are JSON text. Where the
 * original is already so, it is returned as it is.
 */
function echo(message: AssistantMessage, calls: readonly ToolCall[]): AssistantMessage {
  const original = message.tool_calls ?? []
  const emptyContent = 'content' in message && (message.content === null || message.content === '')
  if (
    !emptyContent &&
    original.length === calls.length &&
    calls.every((call, index) => isAcceptable(original[index], call))
  ) {
    return message
  }
  const tool_calls = calls.map((call, index) => {
    const before = original[index]
    if (before !== undefined && isAcceptable(before, call)) return before
    const written = { name: call.name === '' ? 'unnamed_tool' : call.name, arguments: JSON.stringify(call.input) }
    return { id: call.id, type: 'function', function: written }
  })
  if (!emptyContent) return { ...message, tool_calls }
  // MiniMax refuses some empty contents beside calls; a missing one has not been reported to fail.
  const { content: _, ...rest } = message
  return { ...rest, tool_calls }
}

function isAcceptable(wire: WireToolCall | undefined, call: ToolCall): boolean {
  if (wire === undefined || wire.id !== call.id || wire.type !== 'function' || call.name === '') return false
  if (typeof wire.function?.arguments !== 'string') return false
  return call.refusal === undefined && !call.repairs.some(({ kind }) => kind !== 'coerced' && kind !== 'unstringified')
}

/**
 * The JSON values of a text that may be its answer, the most likely first: the last object is the conclusion, and one
 * wrapped as `{"answer":…}` is offered unwrapped as well.
 */
export function answersIn(text: string): readonly unknown[] {
  const found = findJson(text)
  if (found.length === 0) return scalar(text)
  const values = found.map(({ value }) => value).reverse()
  return values.flatMap((value) => (isObject(value) && 'answer' in value ? [value, value['answer']] : [value]))
}

function scalar(text: string): readonly unknown[] {
  try {
    return [JSON.parse(text)]
  } catch {
    return []
  }
}
