import { describe, expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../../fixtures/load-scenario.ts'
import { analyzeSamples } from '../../../tools/analysis/analyze-samples.ts'
import { analyzeMetrics, fetchPrometheusMetrics, parseMetricsPage, telemetryFromPages } from '../../../tools/index.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { simulateTelemetry, telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { oracleOf } from '../../support/matrix.ts'
import { recordedPage } from '../../support/recorded-pages.ts'
import { call } from '../call.ts'

const recorded = (name: string) => parseMetricsPage(recordedPage(`0.32.0-${name}`)).samples
const samples = (...lines: string[]) => parseMetricsPage(`${lines.join('\n')}\n`).samples

const healthy = telemetryOf('healthy_control')
/** Nothing but objectives and health was observed. */
const unobserved: Telemetry = { ...healthy, missing: ['requests', 'latency', 'throughput', 'queue', 'kv_cache'] }

describe('a real page is judged by its own figures, whatever the telemetry says', () => {
  test.each<[string, string, string | undefined, string]>([
    ['a saturated server', 'saturated', undefined, 'batch_limit'],
    ['a saturated server, by two pages', 'saturated', 'saturated-before', 'batch_limit'],
    ['a preemption storm whose usage at the scrape is 0.91', 'kv-pressure', undefined, 'kv_cache'],
    ['a preemption storm since the start', 'kv-pressure', 'kv-pressure-start', 'kv_cache'],
    ['a preemption storm since an earlier page', 'kv-pressure', 'kv-pressure-before', 'kv_cache'],
    ['the same server before the storm', 'kv-pressure-before', undefined, 'none'],
    ['a light load', 'light', undefined, 'none'],
    ['an idle server', 'idle', undefined, 'none'],
  ])('%s', (_, name, earlier, kind) => {
    const before = earlier === undefined ? undefined : recorded(earlier)
    for (const telemetry of [healthy, unobserved]) {
      const { hotspot } = analyzeSamples(telemetry, recorded(name), before)
      expect(hotspot.kind, hotspot.because.join(' ')).toBe(kind)
    }
  })

  test("the page of 0.15.0's logger, without requests, has no hotspot", () => {
    const page = recordedPage('0.15.0-logger')
    const { hotspot, derived_metrics } = analyzeSamples(unobserved, parseMetricsPage(page).samples)
    expect(hotspot).toEqual({ kind: 'none', because: ['No request got its first token, and nothing limits service.'] })
    expect(derived_metrics).toMatchObject({ kv_cache_tokens: 387_168, running: 0, served: 0, ttft_p95_s: null })
  })

  test('the reasons quote the figures of the page', () => {
    const queue = analyzeSamples(healthy, recorded('saturated'), recorded('saturated-before')).hotspot.because.join(' ')
    expect(queue).toContain('179 requests wait, although KV cache usage is 0.6 %')
    expect(queue).toContain('9.54 s in the queue on average; the first token takes 11.66 s')
    const storm = analyzeSamples(unobserved, recorded('kv-pressure'), recorded('kv-pressure-before'))
    expect(storm.hotspot.because.join(' ')).toContain('10 preemptions, 1.00 per served request')
    expect(storm.derived_metrics.recomputed_tokens_at_most).toBe(9398)
  })
})

describe('the telemetry', () => {
  test('is not used if it contradicts the page, and both figures are named', () => {
    const { contradictions, hotspot } = analyzeSamples(healthy, recorded('saturated'))
    expect(contradictions).toContain('pre_telemetry.queue.waiting_max is 0, but the page shows 179 waiting requests.')
    expect(hotspot.because.join(' ')).toContain('pre_telemetry is not used')
  })

  test('of another page of the same server is contradicted by its means', () => {
    const page = samples(
      'vllm:time_to_first_token_seconds_bucket{le="+Inf"} 100',
      'vllm:time_to_first_token_seconds_count 100',
      'vllm:time_to_first_token_seconds_sum 900',
    )
    const ttft_s = { count: 100, mean: 2, p50: 1, p95: 3, p99: 4 }
    const { contradictions } = analyzeSamples({ ...healthy, latency: { ...healthy.latency, ttft_s } }, page)
    expect(contradictions).toEqual([
      'pre_telemetry.latency.ttft_s.mean is 2 s, but the page shows 9.000000 s for the same 100 observations.',
    ])
  })

  test('with a quantile outside its bucket contradicts the page', () => {
    const { samples: page } = parseMetricsPage(vllmPage(loadScenario('concurrency_cap')))
    const known = telemetryOf('concurrency_cap')
    const ttft_s = { ...known.latency.ttft_s, p95: known.latency.ttft_s.p50 }
    const changed = { ...known, latency: { ...known.latency, ttft_s } }
    expect(analyzeSamples(known, page).contradictions).toBeUndefined()
    expect(analyzeSamples(changed, page).contradictions?.join()).toMatch(
      /latency\.ttft_s\.p95 is \S+ s, but the page shows \S+ to \S+ s for the same \d+ observations/,
    )
  })

  test('with more requests than the process has served since before the window contradicts the page', () => {
    const page = (start: string) =>
      samples(
        `process_start_time_seconds ${Date.parse(start) / 1000}`,
        'vllm:request_success_total{finished_reason="stop"} 3',
      )
    expect(analyzeSamples(healthy, page('2020-01-01')).contradictions?.[0]).toMatch(
      /served is \d+, but the page shows 3/,
    )
    // A process that started in the window does not know what was before.
    expect(analyzeSamples(healthy, page('2100-01-01')).contradictions).toBeUndefined()
  })

  test('completes what the page lacks', () => {
    const page = samples('vllm:num_requests_running 3', 'vllm:num_requests_waiting 0', 'vllm:generation_tokens_total 9')
    const slow = { ...healthy.latency.inter_token_s, p50: 0.3, p95: 0.4, p99: 0.5 }
    const telemetry = { ...healthy, latency: { ...healthy.latency, inter_token_s: slow } }
    expect(analyzeSamples(telemetry, page).hotspot.kind).toBe('decode')
    // Without it nobody knows the latency.
    expect(analyzeSamples({ ...telemetry, missing: ['latency'] }, page).hotspot.kind).toBe('unknown')
  })

  test('of its own pages is used', () => {
    const pages = [
      { text: recordedPage('0.32.0-saturated-before'), time: '2026-11-27T20:45:40Z' },
      { text: recordedPage('0.32.0-saturated'), time: '2026-11-27T20:45:56Z' },
    ]
    const analysis = analyzeSamples(
      telemetryFromPages(pages, { slo: healthy.slo }),
      recorded('saturated'),
      recorded('saturated-before'),
    )
    expect(analysis.contradictions).toBeUndefined()
    expect(analysis.hotspot.because[0]).toContain('130.0 requests wait on average')
  })
})

describe('a page from before an outage', () => {
  const reason = 'CUDA error: an illegal memory access was encountered'
  const died: Telemetry = { ...healthy, health: { engine_up: false, healthy_workers: 0, stuck_workers: 2, reason } }
  const end = Date.parse(died.window.end)
  const page = (timestamp_ms: number) => recorded('saturated').map((sample) => ({ ...sample, timestamp_ms }))

  test('is judged by itself, and the later outage is noted', () => {
    const { hotspot } = analyzeSamples(died, page(end - 60_000))
    expect(hotspot.kind).toBe('batch_limit')
    expect(hotspot.because.at(-1)).toBe(
      `The engine was up at this page, but it is down at ${died.window.end}. Its last message: ${reason}`,
    )
  })

  test('is that of a dead engine if its time is the end of the window, is not known, or it shows no requests', () => {
    expect(analyzeSamples(died, page(end)).hotspot.kind).toBe('engine_down')
    expect(analyzeSamples(died, recorded('saturated')).hotspot.kind).toBe('engine_down')
    expect(analyzeSamples(died, []).hotspot.kind).toBe('engine_down')
  })

  test('of a built-in scenario has no hotspot of a dead engine', async () => {
    const scenario = 'cuda_ecc_uncorrectable'
    const { samples: now } = await call(fetchPrometheusMetrics, { scenario, page: 2 })
    const { samples: earlier } = await call(fetchPrometheusMetrics, { scenario, page: 1 })
    const { hotspot } = analyzeSamples(telemetryOf(scenario), now, earlier)
    expect(hotspot.kind).not.toBe('engine_down')
    expect(hotspot.because.at(-1)).toContain('The engine was up at this page')
  })
})

describe('the engines of a data-parallel server', () => {
  const engine = (name: number, running: number, waiting: number, usage: number, preempted: number, served: number) => [
    `vllm:num_requests_running{engine="${name}",model_name="m"} ${running}`,
    `vllm:num_requests_waiting{engine="${name}",model_name="m"} ${waiting}`,
    `vllm:kv_cache_usage_perc{engine="${name}",model_name="m"} ${usage}`,
    `vllm:num_preemptions_total{engine="${name}",model_name="m"} ${preempted}`,
    `vllm:generation_tokens_total{engine="${name}",model_name="m"} ${served * 200}`,
    `vllm:request_success_total{engine="${name}",finished_reason="stop",model_name="m"} ${served}`,
  ]

  test('are judged one by one: one of four is full, and the mean usage hides it', () => {
    const page = samples(
      ...engine(0, 128, 310, 1, 900, 540),
      ...engine(1, 0, 0, 0, 0, 600),
      ...engine(2, 1, 0, 0.01, 0, 580),
      ...engine(3, 0, 0, 0, 0, 610),
    )
    const { hotspot, engines = [] } = analyzeSamples(unobserved, page)
    expect(hotspot.kind).toBe('kv_cache')
    expect(hotspot.because[0]).toMatch(/^Engine 0: KV cache usage reached 100.0 %/)
    expect(hotspot.because).toContain(
      'The load is not balanced: engine 0 has 100 % of the requests that are running or waiting now in 4 engines. It served 23 % of the requests that were served.',
    )
    expect(hotspot.because.join(' ')).toContain('engine 2 has 1 running and 0 waiting requests')
    expect(engines.map(({ engine, derived_metrics: { waiting } }) => [engine, waiting])).toEqual([
      ['0', 310],
      ['1', 0],
      ['2', 0],
      ['3', 0],
    ])
    expect(engines.slice(1).map(({ hotspot: { kind } }) => kind)).not.toContain('kv_cache')
  })

  test('an engine that makes no progress is named', () => {
    const page = samples(...engine(0, 3, 0, 0.2, 0, 100), ...engine(1, 4, 9, 0.2, 0, 0))
    const { hotspot } = analyzeSamples(unobserved, page)
    expect(hotspot.kind).toBe('engine_stalled')
    expect(hotspot.because[0]).toMatch(/^Engine 1: 4 requests are running and 9 are waiting/)
  })

  test('one engine has no list of engines', () => {
    expect(analyzeSamples(healthy, recorded('light')).engines).toBeUndefined()
  })
})

describe('families of V1', () => {
  const late = [
    'vllm:num_requests_running{engine="0"} 3',
    'vllm:num_requests_waiting{engine="0"} 12',
    'vllm:kv_cache_usage_perc{engine="0"} 0.1',
    'vllm:generation_tokens_total{engine="0"} 900',
    'vllm:time_to_first_token_seconds_bucket{engine="0",le="10"} 0',
    'vllm:time_to_first_token_seconds_bucket{engine="0",le="20"} 50',
    'vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf"} 50',
    'vllm:time_to_first_token_seconds_count{engine="0"} 50',
    'vllm:time_to_first_token_seconds_sum{engine="0"} 700',
    'vllm:request_queue_time_seconds_count{engine="0"} 50',
    'vllm:request_queue_time_seconds_sum{engine="0"} 600',
    'vllm:e2e_request_latency_seconds_count{engine="0"} 50',
    'vllm:e2e_request_latency_seconds_sum{engine="0"} 800',
  ]
  const reasons = (capacity: number, deferred: number) => [
    `vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} ${capacity}`,
    `vllm:num_requests_waiting_by_reason{engine="0",reason="deferred"} ${deferred}`,
  ]

  test('requests that wait for a KV transfer or LoRA do not show a concurrency cap', () => {
    expect(analyzeSamples(unobserved, samples(...late, ...reasons(12, 0))).hotspot.kind).toBe('batch_limit')
    const { hotspot, derived_metrics } = analyzeSamples(unobserved, samples(...late, ...reasons(0, 12)))
    expect(derived_metrics.waiting_deferred).toBe(12)
    expect(hotspot.kind).toBe('unknown')
    expect(hotspot.because.join(' ')).toContain('12 requests wait for another reason than capacity')
    const connector = [
      'vllm:external_prefix_cache_queries_total{engine="0"} 200',
      'vllm:external_prefix_cache_hits_total{engine="0"} 50',
    ]
    const external = analyzeSamples(unobserved, samples(...late, ...reasons(0, 12), ...connector)).hotspot
    expect(external.because.join(' ')).toContain('The KV connector found 25.0 % of the tokens')
  })

  test('external cache, accepted drafts, finished reasons and rejections are figures', () => {
    const { derived_metrics } = analyzeSamples(
      unobserved,
      samples(
        'vllm:external_prefix_cache_queries_total{engine="0"} 200',
        'vllm:external_prefix_cache_hits_total{engine="0"} 50',
        'vllm:spec_decode_num_draft_tokens_total{engine="0"} 1000',
        'vllm:spec_decode_num_accepted_tokens_total{engine="0"} 120',
        'vllm:request_success_total{engine="0",finished_reason="repetition"} 4',
        'vllm:request_success_total{engine="0",finished_reason="abort"} 3',
        'vllm:request_success_total{engine="0",finished_reason="error"} 2',
        'vllm:admission_rejections_total{reason="max_num_queued_reqs"} 7',
        'vllm:admission_rejections_total{reason="max_num_queued_tokens"} 1',
      ),
    )
    expect(derived_metrics).toMatchObject({
      external_cache_hit_rate: 0.25,
      draft_acceptance_rate: 0.12,
      served: 4,
      aborted: 3,
      errored: 2,
      rejected: 8,
    })
    expect(analyzeSamples(unobserved, samples('up 1')).derived_metrics).toMatchObject({
      external_cache_hit_rate: null,
      draft_acceptance_rate: null,
      aborted: null,
      rejected: null,
    })
  })

  test('slow tokens with few accepted drafts say so', () => {
    const page = samples(
      ...late.slice(0, 4).map((line) => line.replace(' 12', ' 0')),
      'vllm:inter_token_latency_seconds_bucket{le="0.2"} 0',
      'vllm:inter_token_latency_seconds_bucket{le="0.4"} 100',
      'vllm:inter_token_latency_seconds_bucket{le="+Inf"} 100',
      'vllm:spec_decode_num_draft_tokens_total 1000',
      'vllm:spec_decode_num_accepted_tokens_total 120',
    )
    const { hotspot } = analyzeSamples(unobserved, page)
    expect(hotspot.kind).toBe('decode')
    expect(hotspot.because.join(' ')).toContain('12.0 % of the drafted tokens are accepted')
  })

  test.each([
    ['rejected', 'vllm:admission_rejections_total{reason="max_num_queued_reqs"} 40', '40 requests were rejected at'],
    ['failed', 'vllm:request_success_total{finished_reason="error"} 40', '40 ended with an error'],
    ['aborted', 'vllm:request_success_total{finished_reason="abort"} 40', '40 were given up by their clients'],
  ])('%s requests are not overlooked when the others are fast', (_, line, reason) => {
    const page = [
      ...late.slice(0, 4).map((text) => text.replace(' 12', ' 0')),
      'vllm:time_to_first_token_seconds_bucket{le="1"} 50',
      'vllm:time_to_first_token_seconds_bucket{le="+Inf"} 50',
      'vllm:request_success_total{finished_reason="stop"} 20',
      'vllm:request_success_total{finished_reason="length"} 30',
    ]
    const { hotspot } = analyzeSamples(unobserved, samples(...page, line))
    expect(hotspot.kind).toBe('unknown')
    expect(hotspot.because.join(' ')).toContain(reason)
    expect(hotspot.because.join(' ')).toContain('50 were served')
    expect(analyzeSamples(unobserved, samples(...page)).hotspot.kind).toBe('none')
  })
})

describe('an earlier scrape is refused', () => {
  const scrape = (model: string, engine: number, tokens: number) =>
    samples(
      'process_start_time_seconds 1800000000',
      `vllm:generation_tokens_total{engine="${engine}",model_name="${model}"} ${tokens}`,
    )
  const analyze = (earlier_samples: unknown, prometheus_samples: unknown) =>
    call(analyzeMetrics, { pre_telemetry: healthy, prometheus_samples, earlier_samples })

  test('if it is of another server', async () => {
    await expect(analyze(scrape('a', 0, 1), scrape('b', 0, 2))).rejects.toThrow(
      'model_name a, but prometheus_samples has b',
    )
    await expect(analyze(scrape('a', 0, 1), scrape('a', 1, 2))).rejects.toThrow(
      'engine 0, but prometheus_samples has 1',
    )
  })

  test('if it is the later one', async () => {
    await expect(analyze(scrape('a', 0, 9), scrape('a', 0, 2))).rejects.toThrow('Exchange the two')
    const at = (time: number) => samples(`vllm:generation_tokens_total 5 ${time}`)
    await expect(analyze(at(2000), at(1000))).rejects.toThrow('its timestamp is 2000')
    await expect(analyze(at(1000), at(2000))).resolves.toBeDefined()
  })
})

/** Scenarios whose engine is alive at the end, so that it has a page. */
const withPage = listScenarios().filter((id) => {
  const { engine, notObserved } = simulate(loadScenario(id))
  return engine.up && !notObserved.has('engine')
})

test.each(withPage)('the telemetry of %s does not contradict its page', (id) => {
  const { samples: page } = parseMetricsPage(vllmPage(loadScenario(id)))
  expect(analyzeSamples(telemetryOf(id), page).contradictions).toBeUndefined()
})

test.each(withPage)('the page of %s alone gives the hotspot that its telemetry gives', (id) => {
  const scenario = loadScenario(id)
  const page = vllmPage(scenario)
  const pages = [{ text: page, time: telemetryOf(id).window.end }]
  const telemetry = telemetryFromPages(pages, { slo: scenario.slo })
  const { hotspot, contradictions } = analyzeSamples(telemetry, parseMetricsPage(page).samples)
  expect(contradictions).toBeUndefined()
  // One page of an engine that stopped contains the tokens from before: only a second page shows that none follow.
  const expected = id === 'linux_cpu_soft_lockup' ? expect.any(String) : oracleOf(id).hotspot
  expect(hotspot.kind, hotspot.because.join(' ')).toEqual(expected)
})

test.each([
  ['healthy_control', { max_num_seqs: 4 }, 'batch_limit'],
  // Nothing waits at the moment of the scrape.
  ['healthy_control', { max_num_seqs: 8 }, 'batch_limit'],
  ['healthy_control', { enforce_eager: true }, 'none'],
  ['concurrency_cap', { max_num_seqs: 1024 }, 'none'],
  ['kv_cache_pressure', { max_num_seqs: 4 }, 'batch_limit'],
  ['kv_cache_pressure', { gpu_memory_utilization: 0.7 }, 'kv_cache'],
  ['prefill_interference', { max_num_seqs: 4 }, 'batch_limit'],
  ['prefill_interference', { max_num_batched_tokens: 512 }, 'none'],
])('%s with %j: the page alone gives the hotspot that the telemetry gives', (id, args, kind) => {
  const { deployment, ...others } = loadScenario(id)
  const scenario = { ...others, deployment: { ...deployment, engine_args: { ...deployment.engine_args, ...args } } }
  const full = simulateTelemetry(scenario, scenario.deployment, 'pre')
  const page = vllmPage(scenario)
  const alone = telemetryFromPages([{ text: page, time: full.window.end }], { slo: scenario.slo })
  const { samples: metrics } = parseMetricsPage(page)
  expect(analyzeSamples(full, metrics).hotspot.kind).toBe(kind)
  expect(analyzeSamples(alone, metrics).hotspot.kind).toBe(kind)
})

describe('an engine that has stopped', () => {
  const { samples: now } = parseMetricsPage(vllmPage(loadScenario('linux_cpu_soft_lockup')))
  const noWorkers: Telemetry = { ...unobserved, health: { ...unobserved.health, stuck_workers: null } }
  const secondPage = 'One page does not show whether the engine still generates tokens'

  test('is shown by two pages', () => {
    const { hotspot } = analyzeSamples(noWorkers, now, now)
    expect(hotspot.kind).toBe('engine_stalled')
    expect(hotspot.because.join(' ')).not.toContain(secondPage)
  })

  test('is not shown by one page, which says so', () => {
    const { hotspot } = analyzeSamples(noWorkers, now)
    expect(hotspot.kind).toBe('batch_limit')
    expect(hotspot.because.join(' ')).toContain(secondPage)
    // An idle engine has no tokens to generate, and known workers are not stuck.
    expect(analyzeSamples(noWorkers, recorded('idle')).hotspot.because.join(' ')).not.toContain(secondPage)
    expect(analyzeSamples(unobserved, now).hotspot.because.join(' ')).not.toContain(secondPage)
  })

  test('is not an engine that got its first request a moment ago', () => {
    const page = (running: number) =>
      samples(
        `vllm:num_requests_running{engine="0"} ${running}`,
        'vllm:num_requests_waiting{engine="0"} 0',
        'vllm:generation_tokens_total{engine="0"} 900',
      )
    expect(analyzeSamples(noWorkers, page(1), page(0)).hotspot.kind).not.toBe('engine_stalled')
    expect(analyzeSamples(noWorkers, page(1), page(1)).hotspot.kind).toBe('engine_stalled')
  })
})
