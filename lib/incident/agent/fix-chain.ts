import { canonicalJson, isObject } from '../../../router/json/json.ts'
import { lookUp, parsePointer } from '../../../router/json/json-pointer.ts'
import { parseReference } from '../../../router/parse-reference.ts'
import type { ToolResult } from '../../../router/tool-call.ts'
import type { DeploymentConfig, FixPlan, FixResult, Telemetry, Validation } from '../../../tools/types.ts'
import { successes } from './grounding.ts'
import { shownTelemetry } from './incident-prompt.ts'
import type { Success } from './own-words.ts'

/**
 * The tool results for one fix, each made from the one before:
 * apply_fix_simulation → collect_post_telemetry → validate_improvement.
 */
export interface FixChain {
  /** The plan that was applied. */
  readonly plan: FixPlan
  /** Id of the call of `apply_fix_simulation`. */
  readonly applyId: string
  /** Id of the call of `collect_post_telemetry`; absent if there was none. */
  readonly collectId?: string
  /** Result of applying it. */
  readonly fixResult: FixResult
  /** Telemetry of exactly that result; absent if none was collected. */
  readonly postTelemetry?: Telemetry
  /** Validation of exactly that telemetry; absent if there was none. */
  readonly validation?: Validation
}

/**
 * The chain of the fix that counts.
 *
 * Results are matched by value, not by order. A model may return to an earlier fix. And telemetry that it made up, or
 * collected for another configuration, validates nothing.
 *
 * @param actions the actions of the answer's plan. Without them the fix that was simulated last counts.
 * @returns `undefined` if the fix was not simulated.
 */
export function fixChain(
  results: readonly ToolResult[],
  preTelemetry: Telemetry,
  actions?: FixPlan['actions'],
): FixChain | undefined {
  const fixes = successes(results, 'apply_fix_simulation')
  const fix =
    actions === undefined
      ? fixes.at(-1)
      : fixes.findLast(({ input }) => isEqual(fixInput(input).fix_plan.actions, actions))
  return fix === undefined ? undefined : chainOf(fix, results, preTelemetry)
}

/** The chain that begins with a successful call of `apply_fix_simulation`. */
export function chainOf(fix: Success, results: readonly ToolResult[], preTelemetry: Telemetry): FixChain {
  const fixResult = fix.value as FixResult
  const chain = { plan: fixInput(fix.input).fix_plan, applyId: fix.id, fixResult }
  const collected = successes(results, 'collect_post_telemetry').findLast(({ input }) =>
    isEqual((input as { readonly updated_config: DeploymentConfig }).updated_config, fixResult.updated_config),
  )
  if (collected === undefined) return chain
  const { post_telemetry: postTelemetry } = collected.value as { readonly post_telemetry: Telemetry }
  const validated = successes(results, 'validate_improvement').findLast(({ input }) => {
    const compared = input as { readonly pre_telemetry: Telemetry; readonly post_telemetry: Telemetry }
    return isEqual(compared.pre_telemetry, preTelemetry) && isEqual(compared.post_telemetry, postTelemetry)
  })
  const collectId = collected.id
  return {
    ...chain,
    collectId,
    postTelemetry,
    ...(validated === undefined ? {} : { validation: validated.value as Validation }),
  }
}

/** The chains of all plans that were applied and validated, the latest last. */
export function validatedChains(results: readonly ToolResult[], preTelemetry: Telemetry): readonly FixChain[] {
  return successes(results, 'apply_fix_simulation').flatMap(({ id, input }) => {
    const chain = fixChain(results, preTelemetry, fixInput(input).fix_plan.actions)
    return chain?.validation === undefined || chain.applyId !== id ? [] : [chain]
  })
}

/**
 * The plan that an answer refers to: `{"$result":"<call id of apply_fix_simulation>#/fix_plan"}`, where the name of the
 * tool is its latest call. The plan is the input of that call.
 *
 * @returns any other value as it is; `undefined` if the reference has no target.
 */
export function referencedPlan(value: unknown, results: readonly ToolResult[]): unknown {
  const reference = parseReference(value)
  if (reference === undefined) return value
  const { kind, name, pointer } = reference
  const call = successes(results, 'apply_fix_simulation').findLast(
    ({ id, callId, name: tool }) => name === id || name === callId || name === tool,
  )
  const tokens = parsePointer(pointer === '' ? '/fix_plan' : pointer)
  if (kind !== '$result' || call === undefined || tokens === undefined) return undefined
  const found = lookUp(call.input, tokens)
  return found.kind === 'found' ? found.value : undefined
}

/** The input of a call that fulfilled the tool's schema. */
function fixInput(input: unknown): { readonly fix_plan: FixPlan } {
  return input as { readonly fix_plan: FixPlan }
}

function isEqual(a: unknown, b: unknown): boolean {
  return a === b || canonicalJson(a) === canonicalJson(b)
}

// Two tools compute something from documents that the model passes to them. It should pass references. If it writes a document
// itself, the result is about no incident: it validates nothing, and it is not evidence.

/** The tool results, without those that were computed from documents that the model made up. */
export interface CheckedResults {
  /** Results that can be cited. */
  readonly trusted: readonly ToolResult[]
  /** Results of made-up documents, with the names of these inputs. */
  readonly madeUp: readonly { readonly result: Success; readonly inputs: readonly string[] }[]
}

/** Finds the results of made-up documents. @param preTelemetry telemetry of the task. */
export function checkInputs(results: readonly ToolResult[], preTelemetry: Telemetry): CheckedResults {
  const known = knownDocuments(results, preTelemetry)
  const madeUp = results.flatMap((result) => {
    if (result.status !== 'ok') return []
    const inputs = madeUpInputs(result, known)
    return inputs.length === 0 ? [] : [{ result, inputs }]
  })
  const discarded = new Set<ToolResult>(madeUp.map(({ result }) => result))
  return { trusted: results.filter((result) => !discarded.has(result)), madeUp }
}

/** One sentence for each call with made-up documents, for the reader of the report. */
export function madeUpViolations({ madeUp }: CheckedResults): readonly string[] {
  return madeUp.map(
    ({ result: { name, id }, inputs }) =>
      `${name} (call ${id}) got ${inputs.join(' and ')} that no tool returned. Its result is not used.`,
  )
}

/** Everything that the model can pass on. */
interface KnownDocuments {
  readonly telemetry: ReadonlySet<string>
  readonly samples: ReadonlySet<string>
  /** Inputs that cannot be judged: a checkpoint can be without the values of results. */
  readonly unclear: ReadonlySet<string>
}

function knownDocuments(results: readonly ToolResult[], preTelemetry: Telemetry): KnownDocuments {
  const { scenario } = preTelemetry
  const after = successes(results, 'collect_post_telemetry').flatMap(({ value }) => [
    isObject(value) ? value['post_telemetry'] : undefined,
  ])
  const fetched = successes(results, 'fetch_prometheus_metrics').map(({ value }) =>
    isObject(value) && Array.isArray(value['samples']) ? value['samples'] : undefined,
  )
  const pages = fetched.flatMap((page) => page ?? [])
  return {
    unclear: new Set([
      ...(fetched.includes(undefined) ? ['prometheus_samples', 'earlier_samples'] : []),
      ...(after.includes(undefined) ? ['pre_telemetry', 'post_telemetry'] : []),
    ]),
    // A model may copy the telemetry from the task, where figures are rounded.
    telemetry: new Set(
      [preTelemetry, { scenario, ...shownTelemetry(preTelemetry) }, ...after].map((one) => canonicalJson(one)),
    ),
    samples: new Set(pages.map((one: unknown) => canonicalJson(one))),
  }
}

function madeUpInputs({ name, input }: Success, { telemetry, samples, unclear }: KnownDocuments): readonly string[] {
  if (!isObject(input) || (name !== 'analyze_metrics' && name !== 'validate_improvement')) return []
  const documents = ['pre_telemetry', 'post_telemetry'].filter(
    (member) => input[member] !== undefined && !telemetry.has(canonicalJson(input[member])),
  )
  const pages = ['prometheus_samples', 'earlier_samples'].filter((member) => {
    const page = input[member]
    return Array.isArray(page) && !page.every((sample) => samples.has(canonicalJson(sample)))
  })
  return [...documents, ...pages].filter((member) => !unclear.has(member))
}
