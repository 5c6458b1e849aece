import { isObject } from '../../../router/json.ts'
import { objectsOf, type StandInRequest, textOf } from '../stand-in/request.ts'
import { embeddedValue } from './embedded-json.ts'

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

export function readConversation({ messages }: StandInRequest): Conversation {
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
