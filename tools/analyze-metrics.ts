import { defineTool } from '../router/tool.ts'
import { analyze } from './analysis/analyze.ts'
import { pureAnnotations, samplesSchema } from './schemas/common.ts'
import { telemetrySchema } from './schemas/telemetry.ts'
import { checkTelemetry } from './validation/check-telemetry.ts'

const figure = { type: ['number', 'null'] } as const
const quantile = {
  type: ['number', 'string', 'null'],
  description: 'A text such as "> 80" beyond the last bucket.',
} as const
const phase = {
  type: 'object',
  additionalProperties: false,
  required: ['mean_s', 'share'],
  properties: { mean_s: figure, share: { ...figure, description: 'Share of the end-to-end time, 0 to 1.' } },
} as const

/** Breaks latency down and names what limits service; it throws `MismatchError` for a telemetry that contradicts itself. */
export const analyzeMetrics = defineTool({
  name: 'analyze_metrics',
  title: 'Analyse metrics',
  description:
    'Computes where request time goes (queue, prefill, decode, other), quantiles and rates from vLLM metric samples, and ' +
    'names the hotspot with the figures that led to it. Samples are cumulative; give earlier_samples to analyse only what ' +
    'happened between two scrapes.',
  inputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['pre_telemetry', 'prometheus_samples'],
    properties: {
      pre_telemetry: telemetrySchema,
      prometheus_samples: { ...samplesSchema, description: '{"$result":"fetch_prometheus_metrics#/samples"}.' },
      earlier_samples: { ...samplesSchema, description: 'An earlier scrape of the same engine.' },
    },
  },
  outputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['latency_breakdown', 'derived_metrics', 'hotspot'],
    properties: {
      latency_breakdown: {
        type: 'object',
        additionalProperties: false,
        required: ['queue', 'prefill', 'decode', 'other'],
        properties: { queue: phase, prefill: phase, decode: phase, other: phase },
      },
      derived_metrics: {
        type: 'object',
        additionalProperties: false,
        required: [
          'ttft_p95_s',
          'inter_token_p99_s',
          'e2e_p95_s',
          'queue_mean_s',
          'running',
          'waiting',
          'kv_cache_usage',
          'preemptions',
          'preemptions_per_served',
          'prompt_tokens_per_s',
          'generation_tokens_per_s',
          'prefix_cache_hit_rate',
          'served',
        ],
        properties: {
          ttft_p95_s: quantile,
          inter_token_p99_s: quantile,
          e2e_p95_s: quantile,
          queue_mean_s: figure,
          running: figure,
          waiting: figure,
          kv_cache_usage: figure,
          preemptions: figure,
          preemptions_per_served: figure,
          prompt_tokens_per_s: figure,
          generation_tokens_per_s: figure,
          prefix_cache_hit_rate: figure,
          served: figure,
        },
      },
      hotspot: {
        type: 'object',
        additionalProperties: false,
        required: ['kind', 'because'],
        properties: {
          kind: {
            enum: [
              'kv_cache',
              'concurrency_cap',
              'prefill_interference',
              'engine_down',
              'engine_stalled',
              'frontend',
              'decode',
              'none',
              'unknown',
            ],
          },
          because: { type: 'array', items: { type: 'string' } },
        },
      },
    },
  },
  annotations: pureAnnotations,
  execute: ({ pre_telemetry, prometheus_samples, earlier_samples }) => {
    checkTelemetry('pre_telemetry', pre_telemetry)
    return analyze(pre_telemetry, prometheus_samples, earlier_samples)
  },
})
