// Reads `history`: the messages of earlier runs, which the caller has stored and passes to a new one. They come from
// outside, and a server refuses a wrong order without saying which message is wrong, so everything is checked here.

import { errorMessage } from '../../router/errors.ts'
import {
  canonicalJson,
  inspectJson,
  isObject,
  isTooDeep,
  parseJson,
  type UnknownObject,
} from '../../router/json/json.ts'
import { Pauses } from '../../router/pauses.ts'
import { contentText } from '../../router/reading/assistant-message.ts'
import { excerpt } from '../../router/text/clip.ts'
import { suggestName } from '../../router/text/closest.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { digest } from './digest.ts'
import { LoopError } from './errors.ts'
import type { ChatMessage } from './messages.ts'
import type { SerializedMessage } from './model.ts'

const roles = ['system', 'user', 'assistant', 'tool'] as const
type Role = (typeof roles)[number]

/** The conversation before a run. */
export interface History {
  /** The messages in wire order, without a system message. */
  readonly messages: readonly SerializedMessage[]
  /** Hash of what the messages say. It does not depend on the order of members, which a database may change. */
  readonly hash: string
}

/** The history of a new conversation. */
export const noHistory: History = { messages: [], hash: '' }

/**
 * Checks the messages of `history` and serialises them. A system message at the beginning is left out. Reading pauses again
 * and again, because a conversation can have megabytes.
 *
 * @throws {LoopError} as a rejection: `invalid_option` that names the index of the first wrong message, and what is wrong.
 */
export async function readHistory(history: readonly ChatMessage[]): Promise<History> {
  const messages: SerializedMessage[] = []
  const meanings: string[] = []
  const order = new CallOrder()
  const pauses = new Pauses()
  for (const [index, message] of Array.from<unknown>(history).entries()) {
    const fields = checkMessage(index, plainMessage(index, message))
    const { role } = fields
    order.next(index, fields)
    if (pauses.isDue) await pauses.pause()
    if (role === 'system') continue
    messages.push({ role, json: JSON.stringify(role === 'assistant' ? sendable(fields) : fields) })
    meanings.push(meaningOf(fields))
  }
  order.end()
  return { messages, hash: meanings.length === 0 ? '' : digest(meanings.join('\n')) }
}

/** A message whose form is right. */
interface CheckedMessage extends UnknownObject {
  readonly role: Role
}

/** Checks that the results of each reply follow it, one per call, in the order of the calls. */
class CallOrder {
  #ids: readonly string[] = []
  #answered = 0
  #askedAt = 0

  next(index: number, message: CheckedMessage): void {
    const { role } = message
    const expected = this.#ids[this.#answered]
    if (role === 'tool') {
      checkResult(index, message, expected)
      this.#answered++
      return
    }
    if (expected !== undefined) {
      const what = `is a message of ${role}, but the result of the call ${describeOption(expected)} must come first.`
      throw invalid(index, what)
    }
    if (role === 'system' && index > 0) {
      throw invalid(index, 'is a system message; only the first message can be one.')
    }
    this.#ids = role === 'assistant' ? callIdsOf(index, message) : []
    this.#answered = 0
    this.#askedAt = index
  }

  end(): void {
    const missing = this.#ids[this.#answered]
    if (missing === undefined) return
    const hint = 'To continue a paused run, pass its checkpoint as resumeFrom, and decisions.'
    throw invalid(this.#askedAt, `has the call ${describeOption(missing)} without a result. ${hint}`)
  }
}

function checkResult(index: number, { tool_call_id: id }: UnknownObject, expected: string | undefined): void {
  if (id === expected && expected !== undefined) return
  const shown = `is the result of the call ${describeOption(id)}`
  if (expected === undefined) throw invalid(index, `${shown}, which does not come before it.`)
  throw invalid(
    index,
    `${shown}; the result of ${describeOption(expected)} must come first. Results are in call order.`,
  )
}

/** The message as it is sent: what is checked must not differ from it, whatever `toJSON` or a getter returns. */
function plainMessage(index: number, message: unknown): UnknownObject {
  if (!isObject(message)) throw invalid(index, `is ${describeOption(message)}; it must be a chat message.`)
  let unserializable: string | undefined
  let sent: unknown = message
  try {
    const { isPlain, problem } = inspectJson(message)
    unserializable = problem
    if (problem === undefined && (!isPlain || isTooDeep(message))) {
      sent = JSON.parse(JSON.stringify(message))
      // Writing it in sorted order takes more of the stack than writing it does.
      canonicalJson(sent)
    }
  } catch (error) {
    const reason = error instanceof RangeError ? 'it nests too deep' : excerpt(errorMessage(error), 200)
    throw invalid(index, `cannot be represented as JSON: ${reason}.`, error)
  }
  if (unserializable !== undefined) throw invalid(index, `contains ${unserializable}.`)
  if (!isObject(sent)) throw invalid(index, `is ${describeOption(sent)} as JSON; it must be a chat message.`)
  return sent
}

function checkMessage(index: number, message: UnknownObject): CheckedMessage {
  const role = roles.find((role) => role === message['role'])
  if (role === undefined) {
    const hint = suggestName(String(message['role']), roles, 'It must be one of')
    throw invalid(index, `has the role ${describeOption(message['role'])}. ${hint}`)
  }
  checkMembers(index, role, message)
  const { content } = message
  const isMissing = content === undefined || content === null || content === ''
  if (isMissing && role === 'assistant' && callsOf(message).length > 0) return { ...message, role }
  if (typeof content !== 'string' && !(Array.isArray(content) && content.length > 0 && content.every(isObject))) {
    throw invalid(index, `has the content ${describeOption(content)}; it must be a text.`)
  }
  if (isMissing) {
    // Each call needs its result, so this one cannot be left out.
    const hint = role === 'tool' ? 'Write what the tool returned, such as "null".' : 'Leave the message out.'
    throw invalid(index, `has an empty content. ${hint}`)
  }
  const wrong = Array.isArray(content) ? content.findIndex((part) => !isPart(part)) : -1
  if (wrong >= 0 && Array.isArray(content)) {
    const hint = "it must be a part such as { type: 'text', text: 'Hello' }, and not be empty."
    throw invalid(index, `has the content[${wrong}] ${describeOption(content[wrong])}; ${hint}`)
  }
  return { ...message, role }
}

/** Members that belong to another role: a server would ignore them, or wait for the result of a call. */
function checkMembers(index: number, role: Role, message: UnknownObject): void {
  const owners = { tool_calls: 'assistant', tool_call_id: 'tool' }
  for (const [name, owner] of Object.entries(owners)) {
    if (owner === role || message[name] === undefined || message[name] === null) continue
    throw invalid(index, `is a message of ${role} with ${name}, which only a message of ${owner} can have.`)
  }
  if (message['function_call'] === undefined || message['function_call'] === null) return
  throw invalid(index, 'has a function_call, which is an outdated form. Write the call as one of tool_calls.')
}

/** Whether servers accept a part of a content. Parts that are not text, such as images, have forms of their own. */
function isPart(part: unknown): boolean {
  if (!isObject(part) || typeof part['type'] !== 'string') return false
  return part['type'] !== 'text' || (typeof part['text'] === 'string' && part['text'] !== '')
}

/** The part of a message that matters for the question whether two conversations are the same. */
function meaningOf(message: CheckedMessage): string {
  const { role, content, tool_call_id: id } = message
  const calls = callsOf(message).map((call) => (isObject(call) ? [call['id'], call['function']] : []))
  const isText = typeof content === 'string' && calls.length === 0
  return isText ? JSON.stringify([role, content, id]) : canonicalJson([role, content ?? '', id, calls])
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

/** MiniMax refuses an empty content beside calls, and an empty list of calls. */
function sendable(message: UnknownObject): UnknownObject {
  const { content, tool_calls: calls, ...rest } = message
  const hasCalls = callsOf(message).length > 0
  const keepsContent = !hasCalls || contentText(content) !== ''
  if (keepsContent === 'content' in message && hasCalls === 'tool_calls' in message) return message
  return { ...rest, ...(keepsContent ? { content } : {}), ...(hasCalls ? { tool_calls: calls } : {}) }
}

function invalid(index: number, problem: string, cause?: unknown): LoopError {
  return new LoopError('invalid_option', `history[${index}] ${problem}`, cause === undefined ? {} : { cause })
}
