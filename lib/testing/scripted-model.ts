import { excerpt } from '../../router/clip.ts'
import { isObject } from '../../router/json.ts'
import type { Model, ModelReply } from '../loop/model.ts'
import { ModelError } from '../loop/model-error.ts'
import { type ScriptedReply, scriptedReply } from './scripted-reply.ts'
import { type ScriptedRequest, scriptedRequest } from './scripted-request.ts'

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
  const message = error instanceof Error ? error.message : String(error)
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
