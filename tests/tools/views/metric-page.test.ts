import { describe, expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../../fixtures/load-scenario.ts'
import { parseMetricsPage } from '../../../tools/prometheus/parse-metrics-page.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { metricPageView } from '../../../tools/views/metric-page.ts'

const shown = (lines: readonly string[], place = {}, names?: readonly string[]) => {
  const raw_text = lines.map((line) => `${line}\n`).join('')
  const { samples } = parseMetricsPage(raw_text)
  return metricPageView({ endpoint: 'http://vllm:8000/metrics', raw_text, samples, ...place }, names)
}

const histogram = (
  name: string,
  labels: string,
  counts: readonly (readonly [le: string, count: number])[],
  sum: number,
) => [
  ...counts.map(([le, count]) => `${name}_bucket{${labels},le="${le}"} ${count}`),
  `${name}_count{${labels}} ${counts.at(-1)?.[1]}`,
  `${name}_sum{${labels}} ${sum}`,
  `${name}_created{${labels}} 1.7e9`,
]
const ttft = 'vllm:time_to_first_token_seconds'
const engine = 'engine="0",model_name="m"'

test('gauges and counters are shown as they are, without the labels that all series have', () => {
  const text = shown([
    `vllm:num_requests_waiting{${engine}} 49.0`,
    `vllm:kv_cache_usage_perc{${engine}} 0.99806865`,
    `vllm:generation_tokens_total{${engine}} 1.247286e+06`,
    `vllm:request_success_total{finished_reason="stop",${engine}} 685.0`,
    `vllm:request_success_total{finished_reason="length",${engine}} 16.0`,
  ])
  expect(text).toContain('All series of vLLM have engine="0", model_name="m".')
  expect(text).toContain('\nvllm:num_requests_waiting 49\nvllm:kv_cache_usage_perc 0.998\n')
  expect(text).toContain('\nvllm:generation_tokens_total 1247286\n')
  expect(text).toContain('\nvllm:request_success_total{finished_reason="stop"} 685, {finished_reason="length"} 16\n')
})

test('a histogram is count, sum, mean and quantiles that are marked as estimates', () => {
  const counts = [
    ['1', 50],
    ['2', 90],
    ['+Inf', 100],
  ] as const
  const text = shown(histogram(ttft, engine, counts, 120))
  expect(text).toContain('Histograms (~: estimated from buckets):')
  expect(text).toMatch(/^vllm:time_to_first_token_seconds count 100 sum 120 mean 1.2 p50 ~[\d.]+ p95 > 2 p99 > 2$/m)
  expect(text).not.toMatch(/_bucket|_created\{/)
})

test('observations of one bucket have no quantiles, only its limits', () => {
  const counts = [
    ['1', 0],
    ['2', 7],
    ['+Inf', 7],
  ] as const
  expect(shown(histogram(ttft, engine, counts, 10))).toContain(`${ttft} count 7 sum 10 mean 1.43 all between 1 and 2`)
})

test('what is zero or was never observed is only named', () => {
  const text = shown([
    `vllm:num_preemptions_total{${engine}} 0.0`,
    `vllm:request_success_total{finished_reason="stop",${engine}} 5.0`,
    `vllm:request_success_total{finished_reason="abort",${engine}} 0.0`,
    `vllm:request_success_total{finished_reason="error",${engine}} 0.0`,
    ...histogram(ttft, engine, [['+Inf', 0]], 0),
  ])
  expect(text).toContain(
    'Zero: vllm:num_preemptions_total; vllm:request_success_total{finished_reason="abort"}, {finished_reason="error"}\n',
  )
  expect(text).toContain(`Without observations: ${ttft}\n`)
})

test('histograms with the same figures share a line', () => {
  const counts = [['+Inf', 3]] as const
  const text = shown([
    ...histogram('vllm:a_tokens', engine, counts, 9),
    ...histogram('vllm:b_tokens', engine, counts, 9),
  ])
  expect(text).toContain('vllm:a_tokens = vllm:b_tokens count 3 sum 9 mean 3')
})

test('engines of one server are shown side by side', () => {
  const of = (number: number) => `engine="${number}",model_name="m"`
  const text = shown([
    `vllm:num_requests_running{${of(0)}} 8.0`,
    `vllm:num_requests_running{${of(1)}} 76.0`,
    `vllm:num_requests_waiting{${of(0)}} 0.0`,
    `vllm:num_requests_waiting{${of(1)}} 445.0`,
    `vllm:engine_sleep_state{sleep_state="awake",${of(0)}} 1.0`,
    `vllm:engine_sleep_state{sleep_state="awake",${of(1)}} 1.0`,
    ...histogram(ttft, of(0), [['+Inf', 10]], 1),
    ...histogram(ttft, of(1), [['+Inf', 10]], 660),
  ])
  expect(text).toContain('All series of vLLM have model_name="m".')
  expect(text).toContain('vllm:num_requests_running engine 0: 8, 1: 76\n')
  expect(text).toContain('vllm:num_requests_waiting engine 0: 0, 1: 445\n')
  expect(text).toContain('vllm:engine_sleep_state{sleep_state="awake"} 1 on each of 2 engines\n')
  expect(text).toContain(`${ttft} count 20 sum 661 mean 33; mean of engine 0: 0.1, 1: 66\n`)
})

test('many series of one family are cut at twelve, and the others are counted', () => {
  const series = Array.from({ length: 30 }, (_, index) => `http_requests_total{handler="/${index}"} ${index + 1}`)
  const text = shown(series)
  expect(text).toContain('{handler="/11"} 12, and 18 more series')
  expect(text).not.toContain('"/12"')
})

test('an info series is its labels, without options that are not used', () => {
  const labels = 'block_size="16",enable_prefix_caching="False",is_attention_free="False",sliding_window="None"'
  expect(shown([`vllm:cache_config_info{${labels},engine="0"} 1.0`])).toContain(
    '\nvllm:cache_config_info{block_size="16",enable_prefix_caching="False"}\n',
  )
})

test('the times of the HTTP server are shown only if the engine shows none', () => {
  const http = histogram('http_request_duration_seconds', 'method="POST"', [['+Inf', 3]], 9)
  expect(shown(http)).toContain('http_request_duration_seconds count 3 sum 9 mean 3')
  expect(shown([`vllm:num_requests_running{${engine}} 1.0`, ...http])).not.toContain('http_request_duration')
})

test('values that JSON cannot express are shown as the page has them', () => {
  expect(shown([`vllm:kv_cache_usage_perc{${engine}} NaN`])).toContain('vllm:kv_cache_usage_perc NaN')
})

describe('with names', () => {
  const lines = [`vllm:num_requests_waiting{${engine}} 49.0`, ...histogram(ttft, engine, [['+Inf', 3]], 9)]

  test('the series with these words in their names are shown as scraped', () => {
    const [, ...scraped] = shown(lines, {}, ['Time_To_First']).split('\n')
    expect(scraped).toEqual(lines.slice(1))
  })

  test('a name that the page does not have is named, with the closest one', () => {
    expect(shown(lines, {}, ['vllm:num_request_waiting'])).toContain(
      'No metric of the page has "vllm:num_request_waiting" in its name. Did you mean "vllm:num_requests_waiting"?',
    )
  })
})

describe('an empty page', () => {
  const place = { page: 15, page_count: 15, time: '2026-02-17T14:15:00.000Z', page_times: ['2026-02-17T14:01:00.000Z'] }

  test('leads to the last page that was answered', () => {
    expect(shown([], { ...place, last_answered_page: 1 })).toContain(
      'It last answered on page 1, of 2026-02-17T14:01:00.000Z: fetch that with page.',
    )
  })

  test('says that there is no earlier one', () => {
    expect(shown([], place)).toContain('It answered on no earlier page.')
    expect(shown([])).not.toContain('earlier page')
  })
})

test('a page without metrics of vLLM says so, and its notes are shown', () => {
  const text = shown(['http_requests_total{status="2xx"} 7'], { notes: ['m.prom: It was cut off.'] })
  expect(text).toContain('Note: m.prom: It was cut off.\n')
  expect(text).toContain('The page has no vllm: metrics')
})

test.each(listScenarios())('the view of %s is at most 5 KB and has every family that is not chatter', (id) => {
  const raw_text = vllmPage(loadScenario(id))
  const page = parseMetricsPage(raw_text)
  const text = metricPageView({ endpoint: null, raw_text, samples: page.samples })
  expect(Buffer.byteLength(text)).toBeLessThan(5000)
  const families = page.families
    .map(({ name }) => name)
    .filter((name) => name.startsWith('vllm:') && !name.endsWith('_created'))
  expect(families.filter((name) => !text.includes(name))).toEqual([])
})
