import { describe, expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../../fixtures/load-scenario.ts'
import { analyzeSamples } from '../../../tools/analysis/analyze-samples.ts'
import { parseMetricsPage, telemetryFromPages } from '../../../tools/index.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { countedRequests } from '../../support/counted-requests.ts'
import { scrapeOf } from '../../support/scraped-pages.ts'

const withPage = listScenarios().filter((id) => {
  const { engine, notObserved } = simulate(loadScenario(id))
  return engine.up && !notObserved.has('engine')
})
const pageOf = (id: string) => parseMetricsPage(vllmPage(loadScenario(id))).samples

/** Applies a change to every number of a document except its times. */
function changed(value: unknown, change: (number: number) => number): unknown {
  if (typeof value === 'number') return change(value)
  if (Array.isArray(value)) return value.map((item) => changed(item, change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, changed(item, change)]))
}

describe.each(withPage)('the telemetry of %s does not contradict its page', (id) => {
  const known = telemetryOf(id)

  test.each<[string, (figure: number) => number]>([
    ['3 decimals', (figure) => Number(figure.toFixed(3))],
    ['2 decimals', (figure) => Number(figure.toFixed(2))],
    ['3 digits', (figure) => (Number.isInteger(figure) ? figure : Number(figure.toPrecision(3)))],
    ['2 digits', (figure) => (Number.isInteger(figure) ? figure : Number(figure.toPrecision(2)))],
  ])('rounded to %s', (_, round) => {
    const { latency, throughput, queue, kv_cache } = known
    const rounded = changed({ latency, throughput, queue, kv_cache }, round)
    expect(analyzeSamples({ ...known, ...Object(rounded) }, pageOf(id)).contradictions).toBeUndefined()
  })

  test('estimated from the buckets of one page or two', () => {
    const scenario = loadScenario(id)
    const end = { text: vllmPage(scenario), time: known.window.end }
    for (const atS of [300, 600].filter((second) => second < scenario.window.duration_s)) {
      const first = scrapeOf(scenario, atS)
      const telemetry = telemetryFromPages([first, end], { slo: scenario.slo })
      const earlier = parseMetricsPage(first.text).samples
      expect(analyzeSamples(telemetry, pageOf(id), earlier).contradictions).toBeUndefined()
      expect(analyzeSamples(telemetry, pageOf(id)).contradictions).toBeUndefined()
      expect(analyzeSamples(known, pageOf(id), earlier).contradictions).toBeUndefined()
    }
  })
})

describe('a telemetry of the same requests contradicts its page with', () => {
  const known = telemetryOf('kv_cache_pressure')
  const { requests, latency, throughput, queue, kv_cache } = known
  const { served, arrived } = countedRequests({ requests })

  test.each<[string, Partial<Telemetry>, RegExp]>([
    ['no preemptions', { requests: { ...requests, preemptions: 0 } }, /requests\.preemptions is 0, but .* 423 /],
    [
      'fewer served requests',
      { requests: { ...requests, served: served - 100, arrived: arrived - 100 } },
      /requests\.served is 601, but .* 701 for the same requests/,
    ],
    [
      'more served requests',
      { requests: { ...requests, served: served + 100, arrived: arrived + 100 } },
      /requests\.served is 801, but .* 701 /,
    ],
    [
      'slower decoding',
      { latency: { ...latency, decode_s: { ...latency.decode_s, mean: 150 } } },
      /latency\.decode_s\.mean is 150 s, but .* 68\.\d+ s /,
    ],
    [
      'a higher throughput',
      { throughput: { ...throughput, generation_tokens_per_s: 4000 } },
      /generation_tokens_per_s is 4000, which is 3600000 tokens in 900 s, but the page shows 1247286 tokens/,
    ],
    ['an empty queue', { queue: { ...queue, waiting_mean: 0, waiting_max: 0 } }, /waiting_max is 0, but .* 49 waiting/],
    ['an empty cache', { kv_cache: { ...kv_cache, usage_max: 0.01 } }, /usage_max is 0\.01, but .* usage of 0\.99/],
    [
      'a larger cache',
      { kv_cache: { ...kv_cache, capacity_tokens: 729_056 } },
      /capacity_tokens is 729056, but the page shows 364528 tokens/,
    ],
  ])('%s', (_, change, message) => {
    const { contradictions = [], hotspot } = analyzeSamples({ ...known, ...change }, pageOf('kv_cache_pressure'))
    expect(contradictions.join(' ')).toMatch(message)
    expect(hotspot.because.join(' ')).toContain('pre_telemetry is not used')
    expect(hotspot.kind).toBe('kv_cache')
  })
})
