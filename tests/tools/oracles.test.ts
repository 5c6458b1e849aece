import { describe, expect, test } from 'vitest'
import { analyzeMetrics, fetchPrometheusMetrics } from '../../tools/index.ts'
import { metricsAnalysisSchema } from '../../tools/schemas/metrics-analysis.ts'
import { telemetryOf } from '../../tools/simulation/collect-telemetry.ts'
import { acceptedStatuses, oracleOf, scenariosWithOracle, tryFix } from '../support/matrix.ts'
import { call } from './call.ts'

test('every kind of hotspot is that of some scenario', () => {
  const { enum: kinds } = metricsAnalysisSchema.properties.hotspot.properties.kind
  const reached = new Set(scenariosWithOracle().map((scenario) => oracleOf(scenario).hotspot))
  expect(kinds.filter((kind) => !reached.has(kind))).toEqual([])
})

describe.each(scenariosWithOracle())('%s', (scenario) => {
  const oracle = oracleOf(scenario)

  test('its oracle names the scenario and has a right, a useless and a harmful fix', () => {
    expect(oracle.scenario).toBe(scenario)
    const roles = new Set(oracle.fixes.map(({ role }) => role))
    for (const role of ['right', 'useless', 'harmful'] as const) expect(roles).toContain(role)
  })

  test('the metrics show its hotspot', async () => {
    const pre_telemetry = telemetryOf(scenario)
    const { samples } = await call(fetchPrometheusMetrics, { scenario })
    const { hotspot } = await call(analyzeMetrics, { pre_telemetry, prometheus_samples: samples })
    expect(hotspot.kind, hotspot.because.join(' ')).toBe(oracle.hotspot)
  })

  test.each(oracle.fixes)('$role: $name', async (fix) => {
    const tried = await tryFix(scenario, fix)
    expect(acceptedStatuses(fix), tried.summary).toContain(tried.status)
    if (fix.slo_met !== undefined) expect(tried.slo_met, tried.summary).toBe(fix.slo_met)
    if (fix.rejected !== undefined) expect(tried.summary).toContain(fix.rejected)
  })
})
