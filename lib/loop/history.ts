// Reads `history`: the messages of earlier runs, which the caller has stored and passes to a new one. They come from
// outside, and a server refuses a wrong order without saying which message is wrong, so everything is checked here.

import { findUnserializable, isObject, parseJson, type UnknownObject } from '../../router/json/json.ts'
import { contentText } from '../../router/reading/assistant-message.ts'
import { suggestName } from '../../router/text/closest.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { LoopError } from './errors.ts'
import type { ChatMessage } from './messages.ts'
import type { SerializedMessage } from './model.ts'

const roles = ['system', 'user', 'assistant', 'tool'] as const
type Role = (typeof roles)[number]

/**
 * Checks the messages of `history` and serialises them. A system message at the beginning is left out.
 *
 * @throws {LoopError} `invalid_option` that names the index of the first wrong message, and what is wrong.
 */
export function readHistory(history: readonly ChatMessage[]): readonly SerializedMessage[] {
  const messages: SerializedMessage[] = []
  /** Ids of the calls whose results must follow, in order. */
  let open: readonly string[] = []
  let openedAt = 0
  for (const [index, message] of Array.from<unknown>(history).entries()) {
    const { role, fields } = checkMessage(index, message)
    if (role === 'tool') open = withoutAnswered(index, fields, open)
    else if (open.length > 0)
      throw invalid(index, `is a message of ${role}, but the result of the call ${first(open)} must come first.`)
    if (role === 'system') {
      if (index > 0) throw invalid(index, 'is a system message; only the first message can be one.')
      continue
    }
    if (role === 'assistant') {
      open = callIdsOf(index, fields)
      openedAt = index
    }
    messages.push({ role, json: JSON.stringify(role === 'assistant' ? sendable(fields) : fields) })
  }
  if (open.length > 0) {
    const hint = 'To continue a paused run, pass its checkpoint as resumeFrom, and decisions.'
    throw invalid(openedAt, `has the call ${first(open)} without a result. ${hint}`)
  }
  return messages
}

function checkMessage(index: number, message: unknown): { readonly role: Role; readonly fields: UnknownObject } {
  if (!isObject(message)) throw invalid(index, `is ${describeOption(message)}; it must be a chat message.`)
  const unserializable = findUnserializable(message)
  if (unserializable !== undefined) throw invalid(index, `contains ${unserializable}.`)
  const role = roles.find((role) => role === message['role'])
  if (role === undefined) {
    const hint = suggestName(String(message['role']), roles, 'It must be one of')
    throw invalid(index, `has the role ${describeOption(message['role'])}. ${hint}`)
  }
  const { content } = message
  const isMissing = content === undefined || content === null || content === ''
  if (isMissing && role === 'assistant' && callsOf(message).length > 0) return { role, fields: message }
  if (typeof content !== 'string' && !(Array.isArray(content) && content.length > 0 && content.every(isObject))) {
    throw invalid(index, `has the content ${describeOption(content)}; it must be a text.`)
  }
  if (isMissing) throw invalid(index, 'has an empty content. Leave the message out.')
  return { role, fields: message }
}

function callsOf({ tool_calls: calls }: UnknownObject): readonly unknown[] {
  return Array.isArray(calls) ? calls : []
}

/** The ids of the calls of a reply. A server refuses a call without one of these parts. */
function callIdsOf(index: number, message: UnknownObject): readonly string[] {
  const { tool_calls: calls = null } = message
  if (calls !== null && !Array.isArray(calls)) {
    throw invalid(index, `has the tool_calls ${describeOption(calls)}; it must be an array.`)
  }
  const ids = new Set<string>()
  for (const [position, call] of callsOf(message).entries()) {
    const problem = problemOfCall(call)
    if (problem !== undefined) throw invalid(index, `has a wrong tool_calls[${position}]: ${problem}.`)
    const id = isObject(call) ? String(call['id']) : ''
    if (ids.has(id)) throw invalid(index, `has two calls with the id ${describeOption(id)}.`)
    ids.add(id)
  }
  return [...ids]
}

function problemOfCall(call: unknown): string | undefined {
  if (!isObject(call)) return `it is ${describeOption(call)}`
  const { id, type, function: target } = call
  if (typeof id !== 'string' || id === '') return `its id is ${describeOption(id)}`
  if (type !== 'function') return `its type is ${describeOption(type)}; it must be "function"`
  if (!isObject(target) || typeof target['name'] !== 'string' || target['name'] === '') return 'it has no function.name'
  const text = target['arguments']
  const isJson = typeof text === 'string' && isObject(parseJson(text, { anyDepth: true }))
  return isJson
    ? undefined
    : `its function.arguments are ${describeOption(text)}; they must be the text of a JSON object`
}

function withoutAnswered(index: number, message: UnknownObject, open: readonly string[]): readonly string[] {
  const [expected, ...rest] = open
  const id = message['tool_call_id']
  if (id === expected && expected !== undefined) return rest
  const shown = `is the result of the call ${describeOption(id)}`
  if (expected === undefined) throw invalid(index, `${shown}, which does not come before it.`)
  throw invalid(
    index,
    `${shown}; the result of ${describeOption(expected)} must come first. Results are in call order.`,
  )
}

function first([id]: readonly string[]): string {
  return describeOption(id)
}

/** MiniMax refuses an empty content beside calls, and an empty list of calls. */
function sendable(message: UnknownObject): UnknownObject {
  const { content, tool_calls: calls, ...rest } = message
  const hasCalls = callsOf(message).length > 0
  const keepsContent = !hasCalls || contentText(content) !== ''
  if (keepsContent === 'content' in message && hasCalls === 'tool_calls' in message) return message
  return { ...rest, ...(keepsContent ? { content } : {}), ...(hasCalls ? { tool_calls: calls } : {}) }
}

function invalid(index: number, problem: string): LoopError {
  return new LoopError('invalid_option', `history[${index}] ${problem}`)
}
