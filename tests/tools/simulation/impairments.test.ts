import { expect, test } from 'vitest'
import type { Condition } from '../../../fixtures/scenario.ts'
import { telemetryWith } from '../../../tools/collect-telemetry.ts'
import { holds } from '../../../tools/simulation/condition.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const oldImage = { path: '/vllm_version', version_below: '0.16.0' } as const
const reason = 'for the test'

test.each<{ condition: Condition; expected: boolean }>([
  { condition: { always: true }, expected: true },
  { condition: { path: '/placement/node', equals: 'node-1' }, expected: true },
  { condition: { not: { path: '/placement/node', equals: 'node-1' } }, expected: false },
  { condition: { path: '/resources/host_memory_gb', below: 256 }, expected: false },
  { condition: { path: '/resources/host_memory_gb', at_least: 256 }, expected: true },
  { condition: { path: '/placement/gpus', contains: 1 }, expected: true },
  { condition: { path: '/placement/gpus/5', exists: false }, expected: true },
  { condition: { path: '/env/NCCL_PROTO', equals: null }, expected: true },
  { condition: oldImage, expected: true },
  { condition: { all: [oldImage, { path: '/env/X', exists: true }] }, expected: false },
  { condition: { any: [oldImage, { path: '/env/X', exists: true }] }, expected: true },
])('$condition is $expected', ({ condition, expected }) => {
  expect(holds(condition, exampleScenario().deployment)).toBe(expected)
})

test('a dead engine loses its requests and refuses the others, until the cause is removed', () => {
  const scenario = exampleScenario({ impairments: [{ kind: 'engine_down', when: oldImage, from_s: 100, reason }] })
  const broken = telemetryWith(scenario, scenario.deployment, 'pre')
  expect(broken.health).toEqual({ engine_up: false, healthy_workers: 0, stuck_workers: 0, reason })
  expect(broken.requests.failed).toBeGreaterThan(0.5 * broken.requests.arrived)
  const fixed = telemetryWith(scenario, { ...scenario.deployment, vllm_version: '0.16.0' }, 'post')
  expect(fixed.health.engine_up).toBe(true)
  expect(fixed.requests.failed).toBe(0)
})

test('a stalled engine produces nothing while clients go on arriving', () => {
  const stall = { kind: 'stall', when: { always: true }, from_s: 100, until_s: 300, reason } as const
  const window = simulate(exampleScenario({ impairments: [stall] }))
  expect(window.engine.stalled).toBe(true)
  expect(window.timeline.at(-1)).toMatchObject({ generationTokens: 0, busy: 0 })
  expect(window.end.waiting).toBeGreaterThan(150)
  expect(window.end.oldestWaitingS).toBeGreaterThan(190)
})

test('a stall that ends leaves a queue that is worked off', () => {
  const stall = { kind: 'stall', when: { always: true }, from_s: 50, until_s: 80, reason } as const
  const window = simulate(exampleScenario({ impairments: [stall] }))
  expect(window.engine.stalled).toBe(false)
  expect(window.observed.ttft.quantile(1)).toBeGreaterThan(25)
  expect(window.end.waiting).toBe(0)
})

test('a delay per step is felt in every token', () => {
  const delay = { kind: 'step_delay', when: { always: true }, from_s: 0, delay_ms: 40, reason } as const
  const p50 = (impairments: readonly (typeof delay)[]) =>
    simulate(exampleScenario({ impairments })).observed.interToken.quantile(0.5) ?? 0
  expect(p50([delay])).toBeGreaterThan(p50([]) + 0.039)
})
