import { isObject } from '../../../router/json.ts'
import { limitsOf } from './models.ts'
import { objectsOf, textOf } from './request.ts'
import { estimateTokens, promptText } from './tokens.ts'

/** The rule that a request breaks. MiniMax answers every one with HTTP 400 and code 2013. */
export interface BrokenRule {
  readonly rule: string
  /** MiniMax's message, its code in parentheses included. */
  readonly message: string
}

type Fields = { readonly [key: string]: unknown }
/** Gives MiniMax's text after `invalid params, ` when the rule is broken. */
type Check = (body: Fields, messages: readonly Fields[]) => string | undefined

/**
 * Every documented or reported reason for which MiniMax refuses a chat-completions request, in the order of checking:
 * fields, tools, roles, contents, calls, results. Where reports contradict each other, the stricter reading stands:
 * what passes here passes by all of them. Texts that no source gives are marked as assumed.
 */
const rules: Readonly<Record<string, Check>> = {
  'model-required': ({ model }) => missing('model', typeof model === 'string' && model !== ''),
  'messages-required': ({ messages }) => missing('messages', Array.isArray(messages)),
  'lists-of-objects': (body, messages) =>
    [
      listFault('Message', body['messages']),
      listFault('Tool', body['tools']),
      ...messages.map((message) => listFault('ToolCall', message['tool_calls'])),
    ].find(isText), // assumed text
  'model-known': ({ model }) => {
    const name = String(model)
    return limitsOf(name) === undefined ? `unknown model '${name.toLowerCase()}'` : undefined
  },
  'output-limit': (body) => {
    const limit = limitsOf(String(body['model']))?.outputTokens ?? Number.POSITIVE_INFINITY
    const asked = Number(body['max_completion_tokens'] ?? body['max_tokens'] ?? 0)
    return asked > limit ? `model[${body['model']}] does not support max tokens > ${limit}` : undefined
  },
  'thinking-object': ({ thinking }) => {
    if (thinking === undefined) return undefined
    if (!isObject(thinking)) return mismatch('open_platform_oai.ThinkingConfig', thinking)
    const known = thinking['type'] === 'adaptive' || thinking['type'] === 'disabled'
    return known ? undefined : `invalid thinking type: ${thinking['type']}` // assumed text
  },
  'reasoning-split-boolean': ({ reasoning_split: split }) =>
    split === undefined || typeof split === 'boolean' ? undefined : mismatch('bool', split), // assumed text
  'tool-type': ({ tools }) => objectsOf(tools).map(toolTypeFault).find(isText),
  'tool-parameters': ({ tools }) => objectsOf(tools).map(toolDefinitionFault).find(isText),
  'messages-not-empty': (_body, messages) => (messages.length === 0 ? contentEmpty : undefined),
  'one-system-message': (_body, messages) =>
    messages.filter(({ role }) => role === 'system').length > 1 ? 'invalid chat setting' : undefined,
  'role-known': (_body, messages) => {
    const stranger = messages.find(({ role }) => !roles.has(String(role)))
    return stranger && `chat content has invalid message role: ${stranger['role']}`
  },
  'system-first': (_body, messages) =>
    messages.findIndex(({ role }) => role === 'system') > 0
      ? 'chat content has invalid message role: system'
      : undefined,
  'content-not-empty': (_body, messages) => messages.map(contentFault).find(isText),
  'call-complete': (_body, messages) => messages.flatMap(callsOf).map(callFault).find(isText),
  'results-follow-calls': (_body, messages) => resultFault(messages),
  'context-window': (body) => {
    const limit = limitsOf(String(body['model']))?.contextTokens ?? Number.POSITIVE_INFINITY
    return estimateTokens(promptText(body)) > limit ? 'context window exceeds limit' : undefined
  },
}

/** Finds the first rule that a request body breaks; `undefined` for a request that MiniMax accepts. Pure. */
export function findBrokenRule(body: unknown): BrokenRule | undefined {
  if (!isObject(body)) {
    return { rule: 'body-object', message: refusal(mismatch('open_platform_oai.ChatCompletionRequest', body)) } // assumed text
  }
  const messages = objectsOf(body['messages'])
  for (const [rule, check] of Object.entries(rules)) {
    const fault = check(body, messages)
    if (fault !== undefined) return { rule, message: refusal(fault) }
  }
  return undefined
}

/** A 2013 message as MiniMax words it. */
export function refusal(fault: string): string {
  return `invalid params, ${fault} (2013)`
}

const roles: ReadonlySet<string> = new Set(['system', 'user', 'assistant', 'tool'])
const contentEmpty = 'chat content is empty'
const resultMisplaced = 'tool call result does not follow tool call'

function isText(value: string | undefined): value is string {
  return value !== undefined
}

function missing(field: string, present: boolean): string | undefined {
  return present ? undefined : `binding: expr_path=${field}, cause=missing required parameter`
}

/** The server is written in Go and names types in Go's way. */
function mismatch(type: string, value: unknown): string {
  const names: Readonly<Record<string, string>> = { boolean: 'bool', object: 'object' }
  const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : (names[typeof value] ?? typeof value)
  return `Mismatch type ${type} with value ${kind}`
}

function listFault(type: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  const stranger = Array.isArray(value) ? value.filter((item) => !isObject(item)) : [value]
  return stranger.length > 0 ? mismatch(`open_platform_oai.${type}`, stranger[0]) : undefined
}

function toolTypeFault({ type }: Fields): string | undefined {
  return type === 'function' ? undefined : `invalid tool type: ${type ?? ''}`.trimEnd()
}

function toolDefinitionFault({ function: definition }: Fields): string | undefined {
  if (!isObject(definition) || typeof definition['name'] !== 'string' || definition['name'] === '') {
    return 'function name or parameters is empty'
  }
  if (definition['parameters'] === undefined || definition['parameters'] === null) return 'function parameters is empty'
  return isObject(definition['parameters'])
    ? undefined
    : mismatch('open_platform_oai.FunctionParameters', definition['parameters']) // assumed text
}

/**
 * Sources disagree on whether `""` or `null` is the form that is refused beside tool calls, and nobody reports an
 * absent key as refused. So with tool calls content may be absent, and else it has to hold something.
 */
function contentFault(message: Fields): string | undefined {
  const { content } = message
  if (message['role'] === 'assistant' && callsOf(message).length > 0) {
    if (content === undefined) return undefined
    if (content === null) return 'invalid chat setting'
    if (content === '') return resultMisplaced
  }
  const parts = objectsOf(content)
  const hasMedia = parts.some(({ type }) => type === 'image_url' || type === 'video_url')
  return hasMedia || textOf(content) !== '' ? undefined : contentEmpty
}

function callsOf(message: Fields): readonly Fields[] {
  return message['role'] === 'assistant' ? objectsOf(message['tool_calls']) : []
}

function callFault(call: Fields): string | undefined {
  const { id, function: target } = call
  if (call['type'] !== 'function') return toolTypeFault(call)
  if (!isObject(target) || typeof target['name'] !== 'string' || target['name'] === '') {
    return 'function name or parameters is empty'
  }
  if (typeof id === 'string' && id !== '' && isJsonObjectText(target['arguments'])) return undefined
  return `invalid function arguments json string, tool_call_id: ${id ?? ''}`
}

function isJsonObjectText(text: unknown): boolean {
  if (typeof text !== 'string') return false
  try {
    return isObject(JSON.parse(text))
  } catch {
    return false
  }
}

/** Results stand directly after the message with their calls, one for each call, and nothing stands between. */
function resultFault(messages: readonly Fields[]): string | undefined {
  const known = new Set<unknown>()
  let open: unknown[] = []
  for (const message of messages) {
    if (message['role'] === 'tool') {
      const id = message['tool_call_id']
      if (!known.has(id)) return `tool result's tool id(${id ?? ''}) not found`
      if (!open.includes(id)) return resultMisplaced
      open.splice(open.indexOf(id), 1)
      continue
    }
    if (open.length > 0) return resultMisplaced
    open = callsOf(message).map(({ id }) => id)
    for (const id of open) known.add(id)
  }
  return open.length > 0 ? resultMisplaced : undefined
}
