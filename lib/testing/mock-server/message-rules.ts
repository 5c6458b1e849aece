import { isObject, parseJson, type UnknownObject } from '../../../router/json/json.ts'
import { contentText } from '../../../router/reading/assistant-message.ts'
import { estimateTokens, objectsOf, promptText } from './request.ts'
import {
  fieldError,
  isText,
  limitsOf,
  mismatch,
  nameMissing,
  refusal,
  toolsError,
  toolTypeError,
} from './request-rules.ts'

/** A rule of MiniMax that a request breaks. MiniMax answers with HTTP 400 and code 2013. */
export interface BrokenRule {
  /** Name of the rule, for example `system-first`. */
  readonly rule: string
  /** MiniMax's message, with its code in parentheses. */
  readonly message: string
}

/** MiniMax's text after `invalid params, ` if the rule is broken. */
type Check = (body: UnknownObject, messages: readonly UnknownObject[], strict: boolean) => string | undefined

/**
 * Every documented or reported reason why MiniMax refuses a chat-completions request, in the order of checking: fields,
 * tools, roles, contents, calls, results. Texts without a source are marked as assumed.
 *
 * If reports contradict each other, what the API was measured to accept is accepted. Strict rules follow the strictest
 * report instead, so that a request that passes them passes according to all reports.
 */
const rules: Readonly<Record<string, Check>> = {
  'model-required': ({ model }) => missing('model', typeof model === 'string' && model !== ''),
  'messages-required': ({ messages }) => missing('messages', Array.isArray(messages)),
  'lists-of-objects': (body, messages) =>
    [
      listError('Message', body['messages']),
      listError('Tool', body['tools']),
      ...messages.map((message) => listError('ToolCall', message['tool_calls'])),
    ].find(isText), // assumed text
  'model-known': ({ model }) => {
    const name = String(model)
    return limitsOf(name) === undefined ? `unknown model '${name.toLowerCase()}'` : undefined
  },
  'fields-documented': (body, _messages, strict) => fieldError(body, strict),
  'tools-complete': ({ tools }, _messages, strict) => toolsError(tools, strict),
  'messages-not-empty': (_body, messages) => (messages.length === 0 ? contentEmpty : undefined),
  'one-system-message': (_body, messages) =>
    messages.filter(({ role }) => role === 'system').length > 1 ? 'invalid chat setting' : undefined,
  'role-known': (_body, messages) => {
    const unknown = messages.find(({ role }) => !roles.has(String(role)))
    return unknown && `chat content has invalid message role: ${unknown['role']}`
  },
  'system-first': (_body, messages) =>
    messages.findIndex(({ role }) => role === 'system') > 0
      ? 'chat content has invalid message role: system'
      : undefined,
  'content-not-empty': (_body, messages, strict) =>
    messages.map((message) => contentError(message, strict)).find(isText),
  'call-complete': (_body, messages) => messages.flatMap(callsOf).map(callError).find(isText),
  'call-ids-differ': (_body, messages) => messages.map(duplicateIdError).find(isText), // assumed text
  'results-follow-calls': (_body, messages) => resultError(messages),
  'context-window': (body) => {
    const limit = limitsOf(String(body['model']))?.contextTokens ?? Number.POSITIVE_INFINITY
    return estimateTokens(promptText(body)) > limit ? 'context window exceeds limit' : undefined
  },
}

/**
 * The first rule that a request body breaks; `undefined` if MiniMax accepts the request. Pure.
 *
 * @param options `strict` applies the rules about which sources disagree, too. @defaultValue not strict
 */
export function findBrokenRule(body: unknown, options: { readonly strict?: boolean } = {}): BrokenRule | undefined {
  if (!isObject(body)) {
    return { rule: 'body-object', message: refusal(mismatch('open_platform_oai.ChatCompletionRequest', body)) } // assumed text
  }
  const messages = objectsOf(body['messages'])
  for (const [rule, check] of Object.entries(rules)) {
    const error = check(body, messages, options.strict === true)
    if (error !== undefined) return { rule, message: refusal(error) }
  }
  return undefined
}

/** The roles that MiniMax accepts. */
const roles: ReadonlySet<string> = new Set(['system', 'user', 'assistant', 'tool'])
/** Messages of more than one rule. */
const contentEmpty = 'chat content is empty'
const resultMisplaced = 'tool call result does not follow tool call'

/** MiniMax's message for a missing field. */
function missing(field: string, present: boolean): string | undefined {
  return present ? undefined : `binding: expr_path=${field}, cause=missing required parameter`
}

/** Error for a list with an item that is not an object. */
function listError(type: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  const others = Array.isArray(value) ? value.filter((item) => !isObject(item)) : [value]
  return others.length > 0 ? mismatch(`open_platform_oai.${type}`, others[0]) : undefined
}

/**
 * Sources disagree on whether `""` or `null` is refused beside tool calls. No source reports that an absent `content` is
 * refused. So with strict rules it may only be absent beside tool calls. Everywhere else it must not be empty.
 */
function contentError(message: UnknownObject, strict: boolean): string | undefined {
  const { content } = message
  if (message['role'] === 'assistant' && callsOf(message).length > 0) {
    if (content === undefined || (!strict && (content === null || content === ''))) return undefined
    if (content === null) return 'invalid chat setting'
    if (content === '') return resultMisplaced
  }
  const parts = objectsOf(content)
  const hasMedia = parts.some(({ type }) => type === 'image_url' || type === 'video_url')
  return hasMedia || contentText(content) !== '' ? undefined : contentEmpty
}

/** The tool calls of an assistant message. */
function callsOf(message: UnknownObject): readonly UnknownObject[] {
  return message['role'] === 'assistant' ? objectsOf(message['tool_calls']) : []
}

/** Error for a tool call without type, name, id or JSON arguments. */
function callError(call: UnknownObject): string | undefined {
  const { id, function: target } = call
  if (call['type'] !== 'function') return toolTypeError(call)
  if (!isObject(target) || typeof target['name'] !== 'string' || target['name'] === '') {
    return nameMissing
  }
  if (typeof id === 'string' && id !== '' && isJsonObjectText(target['arguments'])) return undefined
  return `invalid function arguments json string, tool_call_id: ${id ?? ''}`
}

/** Two calls with the same id: their results could not be distinguished. */
function duplicateIdError(message: UnknownObject): string | undefined {
  const ids = callsOf(message).map(({ id }) => id)
  const known = new Set<unknown>()
  const again = ids.find((id) => known.size === known.add(id).size)
  return again === undefined ? undefined : `duplicate tool call id: ${again}`
}

function isJsonObjectText(text: unknown): boolean {
  return typeof text === 'string' && isObject(parseJson(text, { anyDepth: true }))
}

/** Results must follow the message with their calls directly: one for each call, in order. */
function resultError(messages: readonly UnknownObject[]): string | undefined {
  const known = new Set<unknown>()
  let open: unknown[] = []
  for (const message of messages) {
    if (message['role'] === 'tool') {
      const id = message['tool_call_id']
      if (!known.has(id)) return `tool result's tool id(${id ?? ''}) not found`
      if (open.shift() !== id) return resultMisplaced
      continue
    }
    if (open.length > 0) return resultMisplaced
    open = callsOf(message).map(({ id }) => id)
    for (const id of open) known.add(id)
  }
  return open.length > 0 ? resultMisplaced : undefined
}
