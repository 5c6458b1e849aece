// The result of `analyze_metrics`, in short:
//
//     { "latency_breakdown": { "queue": { "mean_s": 12.1, "share": 0.62 }, "prefill": …, "decode": …, "other": … },
//       "derived_metrics": { "ttft_p95_s": "> 80", "running": 24, "waiting": 60, "kv_cache_usage": 0.99, … },
//       "hotspot": { "kind": "kv_cache", "because": ["KV cache usage reached 99.2 % of 117360 tokens.", …] },
//       "estimates": ["ttft_p95_s: the histogram shows above 80 s.", …] }
//
// `tools/analysis/analyze-samples.ts` computes the first two members from the metrics page. The rules for the hotspot are in
// `tools/analysis/hotspot.ts`.

/** `null` if the samples do not contain the metric. */
const metric = { type: ['number', 'null'] } as const
const quantile = {
  type: ['number', 'string', 'null'],
  description: 'Seconds; a string such as "> 80" if the quantile is beyond the last finite bucket.',
} as const
/** One phase of a request. */
const phase = {
  type: 'object',
  additionalProperties: false,
  required: ['mean_s', 'share'],
  properties: {
    mean_s: { ...metric, description: 'Mean seconds per request.' },
    share: { ...metric, description: 'Share of the end-to-end time, 0 to 1.' },
  },
} as const

/** Figures of a page or of one of its engines. */
const derivedMetrics = {
  type: 'object',
  additionalProperties: false,
  required: [
    'ttft_p95_s',
    'inter_token_p99_s',
    'e2e_p95_s',
    'queue_mean_s',
    'running',
    'waiting',
    'waiting_deferred',
    'kv_cache_usage',
    'kv_cache_tokens',
    'preemptions',
    'preemptions_per_served',
    'recomputed_tokens_at_most',
    'mean_batch',
    'prompt_tokens_per_s',
    'generation_tokens',
    'generation_tokens_per_s',
    'prefix_cache_hit_rate',
    'external_cache_hit_rate',
    'kv_transfer_mean_s',
    'draft_acceptance_rate',
    'served',
    'aborted',
    'errored',
    'rejected',
  ],
  properties: {
    // The two percentiles that a service level objective limits.
    ttft_p95_s: quantile,
    inter_token_p99_s: quantile,
    e2e_p95_s: quantile,
    queue_mean_s: metric,
    // Gauges: the moment of the scrape, not a mean over the window.
    running: metric,
    waiting: metric,
    waiting_deferred: {
      ...metric,
      description: 'Waiting requests that could not be admitted for another reason than capacity: LoRA, KV transfer.',
    },
    kv_cache_usage: { ...metric, description: 'Share of KV blocks in use, 0 to 1.' },
    kv_cache_tokens: { ...metric, description: 'Tokens that the KV cache holds.' },
    // Counters: since the start of the process, or since the earlier page.
    preemptions: metric,
    preemptions_per_served: metric,
    recomputed_tokens_at_most: {
      ...metric,
      description: 'Preemptions by the mean tokens of a request. With prefix caching fewer tokens were computed again.',
    },
    mean_batch: { ...metric, description: 'Output tokens per engine step.' },
    prompt_tokens_per_s: metric,
    generation_tokens: metric,
    generation_tokens_per_s: metric,
    prefix_cache_hit_rate: { ...metric, description: 'Share of prompt tokens found in the prefix cache, 0 to 1.' },
    external_cache_hit_rate: { ...metric, description: 'Share of tokens found through a KV connector, 0 to 1.' },
    kv_transfer_mean_s: { ...metric, description: 'Mean time of a transfer of KV blocks through NIXL.' },
    draft_acceptance_rate: { ...metric, description: 'Share of drafted tokens that were accepted, 0 to 1.' },
    served: { ...metric, description: 'Requests that ended with stop, length or repetition.' },
    aborted: { ...metric, description: 'Requests that their clients gave up.' },
    errored: { ...metric, description: 'Requests that ended with an error.' },
    rejected: { ...metric, description: 'Requests that a queue limit rejected (HTTP 503).' },
  },
} as const

/** The main limit of the service. */
const hotspot = {
  type: 'object',
  description: 'What limits service most.',
  additionalProperties: false,
  required: ['kind', 'because'],
  properties: {
    // One word per rule of `findHotspot`. The responder and the oracles use the same words.
    kind: {
      enum: [
        // The KV cache is full: requests wait for blocks or are preempted.
        'kv_cache',
        // The batch is at its cap although KV blocks are free.
        'batch_limit',
        // Requests wait for KV blocks of a prefill engine.
        'kv_transfer',
        // Prefill delays the decode steps of running requests.
        'long_prefills',
        // The engine is down.
        'engine_down',
        // The engine is alive but makes no progress.
        'engine_stalled',
        // Time is lost before the engine.
        'frontend',
        // Every step is slow.
        'decode',
        // All latencies meet their objectives.
        'none',
        // Data is missing, or no rule matches.
        'unknown',
      ],
    },
    because: {
      type: 'array',
      items: { type: 'string' },
      description: 'The values that led to the kind, one sentence each.',
    },
  },
} as const

/** JSON Schema of the result of `analyze_metrics`. A value that the samples do not contain is `null`. */
export const metricsAnalysisSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['latency_breakdown', 'derived_metrics', 'hotspot'],
  properties: {
    latency_breakdown: {
      type: 'object',
      description: 'Where the time of a request goes; other is time outside the engine.',
      additionalProperties: false,
      required: ['queue', 'prefill', 'decode', 'other'],
      properties: { queue: phase, prefill: phase, decode: phase, other: phase },
    },
    derived_metrics: derivedMetrics,
    hotspot,
    estimates: {
      type: 'array',
      description:
        'For each quantile of derived_metrics the range that its buckets show, and the figure of pre_telemetry if it differs. Absent: no quantiles.',
      minItems: 1,
      items: { type: 'string' },
    },
    engines: {
      type: 'array',
      description: 'The engines of a data-parallel server, each judged by its own figures. Absent: one engine.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['engine', 'derived_metrics', 'hotspot'],
        properties: {
          engine: { type: 'string', description: 'Value of its label "engine".' },
          derived_metrics: derivedMetrics,
          hotspot,
        },
      },
    },
    contradictions: {
      type: 'array',
      description: 'Where pre_telemetry and the page cannot both be true; the telemetry is not used. Absent: nowhere.',
      minItems: 1,
      items: { type: 'string' },
    },
  },
} as const
