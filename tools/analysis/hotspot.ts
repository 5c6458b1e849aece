import type { MetricsAnalysis, Telemetry } from '../types.ts'

type Figures = MetricsAnalysis['derived_metrics']
type Hotspot = MetricsAnalysis['hotspot']

/** From this share of blocks in use on, the next request or token may find none. */
const kvSaturated = 0.95
/** Below this share KV memory is not what requests wait for. */
const kvPlenty = 0.8
/** Preemptions per served request that mean lasting pressure, not a passing peak. */
const preemptionStorm = 0.05

/**
 * What limits service, by the signs that tell one limit from another: waiting requests with a full KV cache are short of
 * memory; with KV to spare and the batch at its cap, of slots; running requests without tokens, of a living engine.
 * The rules are tried in this order, and the first that holds wins.
 */
export function findHotspot(telemetry: Telemetry, figures: Figures): Hotspot {
  const { queue, slo, latency, kv_cache: kv } = telemetry
  const { running, waiting, preemptions, preemptions_per_served: storm } = figures
  if (!telemetry.health.engine_up) {
    const { reason, stuck_workers: stuck } = telemetry.health
    return {
      kind: 'engine_down',
      because: [
        `The engine is down; its last message: ${reason ?? 'none'}`,
        ...(stuck > 0 ? [`${stuck} workers are stuck in their start.`] : []),
      ],
    }
  }
  if (telemetry.missing !== undefined && telemetry.missing.length > 0) {
    return { kind: 'unknown', because: [`Nobody observed ${telemetry.missing.join(', ')}.`] }
  }
  if (running === null || waiting === null) {
    return { kind: 'unknown', because: ['The samples carry neither running nor waiting requests.'] }
  }
  if (telemetry.health.stuck_workers > 0 || (waiting + running > 0 && figures.generation_tokens_per_s === 0)) {
    return { kind: 'engine_stalled', because: [`${running} requests run and ${waiting} wait, but no tokens come out.`] }
  }
  const usage = Math.max(figures.kv_cache_usage ?? 0, kv.usage_max)
  if (usage >= kvSaturated && (storm ?? 0) >= preemptionStorm) {
    return {
      kind: 'kv_cache',
      because: [
        `KV cache usage reached ${percent(usage)} of ${kv.capacity_tokens} tokens.`,
        `${preemptions} preemptions, ${(storm ?? 0).toFixed(2)} per served request: their tokens were computed again.`,
        `Up to ${queue.waiting_max} requests waited.`,
      ],
    }
  }
  if (
    queue.waiting_mean >= 1 &&
    usage < kvPlenty &&
    queue.running_max > 0 &&
    queue.running_mean >= 0.8 * queue.running_max
  ) {
    return {
      kind: 'concurrency_cap',
      because: [
        `${queue.waiting_mean.toFixed(1)} requests wait on average while KV cache usage never passes ${percent(usage)}.`,
        `Never more than ${queue.running_max} run at once.`,
      ],
    }
  }
  if (usage >= kvSaturated && queue.waiting_mean >= 1) {
    return {
      kind: 'kv_cache',
      because: [
        `KV cache usage reached ${percent(usage)} and ${queue.waiting_mean.toFixed(1)} requests wait on average.`,
      ],
    }
  }
  const { p99, p50 } = latency.inter_token_s
  if (p99 !== null && p50 !== null && p99 > slo.inter_token_p99_s && p99 > 3 * p50) {
    return {
      kind: 'prefill_interference',
      because: [
        `Inter-token latency p99 is ${p99.toFixed(3)} s, ${(p99 / p50).toFixed(1)} times its median: prefill shares the steps of decodes.`,
      ],
    }
  }
  if (p99 !== null && p99 > slo.inter_token_p99_s) {
    return {
      kind: 'decode',
      because: [`Inter-token latency p99 is ${p99.toFixed(3)} s, and the median is high as well.`],
    }
  }
  const explained = (latency.queue_s.mean ?? 0) + (latency.prefill_s.mean ?? 0)
  const ttft = latency.ttft_s
  if (ttft.p95 !== null && ttft.mean !== null && ttft.p95 > slo.ttft_p95_s && ttft.mean > 2 * explained) {
    return {
      kind: 'frontend',
      because: [
        `The first token takes ${ttft.mean.toFixed(2)} s, of which queue and prefill explain ${explained.toFixed(2)} s.`,
      ],
    }
  }
  const met = ttft.p95 === null || ttft.p95 <= slo.ttft_p95_s
  return met
    ? { kind: 'none', because: ['No latency is beyond its objective.'] }
    : { kind: 'unknown', because: ['Latency is beyond its objective, but no figure tells why.'] }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
