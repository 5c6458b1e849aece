import type { FunctionTool } from '../../router/advertised-schema.ts'
import { errorMessage } from '../../router/errors.ts'
import { excerpt } from '../../router/text/clip.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { isModelError } from '../loop/errors.ts'
import type { Model, ModelReply, ModelRequest, SerializedMessage } from '../loop/model.ts'
import { minimaxTextFormat } from '../minimax/markup/text-format.ts'
import { ScriptError } from './errors.ts'
import type { WireMessage } from './mock-server/request.ts'
import { problemOfStep, type ScriptedReply, scriptedReply } from './scripted-reply.ts'

/**
 * One step of a script. A string is an answer, an object is a reply, an `Error` is a failure of the model, and a function
 * gets the request and returns one of these or a promise of it.
 *
 * An error that a function throws, such as a failed `expect`, is a mistake in the test. Only a `ModelError` counts as a
 * failure of the model.
 */
export type ScriptStep = ScriptedOutcome | ((request: ScriptedRequest) => ScriptedOutcome | Promise<ScriptedOutcome>)

/** The outcome of one request: an answer, a reply, or a failure of the model. */
export type ScriptedOutcome = string | ScriptedReply | ModelReply | Error

/** A model that plays a script and keeps the requests. */
export interface ScriptedModel extends Model {
  /** The requests so far, in order. Each one is a frozen snapshot. */
  readonly requests: readonly ScriptedRequest[]
  /** @throws {ScriptError} if a step failed, steps are left, or there were more requests than steps. */
  assertDone(): void
  /** The same as {@link ScriptedModel.assertDone}, for `using model = scriptedModel(…)`. */
  [Symbol.dispose](): void
}

/**
 * A model for tests that answers each request with the next step of a script. It uses no clock and no network.
 *
 * ```ts
 * using model = scriptedModel([{ toolCalls: [{ name: 'get_weather', input: { city: 'Oslo' } }] }, 'It is warm.'])
 * ```
 *
 * @throws {ScriptError} `invalid_step` if `steps` is not an array, or a step is wrong. A function is called when its
 * request comes, so a wrong step of a function fails then.
 */
export function scriptedModel(steps: readonly ScriptStep[]): ScriptedModel {
  checkSteps(steps)
  const requests: ScriptedRequest[] = []
  // A run does not throw, so the first mistake is kept for assertDone.
  let mistake: ScriptError | undefined
  const remember = (error: ScriptError): ScriptError => {
    mistake ??= error
    return error
  }
  const stepFor = (snapshot: ScriptedRequest): ScriptStep => {
    const step = steps[snapshot.number - 1]
    if (step !== undefined) return step
    throw remember(
      new ScriptError(
        'unexpected_request',
        `Request ${snapshot.number} is not in the script, which has ${count(steps.length)}. ${lastMessage(snapshot)}`,
      ),
    )
  }
  const outcomeOf = async (step: ScriptStep, snapshot: ScriptedRequest): Promise<ScriptedOutcome> => {
    if (typeof step !== 'function') return step
    try {
      return await step(snapshot)
    } catch (error) {
      if (!isModelFailure(error, snapshot.signal)) remember(stepThrew(error, snapshot.number))
      throw error
    }
  }
  const assertDone = () => {
    if (mistake !== undefined) throw mistake
    const left = steps.length - requests.length
    if (left === 0) return
    throw new ScriptError(
      'unused_steps',
      `${count(left)} of ${steps.length} in the script ${left === 1 ? 'was' : 'were'} not used: ` +
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
      const problem = problemOfStep(outcome)
      if (problem === undefined) return replyOf(outcome, snapshot.number)
      throw remember(invalidStep(snapshot.number, problem))
    },
    assertDone,
    [Symbol.dispose]: assertDone,
  }
}

/** Functions are checked when they have returned their step. */
function checkSteps(steps: unknown): void {
  if (!Array.isArray(steps)) {
    throw new ScriptError(
      'invalid_step',
      `scriptedModel() takes an array of steps, not ${describeOption(steps)}: scriptedModel([step, …]).`,
    )
  }
  // Not forEach, which skips the holes of an array.
  for (const [index, step] of steps.entries()) {
    const problem = typeof step === 'function' ? undefined : problemOfStep(step)
    if (problem !== undefined) throw invalidStep(index + 1, problem)
  }
}

function invalidStep(number: number, problem: string): ScriptError {
  return new ScriptError('invalid_step', `Step ${number} of the script: ${problem}`)
}

/** A step that waits may throw the reason of its signal, or an `AbortError`, when the run ends. */
function isModelFailure(error: unknown, { aborted, reason }: AbortSignal): boolean {
  if (isModelError(error)) return true
  return aborted && (error === reason || (error instanceof Error && error.name === 'AbortError'))
}

function stepThrew(error: unknown, number: number): ScriptError {
  const message = errorMessage(error)
  return new ScriptError(
    'step_failed',
    `Step ${number} of the script threw: ${message}\nTo play a failure of the model, return the error.`,
    { cause: error },
  )
}

function replyOf(outcome: ScriptedOutcome, number: number): ModelReply {
  if (outcome instanceof Error) throw outcome
  if (typeof outcome === 'string') return scriptedReply({ content: outcome }, number)
  return 'message' in outcome ? outcome : scriptedReply(outcome, number)
}

function count(steps: number): string {
  return steps === 1 ? '1 reply' : `${steps} replies`
}

function lastMessage({ messages }: ScriptedRequest): string {
  const last = messages.at(-1)
  return last === undefined ? 'It has no messages.' : `Its last message is ${excerpt(JSON.stringify(last), 500)}`
}

/** One request to a scripted model: a frozen snapshot that does not change when the run continues. */
export interface ScriptedRequest {
  /** Number of the request, counted from 1. */
  readonly number: number
  /** The messages, parsed. */
  readonly messages: readonly WireMessage[]
  /** The declared tools, parsed; absent if tools are off. */
  readonly tools?: readonly FunctionTool[]
  /** Time left until the deadline of the run, in milliseconds. */
  readonly timeoutMs: number
  /** Aborted when the run ends. */
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

/** The same message is part of many requests, so it is parsed once. */
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
