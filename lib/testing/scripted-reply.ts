import { isObject, type UnknownObject } from '../../router/json/json.ts'
import type { AssistantMessage } from '../../router/reading/assistant-message.ts'
import { excerpt } from '../../router/text/clip.ts'
import { suggestName } from '../../router/text/closest.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { type FinishReason, finishReasons, type ModelReply, type Usage } from '../loop/model.ts'

/** A reply with tool calls, or with an unusual finish reason or usage. */
export interface ScriptedReply {
  /** Tool calls. @defaultValue none */
  readonly toolCalls?: readonly ScriptedCall[]
  /** Visible text. @defaultValue '' */
  readonly content?: string
  /** @defaultValue `tool_calls` if there are tool calls, otherwise `stop` */
  readonly finishReason?: FinishReason
  /** Token counts. @defaultValue 10 input and 5 output tokens */
  readonly usage?: Partial<Usage>
}

/** A tool call of a {@link ScriptedReply}. */
export interface ScriptedCall {
  /** Name of the tool. */
  readonly name: string
  /** Input of the tool. The model sends it as JSON text. */
  readonly input: unknown
  /** @defaultValue `call_<request>_<position>`, both counted from 1 */
  readonly id?: string
}

/** The description of a correct value, and its test. */
type Expectation = readonly [what: string, fits: (value: unknown) => boolean]

const text: Expectation = ['a string', (value) => typeof value === 'string']

/** Every member of a reply, with the values that it may have. */
const replyMembers: Readonly<Record<keyof ScriptedReply, Expectation>> = {
  toolCalls: ['an array of tool calls', Array.isArray],
  content: text,
  finishReason: [
    `one of ${finishReasons.map((reason) => `"${reason}"`).join(', ')}`,
    (value) => finishReasons.some((reason) => reason === value),
  ],
  usage: ['an object with token counts', isObject],
}

/** Every member of a tool call, with the values that it may have. */
const callMembers: Readonly<Record<keyof ScriptedCall, Expectation>> = {
  name: text,
  input: ['the input of the tool', () => true],
  id: text,
}

/** Small and round, so that a test can state sums without computing. */
const defaultUsage: Usage = { inputTokens: 10, outputTokens: 5, cachedInputTokens: 0, reasoningTokens: 0 }

/** A reply in the form that the loop reads. */
export function scriptedReply(reply: ScriptedReply, number: number): ModelReply {
  const { toolCalls = [], content = '' } = reply
  const message: AssistantMessage = {
    role: 'assistant',
    content,
    ...(toolCalls.length === 0
      ? {}
      : { tool_calls: toolCalls.map((call, index) => wireCall(call, number, index + 1)) }),
  }
  return {
    message,
    finishReason: reply.finishReason ?? (toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    usage: { ...defaultUsage, ...reply.usage },
  }
}

function wireCall({ name, input, id }: ScriptedCall, number: number, position: number) {
  return {
    id: id ?? `call_${number}_${position}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) ?? '' },
  }
}

/**
 * The mistake in a step that is not a function, for a message that begins with the number of the step.
 *
 * TypeScript does not check every step. A wrong member would otherwise be silently ignored, and the test would pass
 * without playing what it was written to play.
 *
 * @returns `undefined` for a text, a reply and an `Error`.
 */
export function problemOfStep(step: unknown): string | undefined {
  if (typeof step === 'string' || step instanceof Error) return undefined
  if (!isObject(step)) return `it is ${describeOption(step)}; it must be a text, a reply or an Error.`
  if ('message' in step) {
    return isObject(step['message'])
      ? undefined
      : `message is ${describeOption(step['message'])}; it must be an object.`
  }
  const problem = problemOfMembers(step, replyMembers, '', 'a reply')
  if (problem !== undefined) return problem
  const { usage = {}, toolCalls = [] } = step as ScriptedReply
  for (const [name, count] of Object.entries(usage)) {
    if (!Object.hasOwn(defaultUsage, name))
      return unknownMember(`usage.${excerpt(name, 80)}`, name, Object.keys(defaultUsage), 'usage')
    if (typeof count !== 'number') return `usage.${name} is ${describeOption(count)}; it must be a number of tokens.`
  }
  for (const [index, call] of toolCalls.entries()) {
    const problem = problemOfCall(call, `toolCalls[${index}]`)
    if (problem !== undefined) return problem
  }
  return undefined
}

function problemOfCall(call: unknown, path: string): string | undefined {
  if (!isObject(call)) return `${path} is ${describeOption(call)}; it must be a tool call: { name, input }.`
  // The wire format of chat completions, which many people know, has the input as JSON text.
  if ('arguments' in call) return `unknown member "${path}.arguments". Did you mean "input"? It takes the input itself.`
  if ('function' in call) return `unknown member "${path}.function". Write { name, input } instead.`
  const problem = problemOfMembers(call, callMembers, `${path}.`, 'a tool call')
  if (problem !== undefined) return problem
  if (call['name'] === undefined) return `${path}.name is undefined; it must be a string.`
  return 'input' in call ? undefined : `${path}.input is undefined; it must be the input of the tool.`
}

/** @param owner the kind of object, for the list of members. */
function problemOfMembers(
  given: UnknownObject,
  known: Readonly<Record<string, Expectation>>,
  prefix: string,
  owner: string,
): string | undefined {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(known, name)) {
      return unknownMember(`${prefix}${excerpt(name, 80)}`, name, Object.keys(known), owner)
    }
    const [what = '', fits] = known[name] ?? []
    if (value !== undefined && fits?.(value) === false) {
      return `${prefix}${name} is ${describeOption(value)}; it must be ${what}.`
    }
  }
  return undefined
}

function unknownMember(path: string, name: string, known: readonly string[], owner: string): string {
  return `unknown member "${path}". ${suggestName(name, known, `The members of ${owner} are`)}`
}
