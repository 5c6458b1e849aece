import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { canonicalJson } from '../../../router/json/json.ts'
import { runTool } from '../../../router/run-tool.ts'
import type { Tool } from '../../../router/tool.ts'
import { argumentsOf } from '../../../tools/arguments/argument-table.ts'
import { readArguments } from '../../../tools/arguments/read-arguments.ts'
import { applyFixSimulation, collectPostTelemetry, validateImprovement } from '../../../tools/index.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import type {
  DeploymentConfig,
  FixAction,
  FixPlan,
  Telemetry,
  Validation,
  ValidationStatus,
} from '../../../tools/types.ts'
import { objectivesOf } from '../../../tools/validation/objectives.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { type RunScore, weights } from './evaluation-schema.ts'
import { acceptedStatuses, type ExpectedFix, type Oracle, oracleOf } from './oracle.ts'
import { judgeRootCause } from './root-cause.ts'

// The score of one run has four parts:
//
//     root cause   the words name the cause and no other                       patterns of the oracle
//     fix          the plan removes the cause, or only helps                   the oracle, otherwise the simulation
//     evidence     the quotes are grounded, and one of them shows the cause    patterns of the oracle
//     verdict      the words claim no more than the tools found                status of the validation
//
// A run without an accepted answer has no part. Evidence for a wrong cause is worth nothing, and so are modest words about a
// useless fix: otherwise an arm that validates nonsense and reports it correctly would collect points.

/** Scores the result of one run of a scenario that has an oracle. */
export async function scoreRun(scenario: string, result: AgentResult): Promise<RunScore> {
  const oracle = oracleOf(scenario)
  const { fix_plan: plan, run, validation } = result
  if (run.stop_reason !== 'answered' || plan === null) {
    const error = run.error === undefined ? '' : `: ${run.error.message}`
    return { ...nothing, reasons: [`The run has no accepted answer (${run.stop_reason}${error}).`] }
  }
  const diagnosis = withoutName(result.diagnosis, scenario)
  // Each part is judged by itself: a right fix with a wrong reason is half of an answer.
  const cause = judgeRootCause(diagnosis, oracle)
  const fix = await judgeFix(plan, oracle)
  const root_cause = cause.right ? 1 : 0
  const validated = fix.statuses.includes(validation.status)
  const evidence = evidenceScore(diagnosis.evidence, oracle.evidence)
  const verdict = claimsNoMore(result) ? 1 : 0
  const isNothingRight = oracle.hotspot === 'none'
  const unneeded_change = isNothingRight && plan.actions.some(({ action }) => action !== 'no_change')
  const total =
    weights.root_cause * root_cause +
    weights.fix * fix.score +
    weights.evidence * evidence * root_cause +
    weights.verdict * verdict * (fix.score > 0 ? 1 : 0)
  return {
    passed: cause.right && fix.score === 1 && validated,
    total: Math.round(total * 1000) / 1000,
    root_cause,
    fix: fix.score,
    validated,
    evidence,
    verdict,
    unneeded_change,
    reasons: [
      `Root cause: ${cause.reason}`,
      `Fix: ${fix.reason}`,
      ...(validated ? [] : [`The validation is ${validation.status}; it must be ${fix.statuses.join(' or ')}.`]),
      ...(verdict === 1 ? [] : [`The answer claims success, but the tools found: ${validation.status}.`]),
    ],
  }
}

/**
 * The diagnosis without the name of the incident. The agent puts it in the place of the neutral id, and it can contain the
 * words that the patterns look for.
 */
function withoutName(diagnosis: AgentResult['diagnosis'], scenario: string): AgentResult['diagnosis'] {
  const hidden = (text: string) => text.replaceAll(scenario, ' ')
  // A model can also choose the name as the class. Its sentences then have one of the words.
  const words = scenario.split('_').filter((word) => word.length > 3)
  const sentences = hidden(diagnosis.root_cause).toLowerCase()
  const isOwnClass = diagnosis.category === scenario && words.some((word) => sentences.includes(word))
  return {
    ...diagnosis,
    category: isOwnClass ? diagnosis.category : hidden(diagnosis.category),
    root_cause: hidden(diagnosis.root_cause),
    evidence: diagnosis.evidence.map((one) => ({ ...one, quote: hidden(one.quote) })),
  }
}

/** The score of a run without an accepted answer. */
const nothing = {
  passed: false,
  total: 0,
  root_cause: 0,
  fix: 0,
  validated: false,
  evidence: 0,
  verdict: 0,
  unneeded_change: false,
} as const

/**
 * The share of grounded quotes.
 *
 * Quotes that are grounded but do not show the cause count half: they are true, and prove nothing. An answer without quotes
 * has no evidence.
 */
function evidenceScore(evidence: AgentResult['diagnosis']['evidence'], needed: readonly string[]): number {
  const grounded = evidence.filter((quote) => quote.grounded)
  if (grounded.length === 0) return 0
  const showsCause = grounded.some(({ quote }) => needed.some((source) => new RegExp(source).test(quote)))
  return (grounded.length / evidence.length) * (showsCause ? 1 : 0.5)
}

/** Words by which an answer says that the incident is over. */
const success =
  /\b(?:resolves|resolved|fixes|fixed|solves|solved|improves|improved|restores|restored)\b|\bconfirm(?:s|ed)\b.*\b(?:fix|plan|change|improvement|recovery)\b/i

/** Words that turn the claim into its opposite, or into a plan. */
const doubt = /\b(?:not|no|never|cannot|nothing|without|unless|would|could|may|might|should|until|if)\b/i

/**
 * Whether the answer claims no more than the tools found. Without `improved` it must not say that the incident is solved, and
 * a fix must not have high confidence.
 */
function claimsNoMore({ diagnosis, fix_plan: plan, validation }: AgentResult): boolean {
  if (validation.status === 'improved') return true
  const changes = plan?.actions.some(({ action }) => action !== 'no_change') ?? false
  if (changes && diagnosis.confidence === 'high') return false
  const sentences = `${diagnosis.summary} ${plan?.summary ?? ''} ${plan?.rationale ?? ''}`.split(/[.;!?]\s/)
  return !sentences.some((sentence) => success.test(sentence) && !doubt.test(sentence))
}

/** The outcome of a plan according to the tools. */
export interface SimulatedFix {
  /** `rejected` if `apply_fix_simulation` rejects the plan. */
  readonly status: ValidationStatus | 'rejected'
  /** Whether the telemetry after the fix meets every objective. */
  readonly slo_met: boolean
  /** Summary of the validation, or the message of the rejection. */
  readonly summary: string
  /** The validation; absent if the plan was rejected. */
  readonly validation?: Validation
  /** The telemetry after the fix; absent if the plan was rejected. */
  readonly telemetry?: Telemetry
}

/** Runs a plan through `apply_fix_simulation`, `collect_post_telemetry` and `validate_improvement`. */
export async function simulateFix(scenario: string, fix_plan: FixPlan): Promise<SimulatedFix> {
  const current_config = loadScenario(scenario).deployment
  const applied = await runTool(applyFixSimulation, { current_config, fix_plan })
  if (applied.status === 'error') return { status: 'rejected', slo_met: false, summary: applied.error.message }
  const { updated_config } = applied.value
  const { post_telemetry } = await resultOf(collectPostTelemetry, { scenario, updated_config })
  const pre_telemetry = telemetryOf(scenario)
  const validation = await resultOf(validateImprovement, { pre_telemetry, post_telemetry })
  const slo_met = objectivesOf(post_telemetry).every(({ state }) => state === 'met')
  return { status: validation.status, slo_met, summary: validation.summary, validation, telemetry: post_telemetry }
}

/** The value of a tool call. The telemetry of a simulated plan is always valid, so an error is a defect. */
async function resultOf<Input, Output>(tool: Tool<Input, Output>, input: unknown): Promise<Output> {
  const result = await runTool(tool, input)
  if (result.status === 'error') throw new Error(result.error.message)
  return result.value
}

/** How good a plan is. */
export interface FixVerdict {
  /** 1: right. 0.5: it helps, but does not remove the cause. 0: it does not help, or harms. */
  readonly score: 0 | 0.5 | 1
  /** Role of the fix in the oracle; `other` for a plan that the oracle does not have. */
  readonly role: ExpectedFix['role'] | 'other'
  /** Statuses that the tools must give to the plan. */
  readonly statuses: readonly (ValidationStatus | 'rejected')[]
  /** Why, in one sentence. */
  readonly reason: string
}

/**
 * Judges a plan: by the oracle if it has the same actions, otherwise by its effect in the simulation.
 *
 * Where the right answer is to change nothing, every change that the oracle does not call right is wrong, even one that
 * does no harm.
 */
async function judgeFix(plan: FixPlan, oracle: Oracle): Promise<FixVerdict> {
  // The same actions have the same effect, so the oracle's judgement is exact, and nothing is simulated.
  const key = keyOf(plan.actions)
  const known = oracle.fixes.find(({ actions }) => keyOf(actions) === key)
  if (known !== undefined) {
    const score = known.role === 'right' ? 1 : known.role === 'half_right' ? 0.5 : 0
    const statuses = acceptedStatuses(known)
    return { score, role: known.role, statuses, reason: `The oracle calls it ${known.role}: ${known.name}.` }
  }
  const same = await rightFixWithSameResult(plan, oracle)
  if (same !== undefined) {
    const reason = `It has the same effect as a fix that the oracle calls right: ${same.name}.`
    return { score: 1, role: 'right', statuses: acceptedStatuses(same), reason }
  }
  const { status, slo_met, summary } = await simulateFix(oracle.scenario, plan)
  const statuses = [status]
  if (oracle.fixes.some(({ role, actions }) => role === 'right' && keyOf(actions) === noChangeKey)) {
    return { score: 0, role: 'other', statuses, reason: 'A change was proposed although none is needed or known.' }
  }
  const score = status !== 'improved' ? 0 : slo_met ? 1 : 0.5
  return { score, role: 'other', statuses, reason: `In the simulation: ${status}. ${summary}` }
}

/** A right fix that leads to the same configuration in other words, for example with `false` instead of the default. */
async function rightFixWithSameResult(plan: FixPlan, oracle: Oracle): Promise<ExpectedFix | undefined> {
  const { deployment } = loadScenario(oracle.scenario)
  const key = await resultingSettings(deployment, plan.actions)
  // A plan that changes no setting, such as a restart, is not the same as no change.
  if (key === undefined || key === settingsOf(deployment)) return undefined
  for (const fix of oracle.fixes) {
    if (fix.role === 'right' && (await resultingSettings(deployment, fix.actions)) === key) return fix
  }
  return undefined
}

/** The settings after a plan; `undefined` if it is rejected. */
async function resultingSettings(config: DeploymentConfig, actions: FixPlan['actions']): Promise<string | undefined> {
  const fix_plan = { summary: 'A plan to compare.', actions }
  const applied = await runTool(applyFixSimulation, { current_config: config, fix_plan })
  return applied.status === 'error' ? undefined : settingsOf(applied.value.updated_config)
}

/** Everything of a configuration that has an effect, as text. Engine arguments with their default value have none. */
function settingsOf(config: DeploymentConfig): string {
  const { config_id: _, engine_args: __, history, ...others } = config
  const known = argumentsOf(config.vllm_version)
  const engine_args = Object.fromEntries(
    [...readArguments(config).values].filter(([name, value]) => known.get(name)?.default !== JSON.stringify(value)),
  )
  return canonicalJson({ ...others, engine_args, gpu_resets: history.gpu_resets })
}

/** Key of every plan that changes nothing. */
const noChangeKey = 'no_change'

/**
 * The changes of a plan as text: plans with the same key have the same effect. A restart after a change adds nothing,
 * because the change itself restarts the engine. The order of the actions and the reason of a `no_change` do not count.
 */
function keyOf(actions: readonly FixAction[]): string {
  const changes = actions.filter(({ action }) => action !== 'no_change')
  if (changes.length === 0) return noChangeKey
  const others = changes.filter(({ action }) => action !== 'restart_engine')
  if (others.length === 0) return 'restart_engine'
  return others
    .map((action) => canonicalJson(action))
    .sort()
    .join('\n')
}
