import type { Telemetry } from './types.ts'

/** The members of a telemetry that `missing` can name. */
export type ObservedMember = NonNullable<Telemetry['missing']>[number]

/** A telemetry that counts its requests. */
export type CountedTelemetry = Telemetry & {
  readonly requests: Readonly<Record<'arrived' | 'served' | 'failed' | 'unfinished', number>>
}

/** Whether a telemetry counts its requests: a window without these counts cannot be judged. */
export function countsRequests(telemetry: Telemetry): telemetry is CountedTelemetry {
  const { arrived, served, failed, unfinished } = telemetry.requests
  return arrived !== null && served !== null && failed !== null && unfinished !== null
}

/** A telemetry whose missing members have no figures. Others may still write 0 into members that `missing` names. */
export function withoutMissingFigures(telemetry: Telemetry): Telemetry {
  const { missing = [] } = telemetry
  if (missing.length === 0) return telemetry
  const none = unobservedFigures()
  const has = (member: ObservedMember) => !missing.includes(member)
  return {
    ...telemetry,
    requests: has('requests') ? telemetry.requests : none.requests,
    latency: has('latency') ? telemetry.latency : none.latency,
    throughput: has('throughput') ? telemetry.throughput : none.throughput,
    queue: has('queue') ? telemetry.queue : none.queue,
    kv_cache: has('kv_cache') ? telemetry.kv_cache : none.kv_cache,
  }
}

/** The members of a telemetry that nobody observed: all their figures are `null`. */
export function unobservedFigures(): Pick<Telemetry, ObservedMember | 'missing'> {
  const none = { count: null, mean: null, p50: null, p95: null, p99: null }
  return {
    missing: ['requests', 'latency', 'throughput', 'queue', 'kv_cache'],
    requests: { arrived: null, served: null, failed: null, unfinished: null, preemptions: null },
    latency: { ttft_s: none, inter_token_s: none, e2e_s: none, queue_s: none, prefill_s: none, decode_s: none },
    throughput: { requests_per_s: null, prompt_tokens_per_s: null, generation_tokens_per_s: null },
    queue: { waiting_mean: null, waiting_max: null, running_mean: null, running_max: null },
    kv_cache: { capacity_tokens: null, usage_mean: null, usage_max: null },
  }
}
