import fc from 'fast-check'
import { expect, test } from 'vitest'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { frontEndS } from '../../../tools/simulation/step-time.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const scenarios = fc
  .record({
    rate: fc.double({ min: 0, max: 12, noNaN: true }),
    prompt: fc.integer({ min: 1, max: 6000 }),
    output: fc.integer({ min: 1, max: 1500 }),
    durationS: fc.integer({ min: 10, max: 90 }),
    seed: fc.integer(),
    sigma: fc.double({ min: 0, max: 1, noNaN: true }),
    prefix: fc.integer({ min: 0, max: 1000 }),
    timeout: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
    args: fc.record({
      max_num_seqs: fc.integer({ min: 1, max: 64 }),
      max_model_len: fc.constantFrom(2048, 8192),
      max_num_batched_tokens: fc.integer({ min: 16, max: 4096 }),
      gpu_memory_utilization: fc.double({ min: 0.5, max: 0.95, noNaN: true }),
      enable_prefix_caching: fc.boolean(),
      scheduler_reserve_full_isl: fc.boolean(),
      long_prefill_token_threshold: fc.constantFrom(0, 256),
      async_scheduling: fc.boolean(),
    }),
  })
  .map(({ seed, sigma, prefix, timeout, prompt, output, args, ...rest }) =>
    exampleScenario({
      ...rest,
      args,
      load: {
        seed,
        shared_prefix_tokens: Math.min(prefix, prompt - 1),
        prompt_tokens: { median: prompt, sigma, min: 1, max: 6000 },
        output_tokens: { median: output, sigma, min: 1, max: 1500 },
        ...(timeout === undefined ? {} : { client_timeout_s: timeout }),
      },
    }),
  )

test('requests are conserved, nothing exceeds its limit, and time adds up', () => {
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const { counts, end, occupancy, observed, settings, timeline, endS } = simulate(scenario)
      const done = counts.stopped + counts.cutByLength
      expect(done + counts.aborted + counts.errored + counts.refused + end.running + end.waiting + end.inFrontEnd).toBe(
        counts.arrived,
      )
      expect(observed.e2e.count).toBe(done)
      expect(observed.ttft.count).toBeGreaterThanOrEqual(done)
      expect(observed.ttft.count + observed.interToken.count).toBe(counts.generationTokens)
      expect(occupancy.runningMax).toBeLessThanOrEqual(settings.maxNumSeqs)
      expect(occupancy.kvUsageMax).toBeLessThanOrEqual(1)
      expect(end.kvUsage).toBeGreaterThanOrEqual(0)
      expect(observed.iterationTokens.sum).toBe(counts.promptTokens + counts.generationTokens)
      // The engine core's phases, and the time outside it.
      const phases = observed.queue.sum + observed.prefill.sum + observed.decode.sum
      expect(phases + done * frontEndS).toBeCloseTo(observed.e2e.sum, 6)
      expect(timeline.at(-1)?.endS).toBe(endS)
      const sum = (key: 'promptTokens' | 'generationTokens' | 'preemptions') =>
        timeline.reduce((total, interval) => total + interval[key], 0)
      expect(sum('generationTokens')).toBe(counts.generationTokens)
      expect(sum('promptTokens')).toBe(counts.promptTokens)
      expect(sum('preemptions')).toBe(counts.preemptions)
    }),
    { numRuns: 150 },
  )
})

test('an engine that has served everything holds no KV block', () => {
  const load = {
    phases: [
      { start_s: 0, requests_per_s: 5 },
      { start_s: 20, requests_per_s: 0 },
    ],
  }
  const window = simulate(exampleScenario({ load, durationS: 600, args: { gpu_memory_utilization: 0.6 } }))
  expect(window.end).toMatchObject({ running: 0, waiting: 0, kvUsage: 0 })
})

test('the same scenario gives the same window, also without the cache', () => {
  const scenario = exampleScenario({ rate: 3 })
  const figures = () => {
    const window = simulate(structuredClone(scenario))
    return JSON.stringify([window.counts, window.occupancy, window.timeline, window.finished])
  }
  const first = figures()
  for (let other = 1; other <= 20; other++) simulate(exampleScenario({ rate: 0.1, load: { seed: other } }))
  expect(figures()).toBe(first)
})
