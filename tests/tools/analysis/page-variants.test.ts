import { describe, expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../../fixtures/load-scenario.ts'
import { analyzeSamples } from '../../../tools/analysis/analyze-samples.ts'
import { analyzeMetrics, parseMetricsPage, telemetryFromPages } from '../../../tools/index.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { call } from '../call.ts'

// The same page can be written in many ways. All of them mean the same.

type Rewrite = (page: string) => string

/** Rewrites the sample lines of a page. */
const samplesOf =
  (rewrite: (line: string) => string): Rewrite =>
  (page) =>
    page
      .split('\n')
      .map((line) => (line === '' || line.startsWith('#') ? line : rewrite(line)))
      .join('\n')
const withLabels = (line: string, labels: string) =>
  line.includes('{') ? line.replace('{', `{${labels},`) : line.replace(' ', `{${labels}} `)
/** `prometheus_client` writes this for a client that asks for OpenMetrics. */
const openMetrics: Rewrite = (page) =>
  `${page.replace(/^# (HELP|TYPE) (\S+)_total /gm, '# $1 $2 ').replace(/^# (HELP|TYPE) \S+_created .*\n/gm, '')}# EOF\n`

const variants: readonly (readonly [name: string, rewrite: Rewrite])[] = [
  ['OpenMetrics', openMetrics],
  [
    'OpenMetrics with exemplars and timestamps',
    (page) =>
      openMetrics(
        samplesOf((line) => `${line} 1771337700.5${line.includes('_bucket') ? ' # {trace_id="a # {b"} 0.5' : ''}`)(
          page,
        ),
      ),
  ],
  ['line ends of Windows', (page) => `\ufeff${page.replaceAll('\n', '\r\n')}`],
  ['without comments', (page) => page.replace(/^#.*\n/gm, '')],
  [
    'labels in another order',
    samplesOf((line) =>
      line.replace(
        /\{(.*)\}/,
        (_, labels: string) => `{${(labels.match(/\w+="(?:\\.|[^"\\])*"/g) ?? []).reverse().join(',')}}`,
      ),
    ),
  ],
  [
    'a model name with escapes',
    (page) => page.replaceAll(/model_name="[^"]*"/g, 'model_name="a\\\\b\\"c\\n{d},engine=\\"1\\""'),
  ],
  ['labels of Prometheus', samplesOf((line) => withLabels(line, 'instance="host:8000",job="vllm"'))],
  [
    'families of other exporters',
    (page) =>
      `DCGM_FI_DEV_GPU_UTIL{gpu="0",model_name="x",engine="9"} 99\nlitellm_requests_total{model_name="y"} 5\n${page}`,
  ],
  [
    'names of V0',
    (page) =>
      page
        .replaceAll('vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc')
        .replaceAll('vllm:prefix_cache_', 'vllm:gpu_prefix_cache_')
        .replaceAll('vllm:inter_token_latency_seconds', 'vllm:time_per_output_token_seconds'),
  ],
]

/** Scenarios whose engine is alive at the end, so that it has a page. */
const pages = listScenarios().flatMap((id) => {
  const scenario = loadScenario(id)
  const { engine, notObserved } = simulate(scenario)
  return engine.up && !notObserved.has('engine') ? [{ id, scenario, text: vllmPage(scenario) }] : []
})

const read = ({ id, scenario }: (typeof pages)[number], text: string) => {
  const time = telemetryOf(id).window.end
  const telemetry = telemetryFromPages([{ text, time }], { slo: scenario.slo })
  const bytes = telemetryFromPages([{ text: new TextEncoder().encode(text), time }], { slo: scenario.slo })
  expect(bytes).toEqual(telemetry)
  return telemetry
}

describe.each(variants)('a page in another form: %s', (name, rewrite) => {
  test.each(pages)('$id has the same telemetry and hotspot', (page) => {
    const text = rewrite(page.text)
    const telemetry = read(page, text)
    expect(telemetry).toEqual(read(page, page.text))
    if (name === 'line ends of Windows') return
    const { hotspot, contradictions } = analyzeSamples(telemetry, parseMetricsPage(text).samples)
    expect(contradictions).toBeUndefined()
    expect(hotspot).toEqual(analyzeSamples(telemetry, parseMetricsPage(page.text).samples).hotspot)
  })
})

describe.each(['0.8.5', '0.11.0', '0.15.0', '0.20.0', '0.27.0', '0.32.0'])('the page of vLLM %s', (vllm_version) => {
  test.each(pages)('of $id gives the hotspot of its version', ({ id, scenario, text }) => {
    const { window } = telemetryOf(id)
    const judge = (page: string) => {
      const telemetry = telemetryFromPages([{ text: page, time: window.end }], { slo: scenario.slo })
      const { hotspot, contradictions } = analyzeSamples(telemetry, parseMetricsPage(page).samples)
      expect(contradictions).toBeUndefined()
      return hotspot.kind
    }
    expect(judge(vllmPage({ ...scenario, deployment: { ...scenario.deployment, vllm_version } }))).toBe(judge(text))
  })
})

describe('a value that is not a number', () => {
  const [page] = pages
  if (page === undefined) throw new Error('A scenario has a page.')
  const replaced = (family: RegExp, value: string) =>
    samplesOf((line) => (family.test(line) ? line.replace(/ \S+$/, ` ${value}`) : line))(page.text)

  test.each(['NaN', '+Inf', '-Inf'])('%s is not observed, never 0', (value) => {
    const broken = read(
      page,
      replaced(/^vllm:(kv_cache_usage_perc|num_preemptions_total|prompt_tokens_total)\{/, value),
    )
    expect(broken.requests.preemptions).toBeNull()
    expect(broken.throughput.prompt_tokens_per_s).toBeNull()
    const gauges = read(page, replaced(/^vllm:num_requests_(running|waiting)\{/, value))
    expect(gauges.missing).toEqual(['requests', 'queue'])
    const latency = read(page, replaced(/^vllm:time_to_first_token_seconds_/, value)).latency.ttft_s
    expect(latency).toEqual({ count: null, mean: null, p50: null, p95: null, p99: null })
  })
})

describe('a page that is not of one vLLM server is refused, and the message says what it is', () => {
  const gauges = (labels: string, running = 3) => [
    `vllm:num_requests_running{${labels}} ${running}`,
    `vllm:num_requests_waiting{${labels}} 1`,
  ]
  const lines = (...all: string[]) => `${all.join('\n')}\n`

  test.each<[string, string, RegExp]>([
    ['SGLang', lines('sglang:num_running_reqs{model_name="m"} 3'), /no_metrics: pages\[0\] .*it is a page of SGLang/],
    ['TGI', lines('tgi_queue_size 3'), /no_metrics: .*it is a page of Text Generation Inference/],
    ['a proxy', lines('litellm_requests_total 3'), /no_metrics: .*it is a page of LiteLLM/],
    ['another exporter', lines('node_load1 3'), /no_metrics: .*vLLM server that runs without --disable-log-stats/],
    [
      "vLLM's router with one server",
      lines(...gauges('server="http://a:8000"'), 'vllm:current_qps{server="http://a:8000"} 2'),
      /other_server: .*is a page of vLLM's router/,
    ],
    [
      "vLLM's router with two",
      lines(...gauges('server="http://a:8000"'), ...gauges('server="http://b:8000"')),
      /other_server: .*its label server is http:\/\/a:8000, http:\/\/b:8000/,
    ],
    [
      'a federation of two replicas',
      lines(...gauges('engine="0",instance="a"'), ...gauges('engine="0",instance="b"')),
      /other_server: .*its label instance is a, b/,
    ],
    [
      'two models',
      lines(...gauges('engine="0",model_name="x"'), ...gauges('engine="0",model_name="y"')),
      /other_server: .*its label model_name is x, y/,
    ],
    ['two scrapes', lines(...gauges('engine="0"'), ...gauges('engine="0"', 5)), /other_server: .*it has two scrapes/],
  ])('%s', async (_, text, message) => {
    const slo = { ttft_p95_s: 4, inter_token_p99_s: 0.2, served_ratio: 0.85 }
    const failure = (run: () => unknown) => {
      try {
        return run()
      } catch (error) {
        return error instanceof Error && 'reason' in error ? `${error.reason}: ${error.message}` : error
      }
    }
    expect(failure(() => telemetryFromPages([{ text, time: '2026-02-17T09:15:00Z' }], { slo }))).toMatch(message)
    const input = { pre_telemetry: telemetryOf('healthy_control'), prometheus_samples: parseMetricsPage(text).samples }
    const analysis = call(analyzeMetrics, input)
    // Without metrics of vLLM there is nothing to add up wrongly.
    if (message.source.startsWith('other_server')) await expect(analysis).rejects.toThrow(/^prometheus_samples /)
    else await expect(analysis).resolves.toMatchObject({ hotspot: { kind: 'unknown' } })
  })

  test('several engines of one server are one server', () => {
    const text = lines(...gauges('engine="0"'), ...gauges('engine="1"'), 'process_start_time_seconds 1771318000')
    const { requests, missing } = telemetryFromPages([{ text, time: '2026-02-17T09:15:00Z' }], {
      slo: { ttft_p95_s: 4, inter_token_p99_s: 0.2, served_ratio: 0.85 },
    })
    expect(missing).toEqual(['requests', 'latency'])
    expect(requests.preemptions).toBeNull()
  })
})
