import { readFileSync } from 'node:fs'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import { runTool } from '../../router/run-tool.ts'
import type { Tool } from '../../router/tool.ts'
import { applyFixSimulation, collectPostTelemetry, validateImprovement } from '../../tools/index.ts'
import { telemetryOf } from '../../tools/simulation/collect-telemetry.ts'
import type { FixAction, Telemetry, ValidationStatus } from '../../tools/types.ts'

/** What a person who knows the cause expects of one fix. */
export interface ExpectedFix {
  readonly name: string
  readonly role: 'right' | 'half_right' | 'useless' | 'harmful' | 'popular_but_wrong'
  readonly actions: readonly FixAction[]
  readonly status?: ValidationStatus
  readonly slo_met?: boolean
  /** The plan is refused, with a message that says so. */
  readonly rejected?: string
}

export interface Oracle {
  readonly scenario: string
  readonly cause: string
  readonly hotspot: string
  readonly fixes: readonly ExpectedFix[]
}

export function oracleOf(scenario: string): Oracle {
  return JSON.parse(readFileSync(new URL(`../../fixtures/oracles/${scenario}.json`, import.meta.url), 'utf8'))
}

/** What the tools make of a fix. */
export interface TriedFix {
  /** `rejected` where apply_fix_simulation refuses the plan. */
  readonly status: ValidationStatus | 'rejected'
  readonly slo_met: boolean
  /** Summary of the validation, or the message of the refusal. */
  readonly summary: string
}

/** Drives one fix through apply_fix_simulation, collect_post_telemetry and validate_improvement. */
export async function tryFix(scenario: string, { name, actions }: ExpectedFix): Promise<TriedFix> {
  const current_config = loadScenario(scenario).deployment
  const applied = await runTool(applyFixSimulation, { current_config, fix_plan: { summary: name, actions } })
  if (applied.status === 'error') return { status: 'rejected', slo_met: false, summary: applied.error.message }
  const { updated_config } = applied.value
  const { post_telemetry } = await resultOf(collectPostTelemetry, { scenario, updated_config })
  const pre_telemetry = telemetryOf(scenario)
  const { status, summary } = await resultOf(validateImprovement, { pre_telemetry, post_telemetry })
  return { status, slo_met: meetsObjective(post_telemetry), summary }
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
    requests.served / requests.arrived >= slo.served_ratio
  )
}
