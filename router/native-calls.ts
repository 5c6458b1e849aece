import { type CallList, type FoundCall, howToCall } from './call-list.ts'
import { isObject, parseJson, unparsable } from './json.ts'
import type { AssistantMessage } from './reply.ts'
import { partsOf } from './request-parts.ts'

/** Adds the calls that a message carries beside its text, in all the containers that gateways put them into. */
export function addNativeCalls(message: AssistantMessage, list: CallList): void {
  const wire: unknown = message.tool_calls
  if (typeof wire === 'string' && wire.trim() !== '' && parseJson(wire) === unparsable) list.add(unreadable)
  for (const entry of entriesOf(wire)) addCall(entry, list)
  if (list.calls.length > 0) return
  // The API's older form, one call without an id; and that of MiniMax's other API, calls as parts of the content.
  addCall(message['function_call'], list)
  const parts: unknown = message.content
  if (Array.isArray(parts))
    for (const part of parts) if (isObject(part) && part['type'] === 'tool_use') addCall(part, list)
}

const unreadable: FoundCall = {
  name: '',
  rawArguments: '{}',
  problem: `The list of your tool calls is no JSON. ${howToCall}`,
}

function entriesOf(wire: unknown): readonly unknown[] {
  const value = typeof wire === 'string' ? parseJson(wire) : wire
  if (Array.isArray(value)) return value.some(Array.isArray) ? value.flat() : value
  if (!isObject(value)) return []
  return 'function' in value || 'name' in value ? [value] : Object.values(value)
}

/** An entry in which nothing is set is no call: some servers send one beside every answer. */
function addCall(entry: unknown, list: CallList): void {
  const call = typeof entry === 'string' ? parseJson(entry) : entry
  if (!isObject(call)) return
  const { id, name = '', input } = partsOf(call)
  if (name !== '' || id || (input !== undefined && input !== null && input !== '')) {
    list.add({ id, name, rawArguments: input })
  }
}
