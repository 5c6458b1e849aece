import type { FunctionTool } from '../../router/advertised-schema.ts'
import type { ModelRequest, SerializedMessage } from '../loop/model.ts'
import type { WireMessage } from './stand-in/request.ts'

/** What a model was asked: a frozen snapshot, which the further run does not change. */
export interface ScriptedRequest {
  /** Counted from 1. */
  readonly number: number
  /** The transcript, parsed. */
  readonly messages: readonly WireMessage[]
  /** The declared tools, parsed; absent where tools are off. */
  readonly tools?: readonly FunctionTool[]
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export function scriptedRequest({ messages, tools, timeoutMs, signal }: ModelRequest, number: number): ScriptedRequest {
  return Object.freeze({
    number,
    messages: Object.freeze(messages.map(parsedMessage)),
    ...(tools === undefined ? {} : { tools: deepFreeze(JSON.parse(tools)) }),
    timeoutMs,
    signal,
  })
}

/** A message stays in a transcript for many requests: it is parsed once. */
const parsed = new WeakMap<SerializedMessage, WireMessage>()

function parsedMessage(message: SerializedMessage): WireMessage {
  const known = parsed.get(message)
  if (known !== undefined) return known
  const fresh: WireMessage = deepFreeze(JSON.parse(message.json))
  parsed.set(message, fresh)
  return fresh
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}
