import { isObject, parseJson, type UnknownObject, unparsable } from '../../../router/json/json.ts'
import { lookUp } from '../../../router/json/json-pointer.ts'
import { endOfJson, endOfString } from '../../../router/json/json-scan.ts'
import { contentText } from '../../../router/reading/assistant-message.ts'
import { type MockServerRequest, objectsOf } from '../../testing/mock-server/request.ts'
import type { Quote } from '../agent/agent-result.ts'

// The text of a long result is cut: JSON loses items, lines and members, and a note follows it. Older results can lose
// their middle later, when the conversation becomes too long. Such a text as a whole is not JSON.
// The readers below then search it for `"name": value`. They find every value that is left.

/** One incident run, as the messages of a request show it. */
export interface Conversation {
  /** The incident's id; `undefined` if the prompt does not name one. */
  readonly scenario: string | undefined
  /** Telemetry from the prompt; `undefined` if the prompt has none or says `null`. */
  readonly preTelemetry: UnknownObject | undefined
  /** Every tool result, in order. */
  readonly results: readonly ToolMessage[]
  /** Replies of the model so far. */
  readonly rounds: number
}

/** A tool result in the conversation, with the call that it answers. */
export interface ToolMessage {
  /** The wire's id of the call. */
  readonly callId: string
  /** Name of the called tool; empty if the messages do not contain the call. */
  readonly tool: string
  /** Input of the call, as the model wrote it. */
  readonly input: unknown
  /** The message's text, of which parts may be left out. */
  readonly text: string
  /** The parsed text: JSON, or the view of a log; `undefined` for other texts, such as JSON of which parts are left out. */
  readonly value: unknown
  /** Whether the result is `{"error": …}`. */
  readonly failed: boolean
}

/** Reads the prompt and pairs each tool message with its call. */
export function readConversation({ messages }: MockServerRequest): Conversation {
  const prompt = messages
    .filter(({ role }) => role === 'user')
    .map(({ content }) => contentText(content))
    .join('\n')
  const scenario = embeddedValue(prompt, 'scenario')
  const preTelemetry = embeddedValue(prompt, 'pre_telemetry')
  const replies = messages.filter(({ role }) => role === 'assistant')
  const calls = new Map(replies.flatMap((reply) => objectsOf(reply['tool_calls']).map(readCall)))
  return {
    scenario: typeof scenario === 'string' ? scenario : undefined,
    preTelemetry: isObject(preTelemetry) ? preTelemetry : undefined,
    results: messages.flatMap((message) => {
      if (message.role !== 'tool') return []
      const callId = String(message['tool_call_id'])
      return [toolMessage(callId, calls.get(callId) ?? unknownCall, contentText(message.content))]
    }),
    rounds: replies.length,
  }
}

interface Call {
  readonly tool: string
  readonly input: unknown
}

const unknownCall: Call = { tool: '', input: undefined }

function readCall(call: UnknownObject): [string, Call] {
  const target = isObject(call['function']) ? call['function'] : {}
  return [String(call['id']), { tool: String(target['name']), input: jsonOf(String(target['arguments'])) }]
}

function toolMessage(callId: string, call: Call, text: string): ToolMessage {
  const value = jsonOf(text) ?? shownLogs(text)
  const failed = isObject(value) ? isObject(value['error']) : /^\s*\{\s*"error"\s*:\s*\{/.test(text)
  return { callId, ...call, text, value, failed }
}

function jsonOf(text: string): unknown {
  const value = parseJson(text)
  return value === unparsable ? undefined : value
}

/** The latest successful result of a tool. */
export function latest({ results }: Conversation, tool: string): ToolMessage | undefined {
  return results.findLast((result) => result.tool === tool && !result.failed)
}

/**
 * The value at a path of a result.
 *
 * In a result that was cut it is the first value with the path's last name, wherever the text has it.
 */
export function valueAt(result: ToolMessage | undefined, path: readonly string[]): unknown {
  if (result === undefined) return undefined
  if (result.value === undefined) return embeddedValue(result.text, path.at(-1) ?? '')
  const found = lookUp(result.value, path)
  return found.kind === 'found' ? found.value : undefined
}

/** Like {@link valueAt}, for a number; `undefined` for any other value. */
export function numberAt(result: ToolMessage | undefined, path: readonly string[]): number | undefined {
  const value = valueAt(result, path)
  return typeof value === 'number' ? value : undefined
}

/** Like {@link valueAt}, for a string; `undefined` for any other value. */
export function textAt(result: ToolMessage | undefined, path: readonly string[]): string | undefined {
  const value = valueAt(result, path)
  return typeof value === 'string' ? value : undefined
}

/**
 * Quotes the first figure whose name matches, for example `"waiting":60`. A text such as `"kind":"kv_cache"` is a label of the
 * tool, and proves nothing.
 */
export function quoteFigure(result: ToolMessage | undefined, namePattern: string): readonly Quote[] {
  if (result === undefined) return []
  const quote = new RegExp(`"(?:${namePattern})"\\s*:\\s*(?:"[~<>] ?[\\d.]+"|-?\\d[.\\deE+-]*)`).exec(result.text)?.[0]
  return quote === undefined ? [] : [{ tool: result.tool, quote }]
}

/** Quotes the first part of the result that a pattern matches. */
export function quoteMatch(result: ToolMessage | undefined, pattern: RegExp): readonly Quote[] {
  const quote = result === undefined ? undefined : pattern.exec(result.text)?.[0]
  return result === undefined || quote === undefined ? [] : [{ tool: result.tool, quote }]
}

/** Quotes a piece of a string in the result: as it is, or escaped as in the result's JSON. */
export function quoteText(result: ToolMessage, text: string): readonly Quote[] {
  if (text === '') return []
  const quote = [text, JSON.stringify(text).slice(1, -1)].find((form) => result.text.includes(form))
  return quote === undefined ? [] : [{ tool: result.tool, quote }]
}

/**
 * Finds `"key": value` in a text that contains JSON somewhere, and parses the value.
 *
 * @returns the first complete value; `undefined` without one.
 */
function embeddedValue(text: string, key: string): unknown {
  for (const found of text.matchAll(new RegExp(`"${key}"\\s*:\\s*`, 'g'))) {
    const start = found.index + found[0].length
    const value = jsonOf(text.slice(start, endOfValue(text, start)))
    // Prose about the field, or a value that was cut off, does not parse. The next occurrence may be complete.
    if (value !== undefined) return value
  }
  return undefined
}

/** A number or a constant. What follows shows that it is complete: the end of a cut text may split a number in two. */
const scalar = /[-+.\w]+(?=\s*[,}\]])/y

function endOfValue(text: string, start: number): number {
  const first = text[start]
  if (first === '"') return endOfString(text, start)
  if (first === '{' || first === '[') return endOfJson(text, start)
  scalar.lastIndex = start
  return scalar.test(text) ? scalar.lastIndex : start
}

// The log tools show the model text. This reads it back, as far as the rules need it.

/** `1. cause_candidate linux_oom_kill, 2 lines, 08:05:35 to 08:14:47`, with the first and the last line below. */
const finding =
  /^\d+\. (cause_candidate|unclassified|cascade|request_error|benign) (\w+), (\d+) lines?((?:, .*)?)\n(?: {3}(.*)(?:\n {3}last: (.*))?)?/gm
/** `dmesg+journal: 785 lines` */
const extent = /^((?:vllm|dmesg|journal)(?:\+(?:dmesg|journal))*): (?:\d+|no) lines/
const notCollected = /^(vllm|dmesg|journal): not collected\./gm

/** The result of a log tool, from what the model was shown; `undefined` for other texts. */
export function shownLogs(text: string): UnknownObject | undefined {
  const [, source] = extent.exec(text) ?? []
  if (source === undefined) return undefined
  // Only this section: a line of the log elsewhere could look like a finding.
  const [, section = ''] = /\n\n(Findings(?: of the whole window [^\n]*)?: \d[^\n]*(?:\n.+)*)/.exec(text) ?? []
  const findings = [...section.matchAll(finding)].map(([, kind, name, count, times = '', line, lastLine]) => ({
    kind,
    class: name,
    count: Number(count),
    is_earlier: times.includes('(before the incident)'),
    line,
    last_line: lastLine,
  }))
  return { source, findings, not_collected: [...text.matchAll(notCollected)].map(([, name]) => name) }
}
