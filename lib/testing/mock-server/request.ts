import { isObject } from '../../../router/json/json.ts'

/** A request that passed authorisation and every rule of the protocol, as a responder sees it. */
export interface MockServerRequest {
  readonly path: string
  readonly model: string
  readonly messages: readonly WireMessage[]
  /** The declared tools; empty where the model shall answer without. */
  readonly tools: readonly WireTool[]
  readonly stream: boolean
  /** The whole body. */
  readonly body: { readonly [key: string]: unknown }
  /** Aborted when the client is gone or the mock server closes. */
  readonly signal: AbortSignal
}

export interface WireMessage {
  readonly role: string
  readonly content?: unknown
  readonly tool_calls?: unknown
  readonly tool_call_id?: unknown
  readonly [key: string]: unknown
}

export interface WireTool {
  readonly name: string
  readonly description: string
  /** JSON Schema of the input. */
  readonly parameters: { readonly [key: string]: unknown }
}

/** Reads a body that passed the rules; what the rules leave open gets its documented default. */
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

function toolOf({ function: definition }: { readonly [key: string]: unknown }): readonly WireTool[] {
  if (!isObject(definition)) return []
  const parameters = isObject(definition['parameters']) ? definition['parameters'] : {}
  return [{ name: String(definition['name']), description: String(definition['description'] ?? ''), parameters }]
}

/** The objects of an array; nothing where the value is no array. */
export function objectsOf(value: unknown): readonly { readonly [key: string]: unknown }[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** The text of a message's `content`: the string itself, or its text parts joined. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  return objectsOf(content)
    .map((part) => (typeof part['text'] === 'string' ? part['text'] : ''))
    .join('')
}

/** Bytes per token: a rule of thumb for English text and JSON. The mock server has no tokenizer. */
const bytesPerToken = 4

export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken)
}

/** The part of a request that the model reads, as JSON text: the same for streaming and non-streaming requests. */
export function promptText(body: { readonly [key: string]: unknown }): string {
  return JSON.stringify([body['messages'], body['tools'] ?? []])
}
