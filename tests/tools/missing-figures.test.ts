import { expect, test } from 'vitest'
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { telemetryOf } from '../../tools/simulation/collect-telemetry.ts'
import type { Telemetry } from '../../tools/types.ts'
import { unobservedFigures, withoutMissingFigures } from '../../tools/unobserved.ts'
import { metricDeltas } from '../../tools/validation/deltas.ts'
import { validate } from '../../tools/validation/validate.ts'

const members = unobservedFigures().missing ?? []

/** All figures of a member, at any depth. */
function figuresIn(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(figuresIn) : [value]
}

test.each(listScenarios())('%s lists a member as missing exactly if all its figures are null', (id) => {
  const telemetry = telemetryOf(id)
  const empty = members.filter((member) => figuresIn(telemetry[member]).every((figure) => figure === null))
  expect(telemetry.missing ?? []).toEqual(empty)
  if (empty.length > 0) expect(Object.keys(telemetry)[0]).toBe('missing')
  for (const { metric, before, verdict } of metricDeltas(telemetry, telemetry)) {
    if (!empty.some((member) => metric.startsWith(`${member}.`))) continue
    expect({ metric, before, verdict }).toEqual({ metric, before: null, verdict: 'unknown' })
  }
})

test('an engine that did not start has requests, but no queue and no KV cache', () => {
  const telemetry = telemetryOf('kv_cache_crash_loop')
  expect(telemetry.missing).toEqual(['queue', 'kv_cache'])
  expect(telemetry.kv_cache).toEqual({ capacity_tokens: null, usage_mean: null, usage_max: null })
  expect(telemetry.requests.failed).toBe(telemetry.requests.arrived)
  const healthy = telemetryOf('healthy_control')
  const fixed: Telemetry = { ...healthy, scenario: telemetry.scenario, slo: telemetry.slo, phase: 'post' }
  expect(validate({ ...telemetry, window: fixed.window }, fixed).summary).not.toContain('lacks')
})

test('a window that nobody counted has no verdict, and its summary has no figure', () => {
  const healthy = telemetryOf('healthy_control')
  const unknown: Telemetry = { ...healthy, ...unobservedFigures() }
  const { missing: _, ...unmarked } = unknown
  for (const before of [unknown, unmarked]) {
    const { status, summary, deltas } = validate(before, { ...healthy, phase: 'post' })
    expect(status).toBe('unknown')
    expect(summary).toMatch(/^No verdict: pre_telemetry lacks requests/)
    expect(summary).not.toMatch(/→|null/)
    expect(deltas.filter(({ before: from }) => from !== null).map(({ metric }) => metric)).toEqual([
      'health.healthy_workers',
      'health.stuck_workers',
    ])
  }
})

test('figures of a member that is listed as missing are not used', () => {
  const healthy = telemetryOf('healthy_control')
  const zeros = { arrived: 0, served: 0, failed: 0, unfinished: 0, preemptions: 0 }
  expect(withoutMissingFigures({ ...healthy, missing: ['requests'], requests: zeros })).toMatchObject({
    requests: { arrived: null, served: null },
    latency: healthy.latency,
  })
  expect(withoutMissingFigures(healthy)).toBe(healthy)
})
