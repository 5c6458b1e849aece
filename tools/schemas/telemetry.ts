const count = { type: 'integer', minimum: 0 } as const
const amount = { type: 'number', minimum: 0 } as const
const seconds = { type: ['number', 'null'], minimum: 0 } as const
const share = { type: 'number', minimum: 0, maximum: 1 } as const
const distribution = {
  type: 'object',
  additionalProperties: false,
  required: ['count', 'mean', 'p50', 'p95', 'p99'],
  properties: { count, mean: seconds, p50: seconds, p95: seconds, p99: seconds },
} as const

/** JSON Schema of {@link Telemetry}. */
export const telemetrySchema = {
  type: 'object',
  description:
    'One observed window of serving, summed up: {"$input":"pre_telemetry"} or {"$result":"collect_post_telemetry#/post_telemetry"}.',
  readOnly: true, // written by tools, not by the model: advertised without its members
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
    scenario: { type: 'string' },
    phase: { enum: ['pre', 'post'] },
    config_id: { type: 'string' },
    window: {
      type: 'object',
      additionalProperties: false,
      required: ['start', 'end', 'duration_s'],
      properties: {
        start: { type: 'string', format: 'date-time' },
        end: { type: 'string', format: 'date-time' },
        duration_s: { type: 'number', exclusiveMinimum: 0 },
      },
    },
    slo: {
      type: 'object',
      additionalProperties: false,
      required: ['ttft_p95_s', 'inter_token_p99_s', 'served_ratio'],
      properties: {
        ttft_p95_s: { type: 'number', exclusiveMinimum: 0 },
        inter_token_p99_s: { type: 'number', exclusiveMinimum: 0 },
        served_ratio: share,
      },
    },
    requests: {
      type: 'object',
      additionalProperties: false,
      required: ['arrived', 'served', 'failed', 'unfinished', 'preemptions'],
      properties: { arrived: count, served: count, failed: count, unfinished: count, preemptions: count },
    },
    latency: {
      type: 'object',
      description: 'Seconds.',
      additionalProperties: false,
      required: ['ttft_s', 'inter_token_s', 'e2e_s', 'queue_s', 'prefill_s', 'decode_s'],
      properties: {
        ttft_s: distribution,
        inter_token_s: distribution,
        e2e_s: distribution,
        queue_s: distribution,
        prefill_s: distribution,
        decode_s: distribution,
      },
    },
    throughput: {
      type: 'object',
      additionalProperties: false,
      required: ['requests_per_s', 'prompt_tokens_per_s', 'generation_tokens_per_s'],
      properties: { requests_per_s: amount, prompt_tokens_per_s: amount, generation_tokens_per_s: amount },
    },
    queue: {
      type: 'object',
      additionalProperties: false,
      required: ['waiting_mean', 'waiting_max', 'running_mean', 'running_max'],
      properties: { waiting_mean: amount, waiting_max: amount, running_mean: amount, running_max: amount },
    },
    kv_cache: {
      type: 'object',
      additionalProperties: false,
      required: ['capacity_tokens', 'usage_mean', 'usage_max'],
      properties: { capacity_tokens: amount, usage_mean: share, usage_max: share },
    },
    health: {
      type: 'object',
      additionalProperties: false,
      required: ['engine_up', 'healthy_workers', 'stuck_workers'],
      properties: {
        engine_up: { type: 'boolean' },
        healthy_workers: count,
        stuck_workers: count,
        reason: { type: 'string', description: 'Last message of an engine that is down.' },
      },
    },
    missing: {
      type: 'array',
      description: 'Members that nobody observed: what stands in them means nothing.',
      minItems: 1,
      uniqueItems: true,
      items: { enum: ['requests', 'latency', 'throughput', 'queue', 'kv_cache'] },
    },
  },
} as const
