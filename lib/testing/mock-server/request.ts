// A chat-completions request in the form that responders and rules use.

import { isObject, type UnknownObject } from '../../../router/json/json.ts'

/** A request that passed authorisation and every rule of the protocol, as a responder gets it. */
export interface MockServerRequest {
  /** Path of the URL, without the query. */
  readonly path: string
  /** Name of the requested model. */
  readonly model: string
  /** The conversation so far. */
  readonly messages: readonly WireMessage[]
  /** The declared tools; empty if `tool_choice` is `none`. */
  readonly tools: readonly WireTool[]
  /** Whether the client asks for a stream. */
  readonly stream: boolean
  /** The whole body. */
  readonly body: UnknownObject
  /** Aborted when the client disconnects or the mock server closes. */
  readonly signal: AbortSignal
}

/** A message of a request. Its role is checked; the other fields are as the client sent them. */
export interface WireMessage {
  /** `system`, `user`, `assistant` or `tool`. */
  readonly role: string
  /** Text, or a list of parts. */
  readonly content?: unknown
  /** Tool calls of an assistant message. */
  readonly tool_calls?: unknown
  /** Id of the call that a tool message belongs to. */
  readonly tool_call_id?: unknown
  readonly [key: string]: unknown
}

/** A tool that a request declares. */
export interface WireTool {
  /** Name of the tool. */
  readonly name: string
  /** Description of the tool; empty without one. */
  readonly description: string
  /** JSON Schema of the input. */
  readonly parameters: UnknownObject
}

/** Reads a body that passed the rules. Optional fields get their documented defaults. */
export function readRequest(path: string, value: unknown, signal: AbortSignal): MockServerRequest {
  const body = isObject(value) ? value : {}
  return {
    path,
    model: String(body['model']),
    messages: objectsOf(body['messages']).map((message) => ({ ...message, role: String(message['role']) })),
    tools: body['tool_choice'] === 'none' ? [] : objectsOf(body['tools']).flatMap(toolOf),
    stream: body['stream'] === true,
    body,
    signal,
  }
}

function toolOf({ function: definition }: UnknownObject): readonly WireTool[] {
  if (!isObject(definition)) return []
  const parameters = isObject(definition['parameters']) ? definition['parameters'] : {}
  return [{ name: String(definition['name']), description: String(definition['description'] ?? ''), parameters }]
}

/** The objects in an array; none if the value is not an array. */
export function objectsOf(value: unknown): readonly UnknownObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** Bytes per token, a rule of thumb for English text and JSON. The mock server has no tokenizer. */
const bytesPerToken = 4

/** Number of tokens of a text, estimated from its bytes. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken)
}

/** The part of a request that the model reads, as JSON text: the same for streaming and non-streaming requests. */
export function promptText(body: UnknownObject): string {
  return JSON.stringify([body['messages'], body['tools'] ?? []])
}
