import { expect, test } from 'vitest'
import type { Condition } from '../../../fixtures/scenario.ts'
import { telemetryWith } from '../../../tools/simulation/collect-telemetry.ts'
import { holds } from '../../../tools/simulation/impairments.ts'
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
  { condition: { path: '/image', starts_with: 'vllm/' }, expected: true },
  { condition: { path: '/env/LD_LIBRARY_PATH', starts_with: '/usr' }, expected: false },
  { condition: { uses_node: 'node-1' }, expected: true },
  { condition: { uses_node: 'node-2' }, expected: false },
  { condition: { several_nodes: false }, expected: true },
  { condition: { nodes_differ_in: 'NCCL_' }, expected: false },
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

test('nodes of a deployment differ when one variable does, and only nodes that run ranks count', () => {
  const { deployment } = exampleScenario({ args: { tensor_parallel_size: 2, pipeline_parallel_size: 2 } })
  const peer = { node: 'node-2', gpus: [0, 1], driver_version: '580.105.08', env: { NCCL_PROTO: 'LL128' } }
  const config = { ...deployment, env: { OTHER: '1' }, placement: { ...deployment.placement, peers: [peer] } }
  const differ = { nodes_differ_in: 'NCCL_' } as const
  expect(holds(differ, config)).toBe(true)
  expect(holds(differ, { ...config, env: { NCCL_PROTO: 'LL128' } })).toBe(false)
  expect(holds({ uses_node: 'node-2' }, config)).toBe(true)
  const alone = { ...config, engine_args: { tensor_parallel_size: 2 } }
  expect(holds(differ, alone)).toBe(false)
  expect(holds({ several_nodes: true }, alone)).toBe(false)
})

test('a start that hangs opens no port: nobody is served, and the workers are stuck', () => {
  const scenario = exampleScenario({ impairments: [{ kind: 'startup_hang', when: oldImage, reason }] })
  const hung = telemetryWith(scenario, scenario.deployment, 'pre')
  expect(hung.health).toEqual({ engine_up: false, healthy_workers: 0, stuck_workers: 1, reason })
  expect(hung.requests).toMatchObject({ served: 0, failed: hung.requests.arrived })
  const newer = { ...scenario.deployment, vllm_version: '0.17.0' }
  expect(telemetryWith(scenario, newer, 'post').requests.failed).toBe(0)
})

test.each([
  { xid: 79, cures: ['drain'] },
  { xid: 74, cures: ['drain'] },
  { xid: 48, cures: ['drain', 'reset'] },
  { xid: 119, cures: ['drain', 'reset'] },
  { xid: 31, cures: ['drain', 'reset', 'restart'] },
  { xid: 63, cures: ['drain', 'reset', 'restart', 'nothing'] },
])('Xid $xid holds until what the catalogue asks for was done: $cures', ({ xid, cures }) => {
  const fault = {
    kind: 'gpu_fault',
    when: { always: true },
    from_s: 60,
    xid,
    node: 'node-1',
    gpu: 0,
    effect: 'engine_down',
    reason,
  } as const
  const scenario = exampleScenario({ impairments: [fault] })
  const { deployment } = scenario
  const repaired = {
    nothing: deployment,
    restart: { ...deployment, history: { engine_restarts: 1, gpu_resets: [] } },
    reset: { ...deployment, history: { engine_restarts: 0, gpu_resets: [0] } },
    drain: { ...deployment, placement: { ...deployment.placement, node: 'node-2' } },
  }
  for (const [name, config] of Object.entries(repaired)) {
    expect(telemetryWith(scenario, config, 'post').health.engine_up, name).toBe(cures.includes(name))
  }
})

test('a fault of a GPU that runs no rank harms nobody; the lost GPU is gone all the same', () => {
  const fault = {
    kind: 'gpu_fault',
    when: { always: true },
    from_s: 60,
    xid: 79,
    node: 'node-1',
    gpu: 1,
    effect: 'engine_down',
    reason,
  } as const
  const window = simulate(exampleScenario({ impairments: [fault] }))
  expect(window.engine.up).toBe(true)
  expect(window.lostGpus).toEqual([1])
  expect(simulate(exampleScenario({ impairments: [fault], args: { tensor_parallel_size: 2 } })).engine.up).toBe(false)
})

test('what nobody observed is marked as missing, not made up', () => {
  const missing = {
    kind: 'not_observed',
    when: { path: '/engine_args/disable_log_stats', equals: true },
    parts: ['engine'],
    reason,
  } as const
  const scenario = exampleScenario({ impairments: [missing], args: { disable_log_stats: true } })
  const blind = telemetryWith(scenario, scenario.deployment, 'pre')
  expect(blind.missing).toContain('latency')
  expect(blind.latency.ttft_s).toEqual({ count: 0, mean: null, p50: null, p95: null, p99: null })
  const seen = telemetryWith(scenario, { ...scenario.deployment, engine_args: {} }, 'post')
  expect(seen.missing).toBeUndefined()
  expect(seen.requests.served).toBeGreaterThan(0)
})
