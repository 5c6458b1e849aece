// The member `paired` of a telemetry after a fix, in short:
//
//     { "config_id": "kv_cache_pressure/initial", "seeds": [20260217, …], "arrived": [763, …],
//       "before": { "served": [669, …], "failed": [0, …], "cut": [0, …], "ttft_p95_s": [5.62, …], … },
//       "after": { … } }
//
// `tools/simulation/paired-seeds.ts` writes it, and `tools/validation` judges by it.

const count = { type: 'integer', minimum: 0 } as const
const amount = { type: 'number', minimum: 0 } as const
/** Seconds; `null` if no request was observed. */
const seconds = { type: ['number', 'null'], minimum: 0 } as const
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
