import type { FunctionTool } from '../../router/advertised-schema.ts'
import { errorMessage } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'
import type { AssistantMessage } from '../../router/reading/assistant-message.ts'
import { excerpt } from '../../router/text/clip.ts'
import { ModelError } from '../loop/errors.ts'
import type { FinishReason, Model, ModelReply, ModelRequest, SerializedMessage, Usage } from '../loop/model.ts'
import { minimaxTextFormat } from '../minimax/markup/text-format.ts'
import type { WireMessage } from './mock-server/request.ts'

/**
 * One reply of a script: a string is an answer, an `Error` a failure of the model, a function decides by the request
 * and gives any of the others, or a promise of one. What a function throws is a mistake, as a failed `expect` is, and not a
 * failure of the model, unless it is a `ModelError`.
 */
export type ScriptStep = ScriptedOutcome | ((request: ScriptedRequest) => ScriptedOutcome | Promise<ScriptedOutcome>)

export type ScriptedOutcome = string | ScriptedReply | ModelReply | Error

export interface ScriptedModel extends Model {
  /** What was asked so far, in order; each is a frozen snapshot. */
  readonly requests: readonly ScriptedRequest[]
  /** @throws {ScriptError} where a step threw, replies are left over, or a request came that the script has no reply for. */
  assertDone(): void
  /** The same check, so that `using model = scriptedModel(…)` makes it at the end of the block. */
  [Symbol.dispose](): void
}

/** The run did not follow the script: a mistake in the test or in what is tested, never a failure of the model. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError' as const
}

/** A model that gives one step of its script for each request. It reads no clock and no network. */
export function scriptedModel(steps: readonly ScriptStep[]): ScriptedModel {
  const requests: ScriptedRequest[] = []
  // A run turns what is thrown into its outcome: the first mistake is kept, so that it cannot be overlooked.
  let mistake: ScriptError | undefined
  const noted = (error: ScriptError): ScriptError => {
    mistake ??= error
    return error
  }
  const stepFor = (snapshot: ScriptedRequest): ScriptStep => {
    const step = steps[snapshot.number - 1]
    if (step !== undefined) return step
    throw noted(
      new ScriptError(
        `Request ${snapshot.number} is not in the script, which has ${count(steps.length)}. ${lastMessage(snapshot)}`,
      ),
    )
  }
  const outcomeOf = async (step: ScriptStep, snapshot: ScriptedRequest): Promise<ScriptedOutcome> => {
    if (typeof step !== 'function') return step
    try {
      return await step(snapshot)
    } catch (error) {
      if (!isModelFailure(error, snapshot.signal)) noted(stepThrew(error, snapshot.number))
      throw error
    }
  }
  const assertDone = () => {
    if (mistake !== undefined) throw mistake
    const left = steps.length - requests.length
    if (left === 0) return
    throw new ScriptError(
      `${count(left)} of ${steps.length} in the script ${left === 1 ? 'was' : 'were'} not asked for: ` +
        `there ${requests.length === 1 ? 'was only 1 request' : `were only ${requests.length} requests`}.`,
    )
  }
  return {
    name: 'scripted',
    provider: 'test',
    textFormat: minimaxTextFormat,
    requests,
    async complete(request) {
      const snapshot = scriptedRequest(request, requests.length + 1)
      requests.push(snapshot)
      const outcome = await outcomeOf(stepFor(snapshot), snapshot)
      const wrong = faultOf(outcome)
      if (wrong === undefined) return replyOf(outcome, snapshot.number)
      throw noted(new ScriptError(`Step ${snapshot.number} of the script ${wrong}`))
    },
    assertDone,
    [Symbol.dispose]: assertDone,
  }
}

/** A step that waits may break off when the run is over. */
function isModelFailure(error: unknown, { aborted, reason }: AbortSignal): boolean {
  if (error instanceof ModelError) return true
  return aborted && (error === reason || (error instanceof Error && error.name === 'AbortError'))
}

function stepThrew(error: unknown, number: number): ScriptError {
  const message = errorMessage(error)
  return new ScriptError(
    `Step ${number} of the script threw: ${message}\nAn error that is meant as a failure of the model has to be returned.`,
    { cause: error },
  )
}

function replyOf(outcome: ScriptedOutcome, number: number): ModelReply {
  if (outcome instanceof Error) throw outcome
  if (typeof outcome === 'string') return scriptedReply({ content: outcome }, number)
  return 'message' in outcome ? outcome : scriptedReply(outcome, number)
}

const replyMembers: readonly string[] = [
  'toolCalls',
  'content',
  'finishReason',
  'usage',
] satisfies (keyof ScriptedReply)[]

/** What code without types gets wrong: a member that no reply has would be passed over in silence. */
function faultOf(outcome: unknown): string | undefined {
  if (typeof outcome === 'string' || outcome instanceof Error) return undefined
  if (!isObject(outcome)) return `is ${excerpt(String(outcome), 80)}: it has to be a text, a reply, or an Error.`
  if ('message' in outcome) return undefined
  const unknown = Object.keys(outcome).find((member) => !replyMembers.includes(member))
  return unknown && `has the member "${excerpt(unknown, 80)}"; a reply has ${replyMembers.join(', ')}.`
}

function count(steps: number): string {
  return steps === 1 ? '1 reply' : `${steps} replies`
}

function lastMessage({ messages }: ScriptedRequest): string {
  const last = messages.at(-1)
  return last === undefined ? 'It has no messages.' : `Its last message is ${excerpt(JSON.stringify(last), 500)}`
}

/** A reply that asks for tool calls, or says something unusual. */
export interface ScriptedReply {
  readonly toolCalls?: readonly ScriptedCall[]
  /** Visible text. @defaultValue '' */
  readonly content?: string
  /** @defaultValue `tool_calls` where there are some, else `stop` */
  readonly finishReason?: FinishReason
  /** @defaultValue 10 input and 5 output tokens */
  readonly usage?: Partial<Usage>
}

export interface ScriptedCall {
  readonly name: string
  /** Sent as JSON text, as the wire has it. */
  readonly input: unknown
  /** @defaultValue `call_<request>_<position>`, both counted from 1 */
  readonly id?: string
}

const usage: Usage = { inputTokens: 10, outputTokens: 5, cachedInputTokens: 0, reasoningTokens: 0 }

/** The reply to request `number` in the loop's form. */
function scriptedReply(reply: ScriptedReply, number: number): ModelReply {
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
    usage: { ...usage, ...reply.usage },
  }
}

function wireCall({ name, input, id }: ScriptedCall, number: number, position: number) {
  return {
    id: id ?? `call_${number}_${position}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) ?? '' },
  }
}

/** What a model was asked: a frozen snapshot, which the further run does not change. */
export interface ScriptedRequest {
  /** Counted from 1. */
  readonly number: number
  /** The transcript, parsed. */
  readonly messages: readonly WireMessage[]
  /** The declared tools, parsed; absent where tools are off. */
  readonly tools?: readonly FunctionTool[]
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

function scriptedRequest({ messages, tools, timeoutMs, signal }: ModelRequest, number: number): ScriptedRequest {
  return Object.freeze({
    number,
    messages: Object.freeze(messages.map(parsedMessage)),
    ...(tools === undefined ? {} : { tools: deepFreeze(JSON.parse(tools)) }),
    timeoutMs,
    signal,
  })
}

/** A message stays in a transcript for many requests: it is parsed once. */
const parsed = new WeakMap<SerializedMessage, WireMessage>()

function parsedMessage(message: SerializedMessage): WireMessage {
  const known = parsed.get(message)
  if (known !== undefined) return known
  const fresh: WireMessage = deepFreeze(JSON.parse(message.json))
  parsed.set(message, fresh)
  return fresh
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}
