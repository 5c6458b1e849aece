import type { MetricsAnalysis, Telemetry } from '../types.ts'

type DerivedMetrics = MetricsAnalysis['derived_metrics']
type Hotspot = MetricsAnalysis['hotspot']

// The thresholds are inferred. The oracles of all scenarios and the tests in tests/tools/analysis hold them.

/** Share of KV blocks in use at which the next request or token may find no free block. */
const kvSaturated = 0.95
/** Share of KV blocks in use below which requests do not wait for KV memory. */
const kvPlenty = 0.8
/** Preemptions per served request that show lasting pressure instead of a short peak. */
const preemptionStorm = 0.05

/**
 * Names what limits service most, with the values that show it.
 *
 * The rules are tried in order, and the first match wins:
 *
 * 1. `engine_down`: the engine is down.
 * 2. `unknown`: data is missing.
 * 3. `engine_stalled`: requests are in the engine, and no token is generated.
 * 4. `kv_cache`: the KV cache is full, and requests are preempted.
 * 5. `concurrency_cap`: requests wait while the cache has room, and the batch stays at its largest size.
 * 6. `kv_cache`: the KV cache is full, and requests wait.
 * 7. `prefill_interference`: some tokens take much longer than most.
 * 8. `decode`: all tokens take too long.
 * 9. `frontend`: the first token takes too long, and queue and prefill do not explain it.
 *
 * Otherwise the kind is `none` if the objective for the first token is met, and `unknown` if not.
 */
export function findHotspot(telemetry: Telemetry, metrics: DerivedMetrics): Hotspot {
  const { queue, slo, latency, kv_cache: kv } = telemetry
  const { running, waiting, preemptions, preemptions_per_served: storm } = metrics
  // A dead engine exposes no metrics, so its health decides.
  if (!telemetry.health.engine_up) {
    const { reason, stuck_workers: stuck } = telemetry.health
    return {
      kind: 'engine_down',
      because: [
        `The engine is down. Its last message: ${reason ?? 'none'}`,
        ...(stuck > 0 ? [`${stuck} workers are stuck in startup.`] : []),
      ],
    }
  }
  // Missing members contain zeros, which would look like an idle engine.
  if (telemetry.missing !== undefined && telemetry.missing.length > 0) {
    return { kind: 'unknown', because: [`Not observed: ${telemetry.missing.join(', ')}.`] }
  }
  if (running === null || waiting === null) {
    return { kind: 'unknown', because: ['The samples do not contain the numbers of running and waiting requests.'] }
  }
  // Requests in the engine without any output: it is alive but makes no progress.
  if (telemetry.health.stuck_workers > 0 || (waiting + running > 0 && metrics.generation_tokens_per_s === 0)) {
    return {
      kind: 'engine_stalled',
      because: [`${running} requests are running and ${waiting} are waiting, but no tokens are generated.`],
    }
  }
  // The page shows the usage of one moment, the telemetry the maximum of the window.
  const usage = Math.max(metrics.kv_cache_usage ?? 0, kv.usage_max)
  if (usage >= kvSaturated && (storm ?? 0) >= preemptionStorm) {
    return {
      kind: 'kv_cache',
      because: [
        `KV cache usage reached ${percent(usage)} of ${kv.capacity_tokens} tokens.`,
        `${preemptions} preemptions, ${(storm ?? 0).toFixed(2)} per served request: their tokens were computed twice.`,
        `Up to ${queue.waiting_max} requests waited.`,
      ],
    }
  }
  // Requests wait although KV blocks are free, and the batch is always near its largest size: its cap is the limit.
  if (
    queue.waiting_mean >= 1 &&
    usage < kvPlenty &&
    queue.running_max > 0 &&
    queue.running_mean >= 0.8 * queue.running_max
  ) {
    return {
      kind: 'concurrency_cap',
      because: [
        `${queue.waiting_mean.toFixed(1)} requests wait on average, although KV cache usage never exceeds ${percent(usage)}.`,
        `At most ${queue.running_max} requests run at the same time.`,
      ],
    }
  }
  // Without preemptions a full cache limits admission.
  if (usage >= kvSaturated && queue.waiting_mean >= 1) {
    return {
      kind: 'kv_cache',
      because: [
        `KV cache usage reached ${percent(usage)} and ${queue.waiting_mean.toFixed(1)} requests wait on average.`,
      ],
    }
  }
  // A high p99 with a low median means that some steps are much longer than others: those that contain prefill.
  const { p99, p50 } = latency.inter_token_s
  if (p99 !== null && p50 !== null && p99 > slo.inter_token_p99_s && p99 > 3 * p50) {
    return {
      kind: 'prefill_interference',
      because: [
        `Inter-token latency p99 is ${p99.toFixed(3)} s, ${(p99 / p50).toFixed(1)} times its median: prefill delays the decode steps.`,
      ],
    }
  }
  // All steps are slow.
  if (p99 !== null && p99 > slo.inter_token_p99_s) {
    return {
      kind: 'decode',
      because: [`Inter-token latency p99 is ${p99.toFixed(3)} s, and the median is high as well.`],
    }
  }
  // Time to first token starts at the API server. If the engine explains less than half, the frontend is slow.
  const explained = (latency.queue_s.mean ?? 0) + (latency.prefill_s.mean ?? 0)
  const ttft = latency.ttft_s
  if (ttft.p95 !== null && ttft.mean !== null && ttft.p95 > slo.ttft_p95_s && ttft.mean > 2 * explained) {
    return {
      kind: 'frontend',
      because: [
        `The first token takes ${ttft.mean.toFixed(2)} s on average; queue and prefill explain only ${explained.toFixed(2)} s of it.`,
      ],
    }
  }
  const met = ttft.p95 === null || ttft.p95 <= slo.ttft_p95_s
  return met
    ? { kind: 'none', because: ['All latencies meet their objectives.'] }
    : { kind: 'unknown', because: ['Latency misses its objective, but no metric shows the cause.'] }
}

/** Formats a share from 0 to 1. */
function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
