import { describeValidationErrors } from '../../router/feedback.ts'
import { answersIn } from '../../router/reading/json-calls.ts'
import { excerpt } from '../../router/text/clip.ts'
import { compileSchema } from '../../router/validation.ts'
import type { PartialAnswer, UnjudgedReply } from './checkpoint.ts'
import { ModelError } from './errors.ts'
import type { AnswerContract, RunView } from './run.ts'
import { untilAborted } from './run-deadline.ts'

export type Judgement =
  | { readonly kind: 'accepted'; readonly value: unknown }
  | {
      readonly kind: 'rejected'
      readonly candidate?: PartialAnswer
      readonly problems: readonly string[]
      /** What `check` threw. */
      readonly failure?: unknown
    }
  /** The server let nothing of the reply through: to ask again would be to be refused again. */
  | { readonly kind: 'withheld'; readonly error: ModelError }

/**
 * Whether a reply without tool calls is an acceptable answer. Among several JSON values in the text, the first that fits
 * the schema is taken; if none fits, the one with the fewest faults is the candidate.
 */
export async function judge<S extends object>(
  reply: UnjudgedReply,
  contract: AnswerContract<S> | undefined,
  view: RunView,
  signal: AbortSignal,
): Promise<Judgement> {
  const { text, finish_reason: finishReason } = reply
  if (finishReason === 'length') return rejected(text, 'Your reply was cut off by the output limit: answer shorter.')
  if (finishReason === 'content_filter')
    return text === '' ? withheld : rejected(text, 'Your reply was cut off by a filter.')
  if (contract === undefined) return judgeText(reply)
  const validate = compileSchema(contract.schema)
  let best: { readonly value: unknown; readonly faults: ReturnType<typeof validate> } | undefined
  for (const value of answersIn(text)) {
    const faults = validate(value)
    if (best === undefined || faults.length < best.faults.length) best = { value, faults }
    if (faults.length === 0) break
  }
  if (best === undefined) return rejected(text, 'The answer has to be one JSON object; your reply held none.')
  if (best.faults.length > 0) {
    const problems = describeValidationErrors(best.faults, contract.schema)
      .split('\n')
      .map((line) => line.replace(/^- /, ''))
    return { kind: 'rejected', problems, candidate: { value: best.value, problems } }
  }
  return checked(best.value, contract, view, signal)
}

function judgeText({ text, finish_reason: finishReason }: UnjudgedReply): Judgement {
  if (text === '') return rejected(text, '')
  // What was announced is lost: the text before it is no answer.
  if (finishReason === 'tool_calls') {
    return rejected(text, 'Your reply announced a tool call, but none arrived. Call the tool again, or answer.')
  }
  return { kind: 'accepted', value: text }
}

/** A check's problems are for the model: more, or longer ones, would fill its context. */
const maxProblems = 20
const maxProblemBytes = 300

async function checked<S extends object>(
  value: unknown,
  contract: AnswerContract<S>,
  view: RunView,
  signal: AbortSignal,
): Promise<Judgement> {
  if (contract.check === undefined) return { kind: 'accepted', value }
  try {
    // The schema has just been checked: the value is of the schema's type.
    const checking = Promise.resolve(contract.check(value as Parameters<typeof contract.check>[0], view))
    const found: unknown = await untilAborted(signal, checking)
    if (!Array.isArray(found) || found.some((problem) => typeof problem !== 'string')) {
      throw new TypeError('answer.check has to return an array of problems, each a string')
    }
    if (found.length === 0) return { kind: 'accepted', value }
    const problems = found.slice(0, maxProblems).map((problem: string) => excerpt(problem, maxProblemBytes))
    if (found.length > maxProblems) problems.push(`… and ${found.length - maxProblems} more problems`)
    return { kind: 'rejected', problems, candidate: { value, problems } }
  } catch (failure) {
    const problems = ['The answer could not be checked.']
    return { kind: 'rejected', problems, candidate: { value, problems }, failure }
  }
}

const withheld: Judgement = {
  kind: 'withheld',
  error: new ModelError('The reply was withheld by the content filter.', { code: 'content_filter', retryable: false }),
}

function rejected(text: string, problem: string): Judgement {
  if (text === '') return { kind: 'rejected', problems: ['Your reply was empty.'] }
  return { kind: 'rejected', problems: [problem], candidate: { value: text, problems: [problem] } }
}

/** A structured candidate beats mere text, fewer problems beat more, and the later of two equals is taken. */
export function isBetter(candidate: PartialAnswer, current: PartialAnswer | undefined): boolean {
  if (current === undefined) return true
  const structured = typeof candidate.value !== 'string'
  if (structured !== (typeof current.value !== 'string')) return structured
  return candidate.problems.length <= current.problems.length
}
