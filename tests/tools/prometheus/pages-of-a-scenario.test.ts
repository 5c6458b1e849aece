import { expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../../fixtures/load-scenario.ts'
import {
  analyzeMetrics,
  createIncidentTools,
  fetchPrometheusMetrics,
  scenarioSource,
  telemetryFromPages,
} from '../../../tools/index.ts'
import { readRuns } from '../../../tools/prometheus/page-series.ts'
import { pagesOfWindow, vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { call } from '../call.ts'

// A simulated engine is scraped each minute, so that an earlier page can be compared with the last one.

const scenario = loadScenario('kv_cache_pressure')

test.each(listScenarios())('the pages of %s are those of one process in order of time', (id) => {
  const pages = pagesOfWindow(loadScenario(id))
  expect(pages).toHaveLength(loadScenario(id).window.duration_s / 60)
  expect(pages.at(-1)?.text).toBe(vllmPage(loadScenario(id)))
  // The last page of a live engine, one in the middle, and the first one.
  const answered = pages.filter(({ text }) => text.includes('vllm:'))
  const some = [0, Math.floor(answered.length / 2), answered.length - 1].flatMap((index) => answered[index] ?? [])
  const timed = [...new Set(some)].map(({ text, timeMs }) => ({ text, atS: timeMs / 1000 }))
  expect(readRuns(timed)).toHaveLength(timed.length === 0 ? 0 : 1)
  // An engine that died does not answer again.
  const silent = pages.findIndex(({ text }) => text === '')
  expect(silent < 0 || pages.slice(silent).every(({ text }) => text === '')).toBe(true)
})

test('the last page is the default, and an earlier one is fetched by its number or a time', async () => {
  const last = await call(fetchPrometheusMetrics, { scenario: scenario.id })
  expect(last).toMatchObject({ page: 15, page_count: 15, time: '2026-02-17T14:15:00.000Z' })
  const earlier = await call(fetchPrometheusMetrics, { scenario: scenario.id, time: '2026-02-17T14:05:30Z' })
  expect(earlier).toMatchObject({ page: 5, time: '2026-02-17T14:05:00.000Z' })
  expect(earlier).toEqual(await call(fetchPrometheusMetrics, { scenario: scenario.id, page: 5 }))
  await expect(call(fetchPrometheusMetrics, { scenario: scenario.id, page: 16 })).rejects.toThrow(
    'page 16 does not exist. The incident has 15 pages, numbered from 1',
  )
})

test('with the samples of an earlier page the analysis covers the time between both', async () => {
  const samplesOf = async (page: number) =>
    (await call(fetchPrometheusMetrics, { scenario: scenario.id, page })).samples
  const input = { pre_telemetry: telemetryOf(scenario.id), prometheus_samples: await samplesOf(15) }
  const whole = await call(analyzeMetrics, input)
  const part = await call(analyzeMetrics, { ...input, earlier_samples: await samplesOf(10) })
  const tokens = Number(part.derived_metrics.generation_tokens)
  expect(tokens).toBeLessThan(Number(whole.derived_metrics.generation_tokens) / 2)
  expect(part.derived_metrics.generation_tokens_per_s).toBeCloseTo(tokens / 300, 3)
  expect(part.derived_metrics.waiting).toBe(whole.derived_metrics.waiting)
})

test('the page of an engine that died names the last one that it answered', async () => {
  const dead = await call(fetchPrometheusMetrics, { scenario: 'nvidia_xid' })
  // The GPU fails 437 s after the window opens.
  expect(dead).toMatchObject({ raw_text: '', samples: [], page: 15, last_answered_page: 7 })
  const alive = await call(fetchPrometheusMetrics, { scenario: 'nvidia_xid', page: 7 })
  expect(alive.samples.length).toBeGreaterThan(100)
  expect(alive).not.toHaveProperty('last_answered_page')
  expect(await call(fetchPrometheusMetrics, { scenario: 'engine_startup_hang' })).not.toHaveProperty(
    'last_answered_page',
  )
})

test('two pages of a scenario give the telemetry of the time between them', () => {
  const pages = pagesOfWindow(scenario).map(({ text, timeMs }) => ({ text, atS: timeMs / 1000 }))
  const { slo } = telemetryOf(scenario.id)
  const { window } = telemetryFromPages(
    [9, 14].flatMap((index) => pages[index] ?? []),
    { slo },
  )
  expect(window.duration_s).toBe(300)
})

test('a stored page that the simulation does not write has no earlier ones', async () => {
  const metricsPage = () => 'vllm:num_requests_running{engine="0",model_name="m"} 3\n'
  const scenarios = scenarioSource([{ scenario, log: () => undefined, metricsPage }])
  const [, , metrics] = createIncidentTools({ scenarios })
  const only = await call(metrics, { scenario: scenario.id })
  expect(Object.keys(only)).toEqual(['endpoint', 'raw_text', 'samples'])
  await expect(call(metrics, { scenario: scenario.id, page: 2 })).rejects.toThrow('The incident has one page')
})
