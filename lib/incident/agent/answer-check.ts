import { describeValidationErrors } from '../../../router/feedback.ts'
import { isObject } from '../../../router/json/json.ts'
import type { ToolResult } from '../../../router/tool-call.ts'
import { compileSchema, type ValidationError } from '../../../router/validation.ts'
import { incidentTools } from '../../../tools/index.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { type Answer, answerSchema } from './agent-result.ts'
import { referencedPlan } from './fix-chain.ts'
import { groundingProblems, isInAnySource, type Sources } from './grounding.ts'
import { type KnownNumbers, knownNumbers, unknownNumbers } from './number-check.ts'
import { planProblems } from './plan-check.ts'

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
 * Finds what is wrong with an answer, for the model: every quote must be in its source, every number in some source, and
 * the plan must be validated or explain why nothing is changed.
 */
export function answerProblems(
  value: unknown,
  results: readonly ToolResult[],
  preTelemetry: Telemetry,
): readonly string[] {
  const read = readAnswer(value, results)
  const sources = { results, preTelemetry }
  if (read.kind === 'answer') {
    const { diagnosis, fix_plan: plan } = read.answer
    return [...diagnosisProblems(diagnosis, plan, sources), ...planProblems(plan, diagnosis, sources)]
  }
  const diagnosis = isObject(value) ? value['diagnosis'] : undefined
  if (!isDiagnosis(diagnosis)) return read.problems
  // The plan cannot be read. Its numbers are those that it or a call sets.
  return [...read.problems, ...diagnosisProblems(diagnosis, undefined, sources, triedPlans(value, results))]
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
): readonly string[] {
  return [
    ...confidenceProblems(diagnosis),
    ...groundingProblems(diagnosis.evidence, sources),
    ...ruledOutProblems(diagnosis.ruled_out, sources),
    ...numberProblems(diagnosis, plan, knownNumbers(sources, numbersOf)),
  ]
}

function confidenceProblems({ evidence, confidence }: Answer['diagnosis']): readonly string[] {
  if (evidence.length > 0 || confidence === 'low') return []
  return [`diagnosis.evidence is empty. Confidence "${confidence}" needs at least one quote from a tool result.`]
}

/** Quotation marks around at least as many characters as a quote needs. */
const quotation = /"([^"]{8,})"|“([^”]{8,})”/g

/** A cause is ruled out by results: what it quotes must be in one, and the tools that it names must have one. */
function ruledOutProblems(sentences: readonly string[], sources: Sources): readonly string[] {
  const withResult = new Set(sources.results.filter(({ status }) => status === 'ok').map(({ name }) => name))
  return sentences.flatMap((sentence, index) => {
    const at = `diagnosis.ruled_out[${index}]`
    if (withResult.size === 0) return [`${at}: no tool has returned anything yet that rules it out.`]
    const quotes = [...sentence.matchAll(quotation)].map(([, straight, curved]) => straight ?? curved ?? '')
    const invented = quotes.filter((quote) => !isInAnySource(quote, sources))
    const uncalled = [...sentence.matchAll(/\w+/g)]
      .map(([tool]) => tool)
      .filter((tool) => toolNames.has(tool) && !withResult.has(tool))
    return [
      ...invented.map((quote) => `${at}: no result contains "${quote}". Copy it from a result without changes.`),
      ...uncalled.map((tool) => `${at}: ${tool} has no result. Call it, or leave this out.`),
    ]
  })
}

const toolNames: ReadonlySet<string> = new Set(incidentTools.map(({ name }) => name))

/** The words whose numbers are facts. Risks and uncertainties are about what is not known. */
function numberProblems(
  diagnosis: Answer['diagnosis'],
  plan: Answer['fix_plan'] | undefined,
  known: KnownNumbers,
): readonly string[] {
  const texts: readonly (readonly [string, string | undefined])[] = [
    ['diagnosis.root_cause', diagnosis.root_cause],
    ['diagnosis.summary', diagnosis.summary],
    ...diagnosis.ruled_out.map((text, index) => [`diagnosis.ruled_out[${index}]`, text] as const),
    ['fix_plan.summary', plan?.summary],
    ['fix_plan.rationale', plan?.rationale],
  ]
  return texts.flatMap(([at, text = '']) => {
    const unknown = [...new Set(unknownNumbers(text, known))]
    if (unknown.length === 0) return []
    const shown = unknown.slice(0, 5).map((number) => `"${number}"`)
    return [
      `${at}: ${shown.join(', ')} is in no tool result and not in pre_telemetry. Use figures of results, or leave it out.`,
    ]
  })
}
