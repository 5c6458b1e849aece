import { describeValidationErrors } from '../../../router/feedback.ts'
import { isObject } from '../../../router/json/json.ts'
import type { ToolResult } from '../../../router/tool-call.ts'
import { compileSchema, type ValidationError } from '../../../router/validation.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { type Answer, answerSchema } from './agent-result.ts'
import { contradictions } from './contradiction-check.ts'
import { checkInputs, madeUpViolations, referencedPlan } from './fix-chain.ts'
import { feedbackOf, groundingProblems, type Problem, type Sources, violationOf } from './grounding.ts'
import { type KnownNumbers, knownNumbers, unknownNumbers } from './number-check.ts'
import { planProblems } from './plan-check.ts'
import { ruledOutProblems } from './ruled-out-check.ts'

/** Result of {@link readAnswer}. */
type ReadAnswer =
  /** The answer has the form of {@link answerSchema}. */
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** It has another form. One sentence per problem, for the model. */
  | { readonly kind: 'invalid'; readonly problems: readonly string[] }

/** Reads an answer, whose plan can be a reference. All problems of its form are listed at once. */
export function readAnswer(value: unknown, results: readonly ToolResult[]): ReadAnswer {
  const written = writtenPlan(value)
  const plan = referencedPlan(written, results)
  const answer: unknown = isObject(value) && plan !== undefined ? { ...value, fix_plan: plan } : value
  if (plan === undefined && written !== undefined) {
    const problem = `fix_plan: ${JSON.stringify(written)} refers to no plan. Use {"$result":"<call id of apply_fix_simulation>#/fix_plan"} of a successful call, or write the plan.`
    // A reference is not a plan. What the schema says about it as a plan would mislead.
    const errors = answerErrors(answer).filter(({ instancePath }) => !/^\/fix_plan(?:\/|$)/.test(instancePath))
    return { kind: 'invalid', problems: [problem, ...described(errors)] }
  }
  if (isAnswer(answer)) return { kind: 'answer', answer }
  return { kind: 'invalid', problems: described(answerErrors(answer)) }
}

function writtenPlan(value: unknown): unknown {
  return isObject(value) ? value['fix_plan'] : undefined
}

function answerErrors(answer: unknown): readonly ValidationError[] {
  return compileSchema(answerSchema)(answer)
}

function described(errors: readonly ValidationError[]): readonly string[] {
  if (errors.length === 0) return []
  return describeValidationErrors(errors, answerSchema)
    .split('\n')
    .map((line) => line.replace(/^- /, ''))
}

function isAnswer(value: unknown): value is Answer {
  return answerErrors(value).length === 0
}

function isDiagnosis(value: unknown): value is Answer['diagnosis'] {
  return compileSchema(answerSchema.properties.diagnosis)(value).length === 0
}

/**
 * Finds what is wrong with an answer, for the model: every quote must be a fact of its source, every number must be in some
 * source, what is ruled out must have been looked at, nothing may contradict the tools or itself, and the plan must be
 * validated or explain why nothing is changed.
 */
export function answerProblems(
  value: unknown,
  results: readonly ToolResult[],
  preTelemetry: Telemetry,
): readonly string[] {
  const { form, problems } = problemsOf(value, results, preTelemetry)
  return [...form, ...problems.flatMap(feedbackOf)]
}

/**
 * The rules that an answer breaks, for the reader of the report, and the calls whose input the model made up. An accepted
 * answer can only have the latter.
 *
 * @param value the answer; absent if no answer was written.
 */
export function answerViolations(
  value: unknown,
  results: readonly ToolResult[],
  preTelemetry: Telemetry,
): readonly string[] {
  const { form, problems } = value === undefined ? { form: [], problems: [] } : problemsOf(value, results, preTelemetry)
  return [...form, ...problems.map(violationOf), ...madeUpViolations(checkInputs(results, preTelemetry))]
}

/** Problems of the form of an answer in words, and of its content. */
function problemsOf(value: unknown, results: readonly ToolResult[], preTelemetry: Telemetry) {
  const read = readAnswer(value, results)
  const { trusted, madeUp } = checkInputs(results, preTelemetry)
  const sources = { results: trusted, discarded: madeUp.map(({ result }) => result), preTelemetry }
  if (read.kind === 'answer') {
    const { diagnosis, fix_plan: plan } = read.answer
    const problems = [
      ...diagnosisProblems(diagnosis, plan, sources),
      ...contradictions(read.answer, results, preTelemetry),
      ...planProblems(plan, diagnosis, { ...sources, results }),
    ]
    return { form: [], problems }
  }
  const diagnosis = isObject(value) ? value['diagnosis'] : undefined
  if (!isDiagnosis(diagnosis)) return { form: read.problems, problems: [] }
  // The plan cannot be read. Its numbers are those that it or a call sets.
  return { form: read.problems, problems: diagnosisProblems(diagnosis, undefined, sources, triedPlans(value, results)) }
}

/** The plan as it is written, and the plans that were applied: an answer may name the values that they set. */
function triedPlans(value: unknown, results: readonly ToolResult[]): unknown {
  const applied = results.flatMap((result) =>
    result.status === 'ok' && result.name === 'apply_fix_simulation' ? [result.input] : [],
  )
  return [writtenPlan(value) ?? null, ...applied]
}

/** Problems of the words of an answer. @param plan absent if it cannot be read. */
function diagnosisProblems(
  diagnosis: Answer['diagnosis'],
  plan: Answer['fix_plan'] | undefined,
  sources: Sources,
  numbersOf: unknown = plan?.actions,
): readonly Problem[] {
  return [
    ...confidenceProblems(diagnosis),
    ...groundingProblems(diagnosis.evidence, sources),
    ...ruledOutProblems({ diagnosis, fix_plan: plan }, sources),
    ...numberProblems(diagnosis, plan, knownNumbers(sources, numbersOf)),
  ]
}

function confidenceProblems({ evidence, confidence }: Answer['diagnosis']): readonly Problem[] {
  if (evidence.length > 0 || confidence === 'low') return []
  return [
    {
      at: 'diagnosis.evidence',
      problem: `it is empty, although confidence is "${confidence}".`,
      advice: 'It needs at least one quote from a tool result.',
    },
  ]
}

/** The words whose numbers are facts. Risks and uncertainties are about what is not known. */
function numberProblems(
  diagnosis: Answer['diagnosis'],
  plan: Answer['fix_plan'] | undefined,
  known: KnownNumbers,
): readonly Problem[] {
  const texts: readonly (readonly [string, string | undefined])[] = [
    ['diagnosis.root_cause', diagnosis.root_cause],
    ['diagnosis.summary', diagnosis.summary],
    ...diagnosis.ruled_out.map((text, index) => [`diagnosis.ruled_out[${index}]`, text] as const),
    ['fix_plan.summary', plan?.summary],
    ['fix_plan.rationale', plan?.rationale],
    ...(plan?.actions ?? []).flatMap((action, index) =>
      action.action === 'no_change' ? [[`fix_plan.actions[${index}].reason`, action.reason] as const] : [],
    ),
  ]
  return texts.flatMap(([at, text = '']) => {
    const unknown = [...new Set(unknownNumbers(text, known))]
    if (unknown.length === 0) return []
    const shown = unknown.slice(0, 5).map((number) => `"${number}"`)
    return [
      {
        at,
        problem: `${shown.join(', ')} is in no tool result and not in pre_telemetry.`,
        advice: 'Use figures of results with their units, or leave it out.',
      },
    ]
  })
}
