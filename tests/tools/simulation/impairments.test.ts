import { expect, test } from 'vitest'
import type { Condition } from '../../../fixtures/condition.ts'
import { simulateTelemetry } from '../../../tools/simulation/collect-telemetry.ts'
import { conditionHolds } from '../../../tools/simulation/impairments.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { countedRequests } from '../../support/counted-requests.ts'
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
  expect(conditionHolds(condition, exampleScenario().deployment)).toBe(expected)
})

test('a number in an environment variable is compared as a number', () => {
  const { deployment } = exampleScenario()
  const holds = (SIZE: string) => conditionHolds({ path: '/env/SIZE', at_least: 100 }, { ...deployment, env: { SIZE } })
  expect(['400', '100.0', '99', '1e3'].map((size) => holds(size))).toEqual([true, true, false, true])
  expect(['', ' ', 'all', '4oo'].map((size) => holds(size))).toEqual([false, false, false, false])
})

test('a dead engine fails all requests until the cause is removed', () => {
  const scenario = exampleScenario({ impairments: [{ kind: 'engine_down', when: oldImage, from_s: 100, reason }] })
  const broken = simulateTelemetry(scenario, scenario.deployment, 'pre')
  expect(broken.health).toEqual({ engine_up: false, healthy_workers: 0, stuck_workers: 0, reason })
  expect(broken.requests.failed).toBeGreaterThan(0.5 * countedRequests(broken).arrived)
  const fixed = simulateTelemetry(scenario, { ...scenario.deployment, vllm_version: '0.16.0' }, 'post')
  expect(fixed.health.engine_up).toBe(true)
  expect(fixed.requests.failed).toBe(0)
})

test('a stalled engine generates nothing while requests keep arriving', () => {
  const stall = { kind: 'stall', when: { always: true }, from_s: 100, until_s: 300, reason } as const
  const window = simulate(exampleScenario({ impairments: [stall] }))
  expect(window.engine.stalled).toBe(true)
  expect(window.timeline.at(-1)).toMatchObject({ generationTokens: 0, busy: 0 })
  expect(window.end.waiting).toBeGreaterThan(150)
  expect(window.end.oldestWaitingS).toBeGreaterThan(190)
})

test('the queue of a stall that ends is worked off', () => {
  const stall = { kind: 'stall', when: { always: true }, from_s: 50, until_s: 80, reason } as const
  const window = simulate(exampleScenario({ impairments: [stall] }))
  expect(window.engine.stalled).toBe(false)
  expect(window.observed.ttft.quantile(1)).toBeGreaterThan(25)
  expect(window.end.waiting).toBe(0)
})

test('a delay per step delays every token', () => {
  const delay = { kind: 'step_delay', when: { always: true }, from_s: 0, delay_ms: 40, reason } as const
  const p50 = (impairments: readonly (typeof delay)[]) =>
    simulate(exampleScenario({ impairments })).observed.interToken.quantile(0.5) ?? 0
  expect(p50([delay])).toBeGreaterThan(p50([]) + 0.039)
})

test('nodes differ if one variable does, and only nodes that run ranks count', () => {
  const { deployment } = exampleScenario({ args: { tensor_parallel_size: 2, pipeline_parallel_size: 2 } })
  const peer = { node: 'node-2', gpus: [0, 1], driver_version: '580.105.08', env: { NCCL_PROTO: 'LL128' } }
  const config = { ...deployment, env: { OTHER: '1' }, placement: { ...deployment.placement, peers: [peer] } }
  const differ = { nodes_differ_in: 'NCCL_' } as const
  expect(conditionHolds(differ, config)).toBe(true)
  expect(conditionHolds(differ, { ...config, env: { NCCL_PROTO: 'LL128' } })).toBe(false)
  expect(conditionHolds({ uses_node: 'node-2' }, config)).toBe(true)
  const alone = { ...config, engine_args: { tensor_parallel_size: 2 } }
  expect(conditionHolds(differ, alone)).toBe(false)
  expect(conditionHolds({ several_nodes: true }, alone)).toBe(false)
})

test('if the start hangs, no request is served and the workers are stuck', () => {
  const scenario = exampleScenario({ impairments: [{ kind: 'startup_hang', when: oldImage, reason }] })
  const hung = simulateTelemetry(scenario, scenario.deployment, 'pre')
  expect(hung.health).toEqual({ engine_up: false, healthy_workers: 0, stuck_workers: 1, reason })
  expect(hung.requests).toMatchObject({ served: 0, failed: hung.requests.arrived })
  const newer = { ...scenario.deployment, vllm_version: '0.17.0' }
  expect(simulateTelemetry(scenario, newer, 'post').requests.failed).toBe(0)
})

test.each([
  { xid: 79, cures: ['drain'] },
  { xid: 74, cures: ['drain'] },
  { xid: 48, cures: ['drain', 'reset'] },
  { xid: 119, cures: ['drain', 'reset'] },
  { xid: 31, cures: ['drain', 'reset', 'restart'] },
  { xid: 63, cures: ['drain', 'reset', 'restart', 'nothing'] },
])('Xid $xid lasts until a remedy of the catalogue was applied: $cures', ({ xid, cures }) => {
  const gpuError = {
    kind: 'gpu_error',
    when: { always: true },
    from_s: 60,
    xid,
    node: 'node-1',
    gpu: 0,
    effect: 'engine_down',
    reason,
  } as const
  const scenario = exampleScenario({ impairments: [gpuError] })
  const { deployment } = scenario
  const repaired = {
    nothing: deployment,
    restart: { ...deployment, history: { engine_restarts: 1, gpu_resets: [] } },
    reset: { ...deployment, history: { engine_restarts: 0, gpu_resets: [0] } },
    drain: { ...deployment, placement: { ...deployment.placement, node: 'node-2' } },
  }
  for (const [name, config] of Object.entries(repaired)) {
    expect(simulateTelemetry(scenario, config, 'post').health.engine_up, name).toBe(cures.includes(name))
  }
})

test('an error of a GPU without a rank does not affect the engine, but the GPU is lost', () => {
  const gpuError = {
    kind: 'gpu_error',
    when: { always: true },
    from_s: 60,
    xid: 79,
    node: 'node-1',
    gpu: 1,
    effect: 'engine_down',
    reason,
  } as const
  const window = simulate(exampleScenario({ impairments: [gpuError] }))
  expect(window.engine.up).toBe(true)
  expect(window.lostGpus).toEqual([1])
  expect(simulate(exampleScenario({ impairments: [gpuError], args: { tensor_parallel_size: 2 } })).engine.up).toBe(
    false,
  )
})

test('metrics that were not observed are marked as missing and not invented', () => {
  const missing = {
    kind: 'not_observed',
    when: { path: '/engine_args/disable_log_stats', equals: true },
    parts: ['engine'],
    reason,
  } as const
  const scenario = exampleScenario({ impairments: [missing], args: { disable_log_stats: true } })
  const blind = simulateTelemetry(scenario, scenario.deployment, 'pre')
  expect(blind.missing).toContain('latency')
  expect(blind.latency.ttft_s).toEqual({ count: null, mean: null, p50: null, p95: null, p99: null })
  const seen = simulateTelemetry(scenario, { ...scenario.deployment, engine_args: {} }, 'post')
  expect(seen.missing).toBeUndefined()
  expect(seen.requests.served).toBeGreaterThan(0)
})
