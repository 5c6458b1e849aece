import { isObject } from '../../../router/json/json.ts'
import { type MockServerRequest, objectsOf, textOf } from '../../testing/mock-server/request.ts'

/** What the messages of a request tell: the incident, and what was called with which result. */
export interface Conversation {
  readonly scenario: string | undefined
  /** `undefined` where the prompt holds none, or says `null`. */
  readonly preTelemetry: { readonly [key: string]: unknown } | undefined
  readonly results: readonly ToolResult[]
  /** Replies of the model so far. */
  readonly rounds: number
}

export interface ToolResult {
  readonly callId: string
  readonly tool: string
  /** Input of the call, as the model wrote it. */
  readonly input: unknown
  /** The text as it stands in the conversation; it may have been clipped in its middle. */
  readonly text: string
  /** The parsed text; `undefined` where it is no longer JSON. */
  readonly value: unknown
  readonly failed: boolean
}

export function readConversation({ messages }: MockServerRequest): Conversation {
  const prompt = messages
    .filter(({ role }) => role === 'user')
    .map(({ content }) => textOf(content))
    .join('\n')
  const preTelemetry = embeddedValue(prompt, 'pre_telemetry')
  const replies = messages.filter(({ role }) => role === 'assistant')
  const calls = new Map(replies.flatMap((reply) => objectsOf(reply['tool_calls']).map(readCall)))
  return {
    scenario: /"scenario"\s*:\s*"([^"\\]+)"/.exec(prompt)?.[1],
    preTelemetry: isObject(preTelemetry) ? preTelemetry : undefined,
    results: messages.flatMap((message) => {
      if (message.role !== 'tool') return []
      const callId = String(message['tool_call_id'])
      return [toolResult(callId, calls.get(callId) ?? unknownCall, textOf(message.content))]
    }),
    rounds: replies.length,
  }
}

/** The latest result of a tool that is no error. */
export function latest({ results }: Conversation, tool: string): ToolResult | undefined {
  return results.findLast((result) => result.tool === tool && !result.failed)
}

interface Call {
  readonly tool: string
  readonly input: unknown
}

const unknownCall: Call = { tool: '', input: undefined }

function readCall(call: { readonly [key: string]: unknown }): [string, Call] {
  const target = isObject(call['function']) ? call['function'] : {}
  return [String(call['id']), { tool: String(target['name']), input: parse(String(target['arguments'])) }]
}

function toolResult(callId: string, call: Call, text: string): ToolResult {
  const value = parse(text)
  const failed = isObject(value) ? isObject(value['error']) : /^\s*\{\s*"error"\s*:\s*\{/.test(text)
  return { callId, ...call, text, value, failed }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A piece of a tool result, as its JSON text has it. */
export interface Evidence {
  readonly tool: string
  /** An exact substring of the tool result's text. */
  readonly quote: string
}

/** The value at a path of a tool result; in a clipped result, the value of the path's last name wherever it stands. */
export function lookUp(result: ToolResult | undefined, path: readonly string[]): unknown {
  if (result === undefined) return undefined
  if (result.value === undefined) return embeddedValue(result.text, path.at(-1) ?? '')
  return path.reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), result.value)
}

export function numberAt(result: ToolResult | undefined, path: readonly string[]): number | undefined {
  const value = lookUp(result, path)
  return typeof value === 'number' ? value : undefined
}

export function textAt(result: ToolResult | undefined, path: readonly string[]): string | undefined {
  const value = lookUp(result, path)
  return typeof value === 'string' ? value : undefined
}

/** Quotes the first field whose name matches and whose value is a scalar, e.g. `"kind":"kv_cache"`. */
export function quoteField(result: ToolResult | undefined, namePattern: string): readonly Evidence[] {
  if (result === undefined) return []
  const quote = new RegExp(`"${namePattern}"\\s*:\\s*(?:"(?:[^"\\\\]|\\\\.)*"|[-+.\\w]+)`).exec(result.text)?.[0]
  return quote === undefined ? [] : [{ tool: result.tool, quote }]
}

/** Quotes a text that stands inside a string of the result, escaped as it is there. */
export function quoteText(result: ToolResult, text: string): readonly Evidence[] {
  const quote = JSON.stringify(text).slice(1, -1)
  return quote !== '' && result.text.includes(quote) ? [{ tool: result.tool, quote }] : []
}

/**
 * Finds `"key": value` in a text that holds JSON somewhere and parses the value, an object, an array or a scalar.
 *
 * @returns the first value that is whole; `undefined` where there is none
 */
export function embeddedValue(text: string, key: string): unknown {
  for (const found of text.matchAll(new RegExp(`"${key}"\\s*:\\s*`, 'g'))) {
    const start = found.index + found[0].length
    try {
      return JSON.parse(text.slice(start, valueEnd(text, start)))
    } catch {
      // Prose about the field, or a value that was cut off: the next occurrence may be whole.
    }
  }
  return undefined
}

const scalar = /"(?:[^"\\]|\\.)*"|[-+.\w]+/y

function valueEnd(text: string, start: number): number {
  if (text[start] !== '{' && text[start] !== '[') {
    scalar.lastIndex = start
    return scalar.test(text) ? scalar.lastIndex : start
  }
  let depth = 0
  // Strings are skipped whole, because they may hold brackets.
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]]/g
  tokens.lastIndex = start
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    if (token[0] === '{' || token[0] === '[') depth += 1
    else if (token[0] === '}' || token[0] === ']') depth -= 1
    if (depth === 0) return tokens.lastIndex
  }
  return start
}
