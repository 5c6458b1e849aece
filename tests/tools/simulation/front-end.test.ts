import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EngineArgumentValue } from '../../../fixtures/deployment.ts'
import type { Scenario } from '../../../fixtures/scenario.ts'
import { analyzeMetrics } from '../../../tools/index.ts'
import { parseMetricsPage } from '../../../tools/prometheus/parse-metrics-page.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { simulateTelemetry } from '../../../tools/simulation/collect-telemetry.ts'
import { passFrontEnd } from '../../../tools/simulation/front-end.ts'
import { acceptedRequests, generateRequests } from '../../../tools/simulation/requests.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { countedRequests } from '../../support/counted-requests.ts'
import { exampleScenario } from '../../support/example-scenario.ts'
import { call } from '../call.ts'

type Arguments = { readonly [name: string]: EngineArgumentValue }
const reason = 'for the test'
const slowTokenizer = {
  kind: 'slow_front_end',
  when: { path: '/engine_args/tokenizer_mode', equals: 'slow' },
  ms_per_1k_tokens: 1600,
  reason,
} as const
/** Prompts of 512 tokens that an API server needs 0.8192 s for, one per second. */
const slow = (args: Arguments = {}) =>
  exampleScenario({ args: { tokenizer_mode: 'slow', ...args }, impairments: [slowTokenizer] })
const mean = ({ sum, count }: { readonly sum: number; readonly count: number }) => sum / count
const serviceS = 0.8192

/** A vision model whose API server needs 0.3 s to preprocess an image; 40 different images are sent. */
const vision = (args: Arguments = {}): Scenario =>
  exampleScenario({
    model: 'Qwen/Qwen3-VL-4B-Instruct',
    rate: 1.5,
    args: { mm_processor_cache_gb: 0, ...args },
    load: {
      images: { per_prompt: { median: 2, sigma: 0, min: 2, max: 2 }, tokens_per_image: 300, distinct: 40 },
    },
    impairments: [{ kind: 'slow_front_end', when: { always: true }, ms_per_image: 300, reason }],
  })

/** Requests that have passed API servers, each for `ms` milliseconds. */
function passed(rate: number, servers: number, ms: number, seconds = 20_000, seed = 7) {
  const { load } = exampleScenario({ rate, prompt: 1000, load: { seed } })
  const limits = { maxModelLen: 8192, imagesPerPrompt: Number.POSITIVE_INFINITY, tokensPerImage: 1 }
  const requests = acceptedRequests(generateRequests(load, seconds), limits)
  const times = { msPer1kTokens: ms, msPerImage: 0 }
  const {
    arrival,
    engineArrival = arrival,
    numbers,
  } = passFrontEnd(requests, {
    load,
    servers,
    times,
    cacheBytes: 0,
    pixelsPerToken: 1,
  })
  return {
    requests,
    numbers,
    arrival,
    engineArrival,
    spent: engineArrival.map((at, index) => at - (arrival[index] ?? 0)),
  }
}

test('the wait for one API server is that of a queue with random arrivals and equal service times', () => {
  for (const use of [0.3, 0.5, 0.8]) {
    const { spent } = passed(1, 1, 1000 * use)
    // Pollaczek and Khinchine, for equal service times.
    const expected = use + (use * use) / (2 * (1 - use))
    expect(spent.reduce((sum, time) => sum + time, 0) / spent.length / expected).toBeCloseTo(1, 1)
  }
})

test('requests reach the engine in order, each once, and never before their prompt is tokenized', () => {
  const rates = fc.double({ min: 0.1, max: 5, noNaN: true })
  fc.assert(
    fc.property(rates, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 3000 }), fc.integer(), (...input) => {
      const [rate, servers, ms, seed] = input
      const { requests, numbers, engineArrival, spent } = passed(rate, servers, ms, 60, seed)
      expect(numbers.toSorted()).toEqual(requests.numbers)
      expect(engineArrival.toSorted()).toEqual(engineArrival)
      for (const time of spent) expect(time).toBeGreaterThan(ms / 1000 - 1e-9)
      // No more prompts are finished in a time than the servers can tokenize.
      engineArrival.forEach((at, index) => {
        const later = engineArrival[index + servers] ?? Number.POSITIVE_INFINITY
        expect(later - at).toBeGreaterThan(ms / 1000 - 1e-9)
      })
    }),
  )
})

test('a slow tokenizer delays the first token only, and the queue of the engine does not show it', () => {
  const { observed } = simulate(slow())
  const fast = simulate(slow({ tokenizer_mode: 'auto' })).observed
  const added = mean(observed.ttft) - mean(fast.ttft)
  expect(added).toBeGreaterThan(2 * serviceS)
  expect(mean(observed.e2e) - mean(fast.e2e)).toBeCloseTo(added, 1)
  expect(mean(observed.queue)).toBeLessThan(0.02)
  expect(mean(observed.interToken) / mean(fast.interToken)).toBeCloseTo(1, 1)
})

test('more API servers shorten the wait, and not the time to tokenize a prompt', () => {
  const fast = mean(simulate(slow({ tokenizer_mode: 'auto' })).observed.ttft)
  const [one = 0, two = 0, four = 0, eight = 0] = [1, 2, 4, 8].map(
    (api_server_count) => mean(simulate(slow({ api_server_count })).observed.ttft) - fast - serviceS,
  )
  expect(one).toBeGreaterThan(4 * two)
  expect(two).toBeGreaterThan(4 * four)
  expect(four).toBeGreaterThanOrEqual(eight - 0.01)
  expect(Math.abs(eight)).toBeLessThan(0.01)
})

test.each([1, 2])('requests that never leave the front end in time are unfinished, with %d engines', (size) => {
  const scenario = exampleScenario({
    rate: 4,
    args: { tokenizer_mode: 'slow', data_parallel_size: size, api_server_count: 1 },
    impairments: [slowTokenizer],
  })
  const { counts, end } = simulate(scenario)
  const requests = countedRequests(simulateTelemetry(scenario, scenario.deployment, 'pre'))
  expect(end.inFrontEnd).toBeGreaterThan(0.6 * counts.arrived)
  expect(requests.served + requests.failed + requests.unfinished).toBe(requests.arrived)
  expect(requests.failed).toBe(0)
})

test('preprocessing images is the bottleneck, until more API servers or a cache help', async () => {
  const scenario = vision()
  const figures = async (args: Arguments) => {
    const changed = { ...scenario, deployment: vision(args).deployment }
    const telemetry = simulateTelemetry(changed, changed.deployment, 'post')
    const { samples: prometheus_samples } = parseMetricsPage(vllmPage(changed))
    const { hotspot } = await call(analyzeMetrics, { pre_telemetry: telemetry, prometheus_samples })
    return { hotspot: hotspot.kind, p95: telemetry.latency.ttft_s.p95 ?? 0 }
  }
  const before = await figures({})
  expect(before).toMatchObject({ hotspot: 'frontend' })
  expect(before.p95).toBeGreaterThan(3)
  for (const args of [{ api_server_count: 4 }, { mm_processor_cache_gb: 4 }]) {
    const after = await figures(args)
    expect(after.hotspot).not.toBe('frontend')
    expect(after.p95).toBeLessThan(1.5)
  }
})

test('the cache finds images that fit into it, and each API server has its own', () => {
  const found = (args: Arguments) => {
    const { images, imagesFound } = simulate(vision(args)).counts
    return imagesFound / images
  }
  expect(found({ mm_processor_cache_gb: 0 })).toBe(0)
  // 40 images of 300 tokens need 0.14 GiB.
  expect(found({ mm_processor_cache_gb: 0.2 })).toBe(found({ mm_processor_cache_gb: 4 }))
  expect(found({ mm_processor_cache_gb: 0.07 })).toBeCloseTo(0.5, 1)
  expect(found({ mm_processor_cache_gb: 4, api_server_count: 4 })).toBeLessThan(found({ mm_processor_cache_gb: 4 }))
  expect(vllmPage(vision({ mm_processor_cache_gb: 4 }))).toMatch(/^vllm:mm_cache_hits_total\{[^}]*\} [1-9]/m)
})
