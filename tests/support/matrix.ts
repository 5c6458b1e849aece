import { existsSync, readFileSync } from 'node:fs'
import { listScenarios, loadScenario } from '../../fixtures/load-scenario.ts'
import { runTool } from '../../router/run-tool.ts'
import type { Tool } from '../../router/tool.ts'
import { applyFixSimulation, collectPostTelemetry, validateImprovement } from '../../tools/index.ts'
import { telemetryOf } from '../../tools/simulation/collect-telemetry.ts'
import type { FixAction, Telemetry, Validation, ValidationStatus } from '../../tools/types.ts'

/** The outcome of one fix that a person who knows the cause expects. */
export interface ExpectedFix {
  /** The fix in a few words. */
  readonly name: string
  /** Quality of the fix. */
  readonly role: 'right' | 'half_right' | 'useless' | 'harmful' | 'popular_but_wrong'
  readonly actions: readonly FixAction[]
  /** Expected status of the validation; absent if the plan must be rejected. */
  readonly status?: ValidationStatus
  /** Statuses of which any is fine, because the verdict depends on the draw of the load; instead of `status`. */
  readonly either?: readonly ValidationStatus[]
  /** Whether the telemetry after the fix must meet the objective; absent if either is fine. */
  readonly slo_met?: boolean
  /** Part of the message with which `apply_fix_simulation` must reject the plan. */
  readonly rejected?: string
}

/** The right answers for one scenario. */
export interface Oracle {
  readonly scenario: string
  readonly cause: string
  readonly hotspot: string
  readonly fixes: readonly ExpectedFix[]
}

/** The outcomes that a person who knows the cause accepts. */
export function acceptedStatuses({ status, either }: ExpectedFix): readonly TriedFix['status'][] {
  return either ?? [status ?? 'rejected']
}

/** Reads `fixtures/oracles/<scenario>.json`. */
export function oracleOf(scenario: string): Oracle {
  return JSON.parse(readFileSync(oracleFile(scenario), 'utf8'))
}

/** The scenarios that have an oracle, sorted. A new scenario works without one; its fixes are then not judged. */
export function scenariosWithOracle(): readonly string[] {
  return listScenarios().filter((scenario) => existsSync(oracleFile(scenario)))
}

function oracleFile(scenario: string): URL {
  return new URL(`../../fixtures/oracles/${scenario}.json`, import.meta.url)
}

/** The outcome of a fix according to the tools. */
export interface TriedFix {
  /** `rejected` if `apply_fix_simulation` rejects the plan. */
  readonly status: ValidationStatus | 'rejected'
  /** Whether the telemetry after the fix meets the objective. */
  readonly slo_met: boolean
  /** Summary of the validation, or the message of the rejection. */
  readonly summary: string
}

/** Runs one fix through `apply_fix_simulation`, `collect_post_telemetry` and `validate_improvement`. */
export async function tryFix(scenario: string, { name, actions }: ExpectedFix): Promise<TriedFix> {
  const current_config = loadScenario(scenario).deployment
  const applied = await runTool(applyFixSimulation, { current_config, fix_plan: { summary: name, actions } })
  if (applied.status === 'error') return { status: 'rejected', slo_met: false, summary: applied.error.message }
  const { updated_config } = applied.value
  const { post_telemetry } = await resultOf(collectPostTelemetry, { scenario, updated_config })
  const pre_telemetry = telemetryOf(scenario)
  const validation = await resultOf(validateImprovement, { pre_telemetry, post_telemetry })
  checkAgreement(validation, post_telemetry)
  const { status, summary } = validation
  return { status, slo_met: meetsObjective(post_telemetry), summary }
}

/** @throws {Error} if the summary of a validation and its metrics disagree. */
function checkAgreement({ status, summary, deltas }: Validation, { slo }: Telemetry): void {
  const check = (isRight: boolean, problem: string) => {
    if (!isRight) throw new Error(`${problem}: ${status}. ${summary}`)
  }
  const of = (name: string) => deltas.find(({ metric }) => metric === name)
  const [, worst] = /Largest worsening: (\S+)/.exec(summary) ?? []
  check(worst === undefined || of(worst)?.verdict === 'worse', `${worst} is named but is not worse`)
  for (const [name, limit] of [
    ['latency.ttft_s.p95', slo.ttft_p95_s],
    ['latency.inter_token_s.p99', slo.inter_token_p99_s],
  ] as const) {
    const { after = null, verdict } = of(name) ?? {}
    check(verdict !== 'worse' || (after ?? 0) > limit, `${name} is worse inside its objective`)
  }
  for (const { metric, verdict, comparable, reason } of deltas) {
    check(comparable !== false || (verdict === 'unknown' && reason !== undefined), `${metric} has a verdict`)
  }
  const served = of('requests.served')
  const [, from, to] = /[Ss]erved (\d+) → (\d+) of/.exec(summary) ?? []
  const isSame = from === undefined || (served?.before === Number(from) && served.after === Number(to))
  check(isSame, 'the served requests differ')
  check(!/[Mm]ore requests were served/.test(summary) || served?.verdict !== 'worse', 'served is worse')
  check(!summary.includes('Fewer requests were served') || served?.verdict !== 'better', 'served is better')
}

async function resultOf<Input, Output>(tool: Tool<Input, Output>, input: unknown): Promise<Output> {
  const result = await runTool(tool, input)
  if (result.status === 'error') throw new Error(result.error.message)
  return result.value
}

function meetsObjective({ slo, latency, requests }: Telemetry): boolean {
  return (
    (latency.ttft_s.p95 ?? Number.POSITIVE_INFINITY) <= slo.ttft_p95_s &&
    (latency.inter_token_s.p99 ?? Number.POSITIVE_INFINITY) <= slo.inter_token_p99_s &&
    (requests.served ?? 0) / (requests.arrived ?? 1) >= slo.served_ratio
  )
}
