import { isObject } from '../../../router/json.ts'
import type { ModelRequest, SerializedMessage } from '../../loop/model.ts'
import { textMessage } from './text-messages.ts'

/** The messages of a request for an endpoint that takes no `tools`: they are described in the system message. */
export function messagesAsText({ messages, tools }: ModelRequest): readonly SerializedMessage[] {
  const [first, ...rest] = messages.map(textMessage)
  if (tools === undefined || first === undefined) return first === undefined ? [] : [first, ...rest]
  return first.role === 'system'
    ? [withInstructions(first, tools), ...rest]
    : [{ role: 'system', json: systemMessage(instructions(tools)) }, first, ...rest]
}

/** The system message with the tools in it, made once for as long as both stay the same. */
function withInstructions(message: SerializedMessage, tools: string): SerializedMessage {
  const known = described.get(message)
  if (known?.tools === tools) return known.message
  const document: unknown = JSON.parse(message.json)
  const content = isObject(document) && typeof document['content'] === 'string' ? document['content'] : ''
  const fresh: SerializedMessage = { role: 'system', json: systemMessage(`${content}\n\n${instructions(tools)}`) }
  described.set(message, { tools, message: fresh })
  return fresh
}

const described = new WeakMap<SerializedMessage, { readonly tools: string; readonly message: SerializedMessage }>()

function systemMessage(content: string): string {
  return JSON.stringify({ role: 'system', content })
}

function instructions(tools: string): string {
  const document: unknown = JSON.parse(tools)
  const functions = Array.isArray(document) ? document.filter(isObject).map(({ function: described }) => described) : []
  return (
    'You have the tools listed below. To call some, reply with one JSON object and nothing else: ' +
    '{"tool_calls":[{"name":"<tool>","input":{…}}]}, where each input matches the parameters of its tool. ' +
    'Their results come in the next messages.\n' +
    functions.map((described) => JSON.stringify(described)).join('\n')
  )
}
