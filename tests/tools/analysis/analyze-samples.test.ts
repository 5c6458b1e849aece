import { expect, test } from 'vitest'
import { analyzeSamples } from '../../../tools/analysis/analyze-samples.ts'
import { parseMetricsPage } from '../../../tools/index.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import type { Telemetry } from '../../../tools/types.ts'

const healthy = telemetryOf('healthy_control')
const samples = (...lines: string[]) => parseMetricsPage(`${lines.join('\n')}\n`).samples
const state = ['vllm:num_requests_running 3', 'vllm:num_requests_waiting 0', 'vllm:generation_tokens_total 900']

function histogram(name: string, counts: readonly [upper: string, cumulative: number][], sum: number): string[] {
  const buckets = counts.map(([upper, cumulative]) => `vllm:${name}_bucket{le="${upper}"} ${cumulative}`)
  return [...buckets, `vllm:${name}_count ${counts.at(-1)?.[1]}`, `vllm:${name}_sum ${sum}`]
}

test('a page with the metric names of V0 is understood', () => {
  const { derived_metrics: derived, latency_breakdown: breakdown } = analyzeSamples(
    healthy,
    samples(
      'vllm:num_requests_running{model_name="m"} 4',
      'vllm:num_requests_waiting{model_name="m"} 2',
      'vllm:num_requests_swapped{model_name="m"} 3',
      'vllm:gpu_cache_usage_perc{model_name="m"} 0.5',
      'vllm:gpu_prefix_cache_hit_rate{model_name="m"} 0.25',
      ...histogram(
        'time_per_output_token_seconds',
        [
          ['0.1', 90],
          ['2.5', 99],
          ['+Inf', 100],
        ],
        20,
      ),
      ...histogram(
        'time_in_queue_requests',
        [
          ['1', 10],
          ['+Inf', 10],
        ],
        4,
      ),
    ),
  )
  expect(derived).toMatchObject({ running: 4, waiting: 5, kv_cache_usage: 0.5, prefix_cache_hit_rate: 0.25 })
  expect(derived).toMatchObject({ inter_token_p99_s: 2.5, queue_mean_s: 0.4 })
  expect(breakdown.queue).toEqual({ mean_s: 0.4, share: null })
  expect(
    analyzeSamples(healthy, samples('vllm:gpu_prefix_cache_hit_rate -1')).derived_metrics.prefix_cache_hit_rate,
  ).toBeNull()
})

test('if a page has a name of V0 and of V1, only the newer one counts', () => {
  const { derived_metrics } = analyzeSamples(
    healthy,
    samples('vllm:gpu_cache_usage_perc 0.9', 'vllm:kv_cache_usage_perc 0.4'),
  )
  expect(derived_metrics.kv_cache_usage).toBe(0.4)
})

test('engines are summed and their cache usage is averaged, as in vLLM', () => {
  const engines = ['0', '1'].flatMap((engine) => [
    `vllm:num_requests_running{engine="${engine}"} 3`,
    `vllm:kv_cache_usage_perc{engine="${engine}"} 0.${engine}`,
    `vllm:prefix_cache_queries_total{engine="${engine}"} 50`,
    `vllm:prefix_cache_hits_total{engine="${engine}"} 10`,
  ])
  const { derived_metrics } = analyzeSamples(healthy, samples(...engines))
  expect(derived_metrics).toMatchObject({ running: 6, kv_cache_usage: 0.05, prefix_cache_hit_rate: 0.2 })
})

test('a quantile above the last finite bucket is a lower limit', () => {
  const page = samples(
    ...histogram(
      'time_to_first_token_seconds',
      [
        ['1', 5],
        ['80', 6],
        ['+Inf', 100],
      ],
      9000,
    ),
  )
  expect(analyzeSamples(healthy, page).derived_metrics.ttft_p95_s).toBe('> 80')
})

test('two scrapes give the changes and rates between them', () => {
  const scrape = (tokens: number, time: number) =>
    samples(`vllm:generation_tokens_total ${tokens} ${time}`, `vllm:num_preemptions_total 7 ${time}`)
  const between = analyzeSamples(healthy, scrape(1600, 60_000), scrape(1000, 30_000)).derived_metrics
  expect(between).toMatchObject({ generation_tokens_per_s: 20, preemptions: 0 })
  const restarted = analyzeSamples(healthy, scrape(300, 60_000), scrape(1000, 30_000)).derived_metrics
  expect(restarted).toMatchObject({ generation_tokens_per_s: 10, preemptions: 7 })
})

test("time that no phase of the engine explains is the frontend's", () => {
  const phases = (e2e: number) =>
    samples(
      ...histogram('e2e_request_latency_seconds', [['+Inf', 10]], e2e),
      ...histogram('request_queue_time_seconds', [['+Inf', 10]], 10),
      ...histogram('request_prefill_time_seconds', [['+Inf', 10]], 20),
      ...histogram('request_decode_time_seconds', [['+Inf', 10]], 30),
    )
  expect(analyzeSamples(healthy, phases(100)).latency_breakdown).toMatchObject({
    queue: { mean_s: 1, share: 0.1 },
    decode: { mean_s: 3, share: 0.3 },
    other: { mean_s: 4, share: 0.4 },
  })
})

const changed = (changes: { [K in keyof Telemetry]?: Partial<Telemetry[K]> }): Telemetry => ({
  ...healthy,
  queue: { ...healthy.queue, ...changes.queue },
  kv_cache: { ...healthy.kv_cache, ...changes.kv_cache },
  latency: { ...healthy.latency, ...changes.latency },
  health: { ...healthy.health, ...changes.health },
})
const tokens = healthy.latency.inter_token_s
const slowFirst = { ...healthy.latency.ttft_s, mean: 9, p95: 20, p99: 30 }

test.each<[string, Telemetry, string[], string]>([
  ['all is well', healthy, state, 'none'],
  ['the page lacks running and waiting requests', healthy, ['vllm:generation_tokens_total 1'], 'unknown'],
  ['the engine is dead', changed({ health: { engine_up: false, reason: 'x' } }), state, 'engine_down'],
  ['workers are stuck', changed({ health: { stuck_workers: 4 } }), state, 'engine_stalled'],
  [
    'requests run and no tokens are generated',
    healthy,
    [...state.slice(0, 2), 'vllm:generation_tokens_total 0'],
    'engine_stalled',
  ],
  [
    'a full cache and preemptions',
    changed({ kv_cache: { usage_max: 0.99 } }),
    [...state, 'vllm:num_preemptions_total 50', 'vllm:request_success_total{finished_reason="stop"} 100'],
    'kv_cache',
  ],
  [
    'a full cache and a queue',
    changed({ kv_cache: { usage_max: 0.99 }, queue: { waiting_mean: 9 } }),
    state,
    'kv_cache',
  ],
  [
    'a queue with an empty cache and the batch at its cap',
    changed({ queue: { waiting_mean: 9, running_mean: 7.9, running_max: 8 } }),
    state,
    'batch_limit',
  ],
  [
    'requests wait for KV blocks of a prefill engine, and the cache is full',
    changed({
      kv_cache: { usage_max: 0.99 },
      queue: { waiting_mean: 9, running_mean: 7.9, running_max: 8 },
      latency: { ttft_s: slowFirst },
    }),
    [
      ...state,
      'vllm:num_requests_waiting_by_reason{reason="capacity"} 2',
      'vllm:num_requests_waiting_by_reason{reason="deferred"} 7',
      'vllm:nixl_xfer_time_seconds_bucket{le="+Inf"} 10',
      'vllm:nixl_xfer_time_seconds_count 10',
      'vllm:nixl_xfer_time_seconds_sum 80',
    ],
    'kv_transfer',
  ],
  [
    'tokens come in bursts',
    changed({ latency: { inter_token_s: { ...tokens, p50: 0.02, p95: 0.3, p99: 0.5 } } }),
    state,
    'long_prefills',
  ],
  [
    'every token is slow',
    changed({ latency: { inter_token_s: { ...tokens, p50: 0.3, p95: 0.4, p99: 0.5 } } }),
    state,
    'decode',
  ],
  ['first tokens are late, and no phase explains it', changed({ latency: { ttft_s: slowFirst } }), state, 'frontend'],
])('%s', (_, telemetry, page, kind) => {
  const { hotspot } = analyzeSamples(telemetry, samples(...page))
  expect(hotspot.kind, hotspot.because.join(' ')).toBe(kind)
  expect(hotspot.because.length).toBeGreaterThan(0)
})
