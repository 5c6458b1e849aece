import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../fixtures/load-scenario.ts'
import { telemetryOf } from '../../tools/collect-telemetry.ts'
import type { FixAction, Telemetry, ValidationStatus } from '../../tools/documents.ts'
import {
  analyzeMetrics,
  applyFixSimulation,
  collectPostTelemetry,
  fetchPrometheusMetrics,
  validateImprovement,
} from '../../tools/index.ts'
import { call } from './call.ts'

interface Oracle {
  readonly scenario: string
  readonly hotspot: string
  readonly fixes: readonly {
    readonly name: string
    readonly actions: readonly FixAction[]
    readonly status?: ValidationStatus
    readonly slo_met?: boolean
    /** The plan is refused, with a message that says so. */
    readonly rejected?: string
  }[]
}

function oracleOf(scenario: string): Oracle {
  return JSON.parse(readFileSync(new URL(`../../fixtures/oracles/${scenario}.json`, import.meta.url), 'utf8'))
}

function meetsObjective({ slo, latency, requests }: Telemetry): boolean {
  return (
    (latency.ttft_s.p95 ?? Number.POSITIVE_INFINITY) <= slo.ttft_p95_s &&
    (latency.inter_token_s.p99 ?? Number.POSITIVE_INFINITY) <= slo.inter_token_p99_s &&
    requests.served / requests.arrived >= slo.served_ratio
  )
}

describe.each(listScenarios())('%s', (scenario) => {
  const oracle = oracleOf(scenario)

  test('has an oracle of its own', () => {
    expect(oracle.scenario).toBe(scenario)
    expect(oracle.fixes.length).toBeGreaterThan(0)
  })

  test('shows its hotspot in the metrics', async () => {
    const pre_telemetry = telemetryOf(scenario)
    const { samples } = await call(fetchPrometheusMetrics, { scenario })
    const { hotspot } = await call(analyzeMetrics, { pre_telemetry, prometheus_samples: samples })
    expect(hotspot.kind).toBe(oracle.hotspot)
  })

  test.each(oracle.fixes)('$name: $status $rejected', async ({ name, actions, status, slo_met, rejected }) => {
    const applied = call(applyFixSimulation, {
      current_config: loadScenario(scenario).deployment,
      fix_plan: { summary: name, actions },
    })
    if (rejected !== undefined) {
      await expect(applied).rejects.toThrow(rejected)
      return
    }
    const { updated_config } = await applied
    const { post_telemetry } = await call(collectPostTelemetry, { scenario, updated_config })
    const validation = await call(validateImprovement, { pre_telemetry: telemetryOf(scenario), post_telemetry })
    expect(validation.status, validation.summary).toBe(status)
    if (slo_met !== undefined) expect(meetsObjective(post_telemetry), validation.summary).toBe(slo_met)
  })
})
