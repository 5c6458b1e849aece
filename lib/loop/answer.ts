import { errorMessage, InvalidSchemaError } from '../../router/errors.ts'
import { describeValidationErrors } from '../../router/feedback.ts'
import { isObject, parseJson, unparsable } from '../../router/json/json.ts'
import { jsonSpans } from '../../router/json/json-scan.ts'
import { parseLenientJson, stripCodeFence } from '../../router/json/lenient-json.ts'
import { excerpt } from '../../router/text/clip.ts'
import { describeOption, shownValue } from '../../router/text/shown-value.ts'
import { toJsonSchema } from '../../router/to-json-schema.ts'
import { compileSchema } from '../../router/validation.ts'
import type { PartialAnswer, PendingAnswer } from './checkpoint.ts'
import { AnswerCheckError, ModelError } from './errors.ts'
import type { AnswerContract, RunView } from './run.ts'
import { untilAborted } from './run-deadline.ts'

/** Result of {@link checkAnswer}. */
export type AnswerCheck =
  /** The answer fits the schema, and `check` found no problem. */
  | { readonly kind: 'accepted'; readonly value: unknown }
  | {
      /** The answer goes back to the model. */
      readonly kind: 'rejected'
      /** The rejected value; absent if the reply was empty. */
      readonly candidate?: PartialAnswer
      /** One sentence per problem, for the model. */
      readonly problems: readonly string[]
    }
  /** `check` threw, or returned anything other than problems. The model cannot correct that. */
  | { readonly kind: 'check-failed'; readonly candidate: PartialAnswer; readonly error: AnswerCheckError }
  /** The server's content filter removed the whole reply. Asking again would give the same. */
  | { readonly kind: 'blocked'; readonly error: ModelError }

/**
 * Checks a reply as the answer.
 *
 * With a schema, the answer is the first JSON value in the text that fits it. If no value fits, the one with the fewest
 * validation errors is the candidate. Without a schema, the text is the answer.
 *
 * @param view the part of the run that `check` can see.
 * @param signal ends the wait for `check`.
 */
export async function checkAnswer<S extends object>(
  reply: PendingAnswer,
  contract: AnswerContract<S> | undefined,
  view: RunView,
  signal: AbortSignal,
): Promise<AnswerCheck> {
  const { text, finish_reason: finishReason } = reply
  if (finishReason === 'length') {
    if (text === '') return { kind: 'rejected', problems: [allThinking] }
    return rejected(text, 'Your reply was cut off at the output limit. Give a shorter answer.')
  }
  if (finishReason === 'content_filter') {
    return text === '' ? blocked : rejected(text, 'Your reply was cut off by a content filter.')
  }
  if (contract === undefined) return checkText(reply)
  const schema = answerSchema(contract)
  const validate = compileSchema(schema)
  let best: { readonly value: unknown; readonly errors: ReturnType<typeof validate> } | undefined
  for (const value of answersIn(text)) {
    const errors = validate(value)
    if (best === undefined || errors.length < best.errors.length) best = { value, errors }
    if (errors.length === 0) break
  }
  if (best === undefined) return rejected(text, 'The answer must be one JSON object, but your reply contained none.')
  if (best.errors.length > 0) {
    const problems = describeValidationErrors(best.errors, schema)
      .split('\n')
      .map((line) => line.replace(/^- /, ''))
    return { kind: 'rejected', problems, candidate: { value: best.value, problems } }
  }
  return runCheck(best.value, contract, view, signal)
}

/** The JSON Schema of the answer. A schema of another library is converted, once. */
export function answerSchema({ schema }: { readonly schema?: unknown }): object {
  const converted = toJsonSchema('answer.schema', schema, 'output')
  if (isObject(converted)) return converted
  throw new InvalidSchemaError(`answer.schema is ${describeOption(converted)}; it must be a JSON Schema object.`)
}

/**
 * The JSON values of a text that may be its answer, the most likely first: the last object is the conclusion, and one
 * wrapped as `{"answer":…}` is also offered unwrapped. If the whole text is one object in the notation of Python or
 * JavaScript, it is read as lenient JSON.
 */
function answersIn(text: string): readonly unknown[] {
  const spans = jsonSpans(text)
  const lenient = spans.some(({ isPart }) => !isPart) ? undefined : parseLenientJson(stripCodeFence(text))
  if (lenient !== undefined && lenient.kind !== 'unparsable') return unwrapped(lenient.value)
  const values = spans.map(({ start, end }) => parseJson(text.slice(start, end)))
  if (values.length === 0) values.push(parseJson(text))
  return values
    .filter((value) => value !== unparsable)
    .reverse()
    .flatMap(unwrapped)
}

function unwrapped(value: unknown): readonly unknown[] {
  return isObject(value) && 'answer' in value ? [value, value['answer']] : [value]
}

function checkText({ text, finish_reason: finishReason }: PendingAnswer): AnswerCheck {
  if (text === '') return rejected(text, '')
  // The call was lost on the way, and the text before it is not an answer.
  if (finishReason === 'tool_calls') {
    return rejected(text, 'Your reply announced a tool call, but no call arrived. Call the tool again, or answer.')
  }
  return { kind: 'accepted', value: text }
}

/** The model is shown the problems, and more or longer ones would fill its context. */
const maxProblems = 20
const maxProblemBytes = 300

async function runCheck<S extends object>(
  value: unknown,
  contract: AnswerContract<S>,
  view: RunView,
  signal: AbortSignal,
): Promise<AnswerCheck> {
  if (contract.check === undefined) return { kind: 'accepted', value }
  try {
    // The value was validated against the schema, so it has the schema's type.
    const checking = Promise.resolve(contract.check(value as Parameters<typeof contract.check>[0], view))
    const found: unknown = await untilAborted(signal, checking)
    if (!Array.isArray(found) || found.some((problem) => typeof problem !== 'string')) {
      throw new TypeError(`it returned ${shownValue(found, maxProblemBytes)}`)
    }
    if (found.length === 0) return { kind: 'accepted', value }
    const problems = found.slice(0, maxProblems).map((problem: string) => excerpt(problem, maxProblemBytes))
    if (found.length > maxProblems) problems.push(`… and ${found.length - maxProblems} more problems`)
    return { kind: 'rejected', problems, candidate: { value, problems } }
  } catch (error) {
    const problem = `answer.check failed: ${excerpt(errorMessage(error), maxProblemBytes)}`
    const hint = 'It must return an array of strings, one per problem, and must not throw.'
    return {
      kind: 'check-failed',
      candidate: { value, problems: ['The answer was not checked.'] },
      error: new AnswerCheckError(`${problem}. ${hint}`, error),
    }
  }
}

const blocked: AnswerCheck = {
  kind: 'blocked',
  error: new ModelError('The content filter blocked the reply. Change the prompt or the tool results.', {
    code: 'content_filter',
    retryable: false,
  }),
}

/** For the model, and for the people who read the trace: only they can raise the limit. */
const allThinking =
  'Your reply was empty, because thinking used up the output limit. Think less, and answer at once. ' +
  '(The option maxOutputTokens of the model raises the limit.)'

function rejected(text: string, problem: string): AnswerCheck {
  if (text === '') return { kind: 'rejected', problems: ['Your reply was empty.'] }
  return { kind: 'rejected', problems: [problem], candidate: { value: text, problems: [problem] } }
}

/**
 * Whether a rejected answer is better than the best one so far. A JSON value is better than text, and fewer problems are
 * better than more. Of two equals the later one is better, because the model has corrected the earlier one.
 */
export function isBetter(candidate: PartialAnswer, current: PartialAnswer | null): boolean {
  if (current === null) return true
  const isStructured = typeof candidate.value !== 'string'
  if (isStructured !== (typeof current.value !== 'string')) return isStructured
  return candidate.problems.length <= current.problems.length
}
