import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DeploymentConfig } from '../../../fixtures/deployment.ts'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import type { Load, Scenario } from '../../../fixtures/scenario.ts'
import { simulateTelemetry } from '../../../tools/simulation/collect-telemetry.ts'
import { simulate, simulateOutcomes } from '../../../tools/simulation/simulate.ts'
import { Outcome } from '../../../tools/simulation/window.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

type Policy = NonNullable<DeploymentConfig['routing']>['policy']

/** A scenario with several engines of one GPU each. */
function dataParallel(
  engines: number,
  policy: Policy,
  { load, args, ...changes }: Parameters<typeof exampleScenario>[0] = {},
): Scenario {
  const scenario = exampleScenario({
    ...changes,
    ...(load === undefined ? {} : { load }),
    args: { data_parallel_size: engines, ...args },
  })
  const placement = { ...scenario.deployment.placement, gpus: [0, 1, 2, 3, 4, 5, 6, 7] }
  return { ...scenario, deployment: { ...scenario.deployment, placement, routing: { policy } } }
}

const policies = ['least_loaded', 'round_robin', 'session_affinity'] as const

test('an engine that gets all requests serves them like the engine of a deployment with one', () => {
  const load: Partial<Load> = { sessions: { count: 1, largest_share: 1 } }
  const changes = { load, rate: 8, args: { num_gpu_blocks_override: 400 } }
  const alone = simulate(exampleScenario(changes))
  const several = simulate(dataParallel(3, 'session_affinity', changes))
  const busy = several.engines.filter(({ counts }) => counts.generationTokens > 0)
  expect(busy).toHaveLength(1)
  expect(alone.counts.preemptions).toBeGreaterThan(10)
  expect(several.counts).toEqual(alone.counts)
  expect(busy[0]?.timeline).toEqual(alone.timeline)
  expect(busy[0]?.end).toEqual(alone.end)
  expect(several.outcomes).toEqual(alone.outcomes)
})

test('requests are conserved, and the engines add up to the whole, for any number of engines and any policy', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(...policies),
      fc.record({
        rate: fc.integer({ min: 1, max: 20 }),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        seed: fc.integer({ min: 0, max: 1000 }),
        timeout: fc.constantFrom(5, 1000),
        blocks: fc.constantFrom(120, 2000),
      }),
      (engines, policy, { rate, share, seed, timeout, blocks }) => {
        const load = { seed, client_timeout_s: timeout, sessions: { count: 9, largest_share: share } }
        const args = { num_gpu_blocks_override: blocks, max_model_len: 1024 }
        const scenario = dataParallel(engines, policy, { rate, durationS: 30, load, args })
        const window = simulate(scenario)
        const { counts, end, outcomes, observed } = window
        const left = counts.stopped + counts.cutByLength + counts.aborted + counts.errored + counts.refused
        expect(left + end.running + end.waiting).toBe(counts.arrived)
        expect(window.engines).toHaveLength(engines)
        const sum = (of: (engine: (typeof window.engines)[number]) => number) =>
          window.engines.reduce((total, engine) => total + of(engine), 0)
        expect(sum((engine) => engine.counts.generationTokens)).toBe(counts.generationTokens)
        expect(sum((engine) => engine.observed.ttft.count)).toBe(observed.ttft.count)
        const served = outcomes.outcome.filter((outcome) => outcome === Outcome.served).length
        expect(served).toBe(counts.stopped + counts.cutByLength)
      },
    ),
    { numRuns: 40 },
  )
})

test('the same input gives the same outcomes', () => {
  for (const policy of policies) {
    const scenario = dataParallel(4, policy, {
      rate: 30,
      durationS: 60,
      load: { sessions: { count: 5, largest_share: 0.6 } },
    })
    expect(simulateOutcomes(scenario, scenario.deployment)).toEqual(simulateOutcomes(scenario, scenario.deployment))
  }
})

describe('the choice of the engine', () => {
  const arrivals = (policy: Policy, rate: number, sessions?: Load['sessions'], output = 128) =>
    simulate(
      dataParallel(4, policy, { rate, output, durationS: 120, load: sessions === undefined ? {} : { sessions } }),
    ).engines.map(({ observed }) => observed.ttft.count)

  test('least_loaded: idle engines are equal, so the first one gets a lone request', () => {
    const [first, ...others] = arrivals('least_loaded', 0.2, undefined, 2)
    expect(first).toBeGreaterThan(10)
    expect(others).toEqual([0, 0, 0])
  })

  test('least_loaded: under load all engines get a similar share, whatever the sessions', () => {
    const counts = arrivals('least_loaded', 30, { count: 2, largest_share: 0.9 })
    expect(Math.max(...counts)).toBeLessThan(1.15 * Math.min(...counts))
  })

  test('round_robin: the engines get the same number of requests', () => {
    const counts = arrivals('round_robin', 4)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2)
  })

  test('session_affinity: the engine of the largest session has at least its share', () => {
    const counts = arrivals('session_affinity', 4, { count: 40, largest_share: 0.7 })
    const all = counts.reduce((sum, count) => sum + count, 0)
    expect(Math.max(...counts) / all).toBeGreaterThan(0.65)
    expect(counts.every((count) => count > 0)).toBe(true)
  })
})

test('if one engine dies, the server ends with all of them', () => {
  const scenario = loadScenario('vllm_cuda_oom')
  const { placement, engine_args } = scenario.deployment
  const deployment: DeploymentConfig = {
    ...scenario.deployment,
    engine_args: { ...engine_args, data_parallel_size: 2 },
    placement: { ...placement, gpus: [0, 1, 2, 3, 4, 5, 6, 7] },
    routing: { policy: 'round_robin' },
  }
  const { engine, engines } = simulate(scenario, deployment)
  const { downAtS = 0 } = engine
  expect(engine.up).toBe(false)
  expect(downAtS).toBeGreaterThan(60)
  for (const { timeline, end } of engines) {
    expect(timeline.some(({ generationTokens }) => generationTokens > 0)).toBe(true)
    const after = timeline.filter(({ endS }) => endS > downAtS + 10)
    expect(after.every(({ generationTokens }) => generationTokens === 0)).toBe(true)
    expect(end.running + end.waiting).toBe(0)
  }
})

test('more engines than GPUs do not start, with the words of vLLM', () => {
  const { engine, engines } = simulate(dataParallel(9, 'least_loaded', { durationS: 20 }))
  expect(engine).toMatchObject({ up: false, reason: 'AssertionError: DP adjusted local rank 8 is out of bounds. ' })
  expect(engines).toHaveLength(1)
})

test('each engine has workers, host memory and KV blocks of its own', () => {
  const [one, four] = [1, 4].map((engines) => {
    const scenario = dataParallel(engines, 'round_robin', { durationS: 20 })
    return simulateTelemetry(scenario, scenario.deployment, 'pre')
  })
  expect(four?.health.healthy_workers).toBe(4)
  expect(four?.kv_cache.capacity_tokens).toBe(4 * (one?.kv_cache.capacity_tokens ?? 0))
  expect(one?.engines).toBeUndefined()
  expect(four?.engines?.map(({ engine }) => engine)).toEqual(['0', '1', '2', '3'])
  const small = (engines: number) => {
    const scenario = dataParallel(engines, 'round_robin', { durationS: 20 })
    const resources = { ...scenario.deployment.resources, host_memory_gb: 24 }
    return simulate(scenario, { ...scenario.deployment, resources }).engine.up
  }
  expect([small(1), small(4)]).toEqual([true, false])
})

test.each<[what: string, model: string, args: DeploymentConfig['engine_args']]>([
  ['a mixture of experts', 'mistralai/Mixtral-8x7B-Instruct-v0.1', {}],
  ['kv_offloading_size', 'meta-llama/Llama-3.1-8B-Instruct', { kv_offloading_size: 8 }],
])('data parallelism with %s is refused, not ignored', (what, model, args) => {
  const scenario = dataParallel(2, 'least_loaded', { model, args, durationS: 20 })
  expect(() => simulate(scenario)).toThrow(`Data parallelism is not simulated with ${what}`)
})

test('data parallelism over several nodes is refused, not ignored', () => {
  const scenario = dataParallel(2, 'least_loaded', { durationS: 20 })
  const { placement } = scenario.deployment
  const peers = [{ node: 'node-2', gpus: [0], driver_version: '580.105.08', env: {} }]
  const config = { ...scenario.deployment, placement: { ...placement, peers } }
  expect(() => simulate(scenario, config)).toThrow('Data parallelism is not simulated with several nodes')
})
