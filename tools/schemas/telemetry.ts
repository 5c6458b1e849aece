import { sloSchema } from '../../fixtures/scenario.ts'
import { predictionSchema } from './prediction.ts'

// A telemetry is what a monitoring system would keep of one window of serving, in short:
//
//     { "scenario": "cpu_starved", "phase": "pre", "config_id": "cpu_starved/initial",
//       "window": { "start": "2026-02-17T14:00:00.000Z", "end": "…", "duration_s": 900 },
//       "slo": { "ttft_p95_s": 4, "inter_token_p99_s": 0.2, "served_ratio": 0.85 },
//       "requests": { "arrived": 2700, "served": 1900, "failed": 0, "unfinished": 800, "preemptions": 412 },
//       "latency": { "ttft_s": { "count": 2100, "mean": 31.2, "p50": 28.4, "p95": 74.9, "p99": 88.1 }, … },
//       "throughput": { … }, "queue": { … }, "kv_cache": { … },
//       "health": { "engine_up": true, "healthy_workers": 1, "stuck_workers": 0 } }
//
// The one before the fix is an input of the run, and the one after it is the result of `collect_post_telemetry`. Both are
// written by `tools/simulation/collect-telemetry.ts`, and `validate_improvement` compares them.

const text = { type: 'string' } as const
const time = { type: 'string', format: 'date-time' } as const
const count = { type: 'integer', minimum: 0 } as const
const amount = { type: 'number', minimum: 0 } as const
/** Seconds; `null` if nothing was observed. */
const seconds = { type: ['number', 'null'], minimum: 0 } as const
// A figure that was not observed is `null`. Pages of a server cannot tell all of them.
const knownCount = { type: ['integer', 'null'], minimum: 0 } as const
const knownAmount = { type: ['number', 'null'], minimum: 0 } as const
/** A share from 0 to 1. */
const knownShare = { type: ['number', 'null'], minimum: 0, maximum: 1 } as const

/**
 * JSON Schema of a latency distribution, in seconds. The statistics are `null` if nothing was observed; so is `count` if
 * nobody counted.
 */
export const latencyStatisticsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['count', 'mean', 'p50', 'p95', 'p99'],
  properties: { count: knownCount, mean: seconds, p50: seconds, p95: seconds, p99: seconds },
} as const

// The member `paired` of a telemetry after a fix, in short:
//
//     { "config_id": "kv_cache_pressure/initial", "seeds": [20260217, …], "arrived": [763, …],
//       "before": { "served": [669, …], "failed": [0, …], "cut": [0, …], "ttft_p95_s": [5.62, …], … },
//       "after": { … } }
//
// `tools/simulation/paired-seeds.ts` writes it, and `tools/validation` judges by it.

/** One element per seed. */
const perSeed = <const Items>(items: Items, description: string) =>
  ({ type: 'array', minItems: 1, maxItems: 16, items, description }) as const

/** The same figures for both configurations. */
const sideSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'served',
    'failed',
    'refused',
    'cut',
    'ttft_p95_s',
    'e2e_p95_s',
    'inter_token_mean_s',
    'stalled_share',
    'stall_excess',
  ],
  properties: {
    served: perSeed(count, 'Requests that got their whole answer.'),
    failed: perSeed(count, 'Requests that were refused, aborted by their clients, or lost by a dead engine.'),
    refused: perSeed(count, 'Requests of these that the engine refused.'),
    cut: perSeed(count, 'Accepted requests whose answer this configuration cuts shorter than the other one.'),
    ttft_p95_s: perSeed(seconds, 'Time to first token; requests without one count with their age.'),
    e2e_p95_s: perSeed(seconds, 'Time to the last token; unfinished requests count with their age.'),
    inter_token_mean_s: perSeed(seconds, 'Mean time between two tokens.'),
    stalled_share: perSeed(
      { type: 'number', minimum: 0, maximum: 1 },
      'Share of streams with a pause longer than the limit on the inter-token time.',
    ),
    stall_excess: perSeed(amount, 'Mean over the streams of ln(longest pause / limit), 0 below the limit.'),
  },
} as const

/** JSON Schema of the same requests served with two configurations, for several seeds of the load. */
export const pairedSeedsSchema = {
  type: 'object',
  description:
    'The same requests with the configuration of the incident (before) and with this one (after); one element per seed ' +
    'of the load, the first is that of the window. Latencies are those of requests that both engines accepted.',
  additionalProperties: false,
  required: ['config_id', 'seeds', 'arrived', 'before', 'after'],
  properties: {
    config_id: { type: 'string', description: 'The configuration before.' },
    seeds: perSeed({ type: 'integer' }, 'Seeds of the load.'),
    arrived: perSeed(count, 'Requests that arrived.'),
    before: sideSchema,
    after: sideSchema,
  },
} as const

/** A telemetry without what compares it with another one. */
const windowTelemetrySchema = {
  type: 'object',
  description:
    'Summary of one observed window: {"$input":"pre_telemetry"} or {"$result":"collect_post_telemetry#/post_telemetry"}.',
  readOnly: true,
  additionalProperties: false,
  required: [
    'scenario',
    'phase',
    'config_id',
    'window',
    'slo',
    'requests',
    'latency',
    'throughput',
    'queue',
    'kv_cache',
    'health',
  ],
  properties: {
    // First, so that nobody reads the figures without it. A list instead of absent members, so that every telemetry has the same shape.
    missing: {
      type: 'array',
      description: 'Members that were not observed. All their figures are null. Absent: none missing.',
      minItems: 1,
      uniqueItems: true,
      items: { enum: ['requests', 'latency', 'throughput', 'queue', 'kv_cache'] },
    },
    scenario: { ...text, description: 'Id of the incident.' },
    phase: { enum: ['pre', 'post'], description: 'Before or after a fix.' },
    config_id: { ...text, description: 'The configuration that served the window.' },
    window: {
      type: 'object',
      additionalProperties: false,
      required: ['start', 'end', 'duration_s'],
      properties: { start: time, end: time, duration_s: { type: 'number', exclusiveMinimum: 0 } },
    },
    slo: { ...sloSchema, description: 'The limits that the window is judged by.' },
    // Checked by `checkTelemetry`: a schema cannot express the sum.
    requests: {
      type: 'object',
      description:
        'Requests of the window: served, failed and unfinished add up to arrived. Unfinished requests were waiting or running when the window closed.',
      additionalProperties: false,
      required: ['arrived', 'served', 'failed', 'unfinished', 'preemptions'],
      properties: {
        arrived: knownCount,
        served: knownCount,
        failed: knownCount,
        unfinished: knownCount,
        preemptions: knownCount,
      },
    },
    latency: {
      type: 'object',
      description: 'Latencies in seconds: time to first token, between tokens, end to end, and by phase of a request.',
      additionalProperties: false,
      required: ['ttft_s', 'inter_token_s', 'e2e_s', 'queue_s', 'prefill_s', 'decode_s'],
      properties: {
        ttft_s: latencyStatisticsSchema,
        inter_token_s: latencyStatisticsSchema,
        e2e_s: latencyStatisticsSchema,
        queue_s: latencyStatisticsSchema,
        prefill_s: latencyStatisticsSchema,
        decode_s: latencyStatisticsSchema,
      },
    },
    throughput: {
      type: 'object',
      description: 'Rates over the window.',
      additionalProperties: false,
      required: ['requests_per_s', 'prompt_tokens_per_s', 'generation_tokens_per_s'],
      properties: {
        requests_per_s: knownAmount,
        prompt_tokens_per_s: knownAmount,
        generation_tokens_per_s: knownAmount,
      },
    },
    queue: {
      type: 'object',
      description: 'Waiting and running requests: mean over time, and maximum.',
      additionalProperties: false,
      required: ['waiting_mean', 'waiting_max', 'running_mean', 'running_max'],
      properties: {
        waiting_mean: knownAmount,
        waiting_max: knownAmount,
        running_mean: knownAmount,
        running_max: knownAmount,
      },
    },
    kv_cache: {
      type: 'object',
      description: 'Size of the KV cache, and the share of its blocks in use (0 to 1).',
      additionalProperties: false,
      required: ['capacity_tokens', 'usage_mean', 'usage_max'],
      properties: { capacity_tokens: knownAmount, usage_mean: knownShare, usage_max: knownShare },
    },
    engines: {
      type: 'array',
      description:
        'The engines of a data-parallel deployment one by one; kv_usage_max is a share of the blocks. The other members are those of all engines. Absent: one engine.',
      minItems: 2,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['engine', 'served', 'preemptions', 'running_mean', 'waiting_mean', 'kv_usage_max'],
        properties: {
          engine: { ...text, description: 'Its data-parallel rank, as the label engine of the metrics.' },
          served: count,
          preemptions: count,
          running_mean: amount,
          waiting_mean: amount,
          kv_usage_max: { type: 'number', minimum: 0, maximum: 1 },
        },
      },
    },
    // The only member that is observed even if the engine exposes no metrics.
    health: {
      type: 'object',
      description: 'The engine and its workers when the window closed.',
      additionalProperties: false,
      required: ['engine_up', 'healthy_workers', 'stuck_workers'],
      properties: {
        engine_up: { type: 'boolean' },
        healthy_workers: knownCount,
        stuck_workers: knownCount,
        reason: { ...text, description: 'Last message of an engine that is down.' },
        restarts: {
          type: 'integer',
          minimum: 1,
          description:
            'Restarts between the metrics pages. The figures are those after the last one. Absent: none known.',
        },
        no_progress_s: {
          type: 'number',
          exclusiveMinimum: 0,
          description:
            'Time between metrics pages in which no token was generated although each page has requests in the engine, in seconds. Absent: none known.',
        },
      },
    },
    // Not in `missing`: the figures are there, but they are those of an engine without these arguments.
    ignored_arguments: {
      type: 'array',
      description: 'Engine arguments whose effect the simulation does not show. Absent: none.',
      minItems: 1,
      uniqueItems: true,
      items: text,
    },
    notes: {
      type: 'array',
      description: 'What the figures do not cover, one sentence each. Absent: nothing to note.',
      minItems: 1,
      items: text,
    },
  },
} as const

/**
 * JSON Schema of a telemetry document: one observed window of serving, summarised. Logs and metrics pages are separate.
 *
 * `readOnly` shortens what the model is shown: it refers to a telemetry and never writes one, so the members are left
 * out of the advertised schema.
 */
export const telemetrySchema = {
  ...windowTelemetrySchema,
  properties: {
    ...windowTelemetrySchema.properties,
    // Only after a fix. `validate_improvement` sees nothing but the two telemetries, so this one carries the comparison.
    paired: pairedSeedsSchema,
    costs: {
      type: 'array',
      description:
        'What the change costs that the figures do not contain, one sentence each. Absent: nothing is known.',
      minItems: 1,
      items: text,
    },
    // A page has no simulated figures, so a prediction is compared with the simulation of the observed time.
    base: {
      ...windowTelemetrySchema,
      description: 'Only if the load was inferred from pages: the same simulation without the change.',
    },
    prediction: predictionSchema,
  },
} as const
