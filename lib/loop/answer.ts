import { describeFaults } from '../../router/feedback.ts'
import { answersIn } from '../../router/json-in-text.ts'
import type { Reading } from '../../router/read.ts'
import { validatorOf } from '../../router/validator.ts'
import type { PartialAnswer } from './partial-answer.ts'
import type { AnswerContract, RunView } from './run.ts'
import { untilAborted } from './until-aborted.ts'

export type Judgement =
  | { readonly accepted: true; readonly value: unknown }
  | {
      readonly accepted: false
      readonly candidate?: PartialAnswer
      readonly problems: readonly string[]
      readonly failure?: unknown
    }

/**
 * Whether a reply without tool calls is an acceptable answer. Among several JSON values in the text, the first that fits
 * the schema is taken; if none fits, the one with the fewest faults is the candidate.
 */
export async function judge<S extends object>(
  reading: Reading,
  contract: AnswerContract<S> | undefined,
  cutOff: boolean,
  view: RunView,
  signal: AbortSignal,
): Promise<Judgement> {
  if (cutOff)
    return {
      accepted: false,
      problems: ['Your reply was cut off by the output limit: answer shorter.'],
      ...candidate(reading.text),
    }
  if (contract === undefined) {
    return reading.text === '' ? empty : { accepted: true, value: reading.text }
  }
  const validate = validatorOf(contract.schema)
  let best: { readonly value: unknown; readonly faults: ReturnType<typeof validate> } | undefined
  for (const value of answersIn(reading.text)) {
    const faults = validate(value)
    if (best === undefined || faults.length < best.faults.length) best = { value, faults }
    if (faults.length === 0) break
  }
  if (best === undefined) {
    if (reading.text === '') return empty
    return {
      accepted: false,
      problems: ['The answer has to be one JSON object; your reply held none.'],
      ...candidate(reading.text),
    }
  }
  if (best.faults.length > 0) {
    const problems = describeFaults(best.faults)
      .split('\n')
      .map((line) => line.replace(/^- /, ''))
    return { accepted: false, problems, candidate: { value: best.value, problems } }
  }
  return checked(best.value, contract, view, signal)
}

async function checked<S extends object>(
  value: unknown,
  contract: AnswerContract<S>,
  view: RunView,
  signal: AbortSignal,
): Promise<Judgement> {
  if (contract.check === undefined) return { accepted: true, value }
  try {
    // The schema has just been checked: the value is of the schema's type.
    const checking = Promise.resolve(contract.check(value as Parameters<typeof contract.check>[0], view))
    const problems = await untilAborted(signal, checking)
    if (!Array.isArray(problems)) throw new TypeError('answer.check has to return an array of problems')
    return problems.length === 0
      ? { accepted: true, value }
      : { accepted: false, problems, candidate: { value, problems } }
  } catch (failure) {
    const problems = ['The answer could not be checked.']
    return { accepted: false, problems, candidate: { value, problems }, failure }
  }
}

const empty: Judgement = { accepted: false, problems: ['Your reply was empty.'] }

function candidate(text: string): { readonly candidate?: PartialAnswer } {
  return text === '' ? {} : { candidate: { value: text, problems: ['not in the form of the answer'] } }
}
