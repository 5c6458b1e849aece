import { describe, expect, test } from 'vitest'
import { loadScenario, validateScenario } from '../../../fixtures/load-scenario.ts'
import type { Scenario } from '../../../fixtures/scenario.ts'
import { inferScenario } from '../../../tools/inference/infer-scenario.ts'
import { predict } from '../../../tools/inference/predict.ts'
import type { TimedPage } from '../../../tools/prometheus/page-series.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { scrapeOf, twoScrapes } from '../../support/scraped-pages.ts'

const healthy = loadScenario('healthy_control')

const inferred = (scenario: Scenario, pages: readonly TimedPage[] = twoScrapes(scenario)) => {
  const inference = inferScenario(pages, { config: scenario.deployment, slo: scenario.slo })
  if (inference.kind === 'refused') throw new Error(inference.reasons.join(' '))
  return inference
}

const reasons = (scenario: Scenario, pages: readonly TimedPage[] = twoScrapes(scenario)) => {
  const inference = inferScenario(pages, { config: scenario.deployment, slo: scenario.slo })
  return inference.kind === 'refused' ? inference.reasons.join(' ') : 'inferred'
}

const twice = (replace: (text: string) => string) =>
  twoScrapes(healthy).map((page) => ({ ...page, text: replace(String(page.text)) }))

describe('the inferred scenario', () => {
  test('has the rate, the lengths and the shared prefix of the real load, and matches the schema', () => {
    const { scenario } = inferred(healthy)
    const { load } = scenario
    for (const { requests_per_s } of load.phases) expect(requests_per_s).toBeCloseTo(0.6, 1)
    expect(load.prompt_tokens.median / 1200).toBeCloseTo(1, 0)
    expect(load.output_tokens.median / 500).toBeCloseTo(1, 1)
    expect(Math.abs(load.output_tokens.sigma - 0.5)).toBeLessThan(0.1)
    expect(load.shared_prefix_tokens).toBe(512)
    expect(scenario.step_time).toBeUndefined()
    expect(() => validateScenario(scenario.id, scenario)).not.toThrow()
  })

  test('is the same every time, whatever the order of the pages', () => {
    expect(inferred(healthy)).toEqual(inferred(healthy, twoScrapes(healthy).reverse()))
  })

  test('has exactly the KV blocks of the page, although the memory plan gives others', () => {
    for (const unmodelled_memory_gib of [0.7, -0.7]) {
      const real = { ...healthy, unmodelled_memory_gib }
      const blocks = simulate(real).memory?.kvBlocks
      expect(blocks).not.toBe(simulate(healthy).memory?.kvBlocks)
      expect(simulate(inferred(real).scenario).memory?.kvBlocks).toBe(blocks)
    }
  })

  test('has a draw with the fixed time per step of a slower host', () => {
    const { scenario } = inferred({ ...healthy, step_time: { fixed_ms: 8, per_sequence_ms: 0 } })
    const unsplit = scenario.inference?.draws.find(({ step_time }) => step_time?.per_sequence_ms === 0)
    expect(unsplit?.step_time?.fixed_ms).toBeCloseTo(8, 0)
  })

  test('has both times of a slower host if the load changed between the pages', () => {
    const phases = [
      { start_s: 0, requests_per_s: 0.2 },
      { start_s: 300, requests_per_s: 2 },
    ]
    const real = { ...healthy, load: { ...healthy.load, phases }, step_time: { fixed_ms: 3, per_sequence_ms: 0.4 } }
    const { scenario } = inferred(real)
    expect(Math.abs((scenario.step_time?.fixed_ms ?? 0) - 3)).toBeLessThan(1)
    expect(scenario.step_time?.per_sequence_ms).toBeCloseTo(0.4, 1)
  })

  test('begins with a warm-up if the engine started long before the first page', () => {
    const long = { ...healthy, window: { ...healthy.window, duration_s: 3600 } }
    const { scenario, assumptions } = inferred(long, [scrapeOf(long, 3240), scrapeOf(long, 3600)])
    expect(scenario.window.duration_s).toBeLessThan(600)
    expect(assumptions.join(' ')).toContain('Before the first page')
  })
})

describe('nothing is inferred', () => {
  test.each(['kv_cache_pressure', 'concurrency_cap', 'prefill_interference', 'healthy_control'])(
    'from one page of %s, which does not show whether the rate changed',
    (id) => {
      const scenario = loadScenario(id)
      expect(reasons(scenario, [scrapeOf(scenario, scenario.window.duration_s)])).toContain('Scrape a second page')
    },
  )

  test('from a rate that rises so late that only the queue of the last page shows it', () => {
    const phases = [
      { start_s: 0, requests_per_s: 0.6 },
      { start_s: 880, requests_per_s: 4.8 },
    ]
    expect(reasons({ ...healthy, load: { ...healthy.load, phases } })).toMatch(
      /has 79 requests in the engine, but with a constant rate between the pages it would have \d+ to \d+/,
    )
  })

  test.each([10, 20])('from clients that give up after %d s, although vLLM does not count them', (client_timeout_s) => {
    const scenario = loadScenario('concurrency_cap')
    expect(reasons({ ...scenario, load: { ...scenario.load, client_timeout_s } })).toMatch(
      /\d+ requests were given up by their clients between the pages, and \d+ finished/,
    )
  })

  test('from requests that wait for the front end, which the load does not explain', () => {
    expect(reasons(loadScenario('slow_tokenizer'))).toMatch(
      /More than 25 % off: Time to first token mean: simulated [\d.]+ \w+, pages [\d.]+ s \(\d+ % off\)/,
    )
  })

  test('from an engine that stalls, because the simulation of its load does not', () => {
    expect(reasons(loadScenario('linux_cpu_soft_lockup'))).toContain('More than 25 % off')
  })

  test.each(['cuda_ecc_uncorrectable', 'engine_startup_hang', 'nvidia_xid'])(
    'from %s, which answers no scrape',
    (id) => {
      expect(reasons(loadScenario(id))).toMatch(/pages\[\d\] is empty/)
    },
  )

  test('from a server without statistics', () => {
    expect(reasons(loadScenario('missing_telemetry'))).toContain('runs without --disable-log-stats')
  })

  test('without a page', () => {
    expect(reasons(healthy, [])).toContain('There is no page')
  })

  test('from pages without a time, or of the same time', () => {
    expect(reasons(healthy, [{ text: 'x 1\n', time: 'noon' }])).toContain('is "noon", which is not a time')
    const [first] = twoScrapes(healthy)
    if (first === undefined) throw new Error('There are two pages.')
    expect(reasons(healthy, [first, first])).toContain('have the same time')
  })

  test('from pages of two runs', () => {
    const [first, second] = twoScrapes(healthy)
    const other = { ...healthy, window: { ...healthy.window, start: '2026-02-17T09:10:00Z' } }
    if (first === undefined || second === undefined) throw new Error('There are two pages.')
    expect(reasons(healthy, [first, scrapeOf(other, 900)])).toContain('after a restart')
  })

  test('after a restart that only the start of the process shows', () => {
    const opened = Date.parse(healthy.window.start) / 1000
    const pages = twoScrapes(healthy).map(({ text, ...when }, index) => ({
      ...when,
      text: String(text)
        .replace(/^vllm:generation_tokens_created.*\n/m, '')
        .replace(/^(process_start_time_seconds) .*$/m, `$1 ${index === 0 ? opened - 900 : opened + 400}`),
    }))
    expect(reasons(healthy, pages)).toContain('after a restart')
  })

  test('of an older version are read under their current names', () => {
    const renamed = twice((text) =>
      text.replaceAll('vllm:inter_token_latency_seconds', 'vllm:time_per_output_token_seconds'),
    )
    expect(reasons(healthy, renamed)).toBe('inferred')
  })

  test('from a page that is cut off', () => {
    expect(
      reasons(
        healthy,
        twice((text) => text.slice(0, -20)),
      ),
    ).toContain('the page is cut off')
  })

  test('from pages of another model', () => {
    expect(
      reasons(
        healthy,
        twice((text) => text.replaceAll(healthy.deployment.model, 'other')),
      ),
    ).toContain('The pages are of the model "other"')
  })

  test('from pages of several engines', () => {
    const line = `vllm:num_requests_running{engine="1",model_name="${healthy.deployment.model}"} 1.0\n`
    expect(
      reasons(
        healthy,
        twice((text) => text.replace('# HELP vllm:num_requests_waiting ', `${line}$&`)),
      ),
    ).toContain('has the engines 0, 1. The load can be inferred for one engine only.')
  })

  test('from pages with images', () => {
    expect(
      reasons(
        healthy,
        twice((text) => text.replace(/^(vllm:mm_cache_queries_total\S*) 0.0/m, '$1 9.0')),
      ),
    ).toMatch(/prompts with images, .* The load cannot be inferred from pages with it\./)
  })

  test('with engine arguments that the page contradicts', () => {
    const engine_args = { ...healthy.deployment.engine_args, gpu_memory_utilization: 0.85 }
    const inference = inferScenario(twoScrapes(healthy), {
      config: { ...healthy.deployment, engine_args },
      slo: healthy.slo,
    })
    expect(inference).toMatchObject({
      kind: 'refused',
      reasons: [expect.stringContaining('Correct engine_args.gpu_memory_utilization')],
    })
  })

  test('for a GPU that nobody knows', () => {
    const placement = { ...healthy.deployment.placement, gpu_model: 'Abacus 3' }
    const inference = inferScenario(twoScrapes(healthy), {
      config: { ...healthy.deployment, placement },
      slo: healthy.slo,
    })
    expect(inference).toMatchObject({ kind: 'refused', reasons: [expect.stringContaining('Abacus 3')] })
  })

  test('if too few requests finished', () => {
    expect(reasons(healthy, [scrapeOf(healthy, 20), scrapeOf(healthy, 40)])).toContain(
      'requests finished, fewer than 20',
    )
  })
})

describe('a prediction', () => {
  const inference = inferred(healthy)
  const withArgs = (args: Scenario['deployment']['engine_args']) => ({
    ...healthy.deployment,
    config_id: 'healthy_control/changed',
    engine_args: { ...healthy.deployment.engine_args, ...args },
  })

  test('has the real ratios in its bands', () => {
    const prediction = predict(inference, withArgs({ enforce_eager: true }))
    if (prediction.kind === 'refused') throw new Error(prediction.reasons.join(' '))
    const gap = (window: ReturnType<typeof simulate>) =>
      window.observed.interToken.sum / window.observed.interToken.count
    const real = gap(simulate(healthy, withArgs({ enforce_eager: true }))) / gap(simulate(healthy))
    const ratio = prediction.ratios.find(({ figure }) => figure === 'inter_token_mean_s')
    expect(ratio?.band.low).toBeLessThan(real)
    expect(ratio?.band.high).toBeGreaterThan(real)
    for (const { ratio: middle, band } of prediction.ratios) {
      expect(band.low).toBeLessThanOrEqual(middle)
      expect(band.high).toBeGreaterThanOrEqual(middle)
    }
  })

  test('of no change is 1, with a band as wide as the residual', () => {
    const prediction = predict(inference, withArgs({}))
    const residual = inference.scenario.inference?.residual ?? 0
    if (prediction.kind === 'refused') throw new Error(prediction.reasons.join(' '))
    for (const { ratio, band } of prediction.ratios) {
      expect(ratio).toBe(1)
      expect(band.high - 1).toBeCloseTo(residual, 2)
    }
  })

  test('is refused for a configuration that does not start, or after a refused inference', () => {
    expect(predict(inference, withArgs({ gpu_memory_utilization: 0.2 }))).toMatchObject({ kind: 'refused' })
    const none = inferScenario([], { config: healthy.deployment, slo: healthy.slo })
    expect(predict(none, withArgs({}))).toEqual({ kind: 'refused', reasons: [expect.stringContaining('no page')] })
  })
})
