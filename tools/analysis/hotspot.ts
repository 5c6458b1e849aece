import type { MetricsAnalysis, Telemetry } from '../types.ts'
import { formatFigure } from '../validation/deltas.ts'
import type { Figures } from './figures.ts'

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
 * 2. `unknown`: the page has no requests.
 * 3. `engine_stalled`: requests are in the engine, also at the earlier page, and no token is generated.
 * 4. `kv_cache`: requests are preempted.
 * 5. `kv_transfer`: first tokens are late because requests wait for KV blocks of a prefill engine.
 * 6. `batch_limit`: requests wait while the cache has room, and the batch stays at its largest size.
 * 7. `kv_cache`: the KV cache is full, and requests wait.
 * 8. `long_prefills`: some tokens take much longer than most.
 * 9. `decode`: all tokens take too long.
 * 10. `frontend`: the first token takes too long, and queue and prefill do not explain it.
 *
 * Otherwise the kind is `none` if the objective for the first token is met and the engine did not restart, and `unknown` if
 * not.
 *
 * @param telemetry for the objectives and the health of the engine. All other values come from `figures`.
 */
export function findHotspot(telemetry: Telemetry, figures: Figures): Hotspot {
  // A dead engine exposes no metrics, so its health decides.
  if (!telemetry.health.engine_up) return down(telemetry)
  const { running, waiting } = figures.metrics
  if (running === null || waiting === null) {
    const { missing = [] } = telemetry
    const lacking = 'The samples do not contain the numbers of running and waiting requests.'
    return { kind: 'unknown', because: [missing.length === 0 ? lacking : `Not observed: ${missing.join(', ')}.`] }
  }
  // Requests in the engine without any output: it is alive but makes no progress.
  const isStuck = (telemetry.health.stuck_workers ?? 0) > 0
  // An engine that was idle at the earlier page may have got its first request a moment ago.
  const isBusy = waiting + running > 0 && figures.earlierRequests !== 0
  const pause = waiting + running > 0 ? telemetry.health.no_progress_s : undefined
  if (isStuck || pause !== undefined || (isBusy && figures.metrics.generation_tokens === 0)) {
    return {
      kind: 'engine_stalled',
      because: [
        `${running} requests are running and ${waiting} are waiting, but no tokens are generated${pause === undefined ? '' : `: none in the ${pause} s between the pages`}.`,
      ],
    }
  }
  const found =
    preemptions(figures) ??
    slowTransfers(figures, telemetry.slo) ??
    concurrencyCap(figures, telemetry.slo, { running, waiting }) ??
    fullCache(figures, waiting) ??
    slowTokens(figures, telemetry.slo) ??
    lateFirstTokens(figures, telemetry.slo)
  const { restarts } = telemetry.health
  if (restarts === undefined) return found
  // A fresh process has no past. What its pages show does not explain why the earlier one ended.
  const because = [restartText(restarts), ...found.because]
  return { kind: found.kind === 'none' ? 'unknown' : found.kind, because }
}

function restartText(restarts: number): string {
  const times = restarts === 1 ? '' : `${restarts} times `
  return `The engine restarted ${times}between the pages; the figures cover only the time after it.`
}

/**
 * A sentence about an outage that began after a page; `undefined` if the engine is up, or was down at that page already.
 *
 * @param pageMs time of a page on which the engine answered, in Unix milliseconds; `undefined` if it is not known.
 */
export function laterOutage({ health, window }: Telemetry, pageMs: number | undefined): string | undefined {
  if (health.engine_up || pageMs === undefined || pageMs >= Date.parse(window.end)) return undefined
  return `The engine was up at this page, but it is down at ${window.end}. ${lastMessage(health)}`
}

function lastMessage({ reason = 'none' }: Telemetry['health']): string {
  return `Its last message: ${reason}`
}

function down({ health }: Telemetry): Hotspot {
  const stuck = health.stuck_workers ?? 0
  return {
    kind: 'engine_down',
    because: [
      `The engine is down. ${lastMessage(health)}`,
      ...(stuck > 0 ? [`${stuck} workers are stuck in startup.`] : []),
    ],
  }
}

/**
 * vLLM preempts a request for one reason: there is no free KV block. A preemption frees all blocks of a request, so that
 * the usage at a scrape is often lower, and the number of preemptions decides.
 */
function preemptions({ metrics, usage, capacityTokens, waitingMax, windowPreemptions }: Figures): Hotspot | undefined {
  // The counter of the page covers the life of the process: preemptions before the window are over.
  if (windowPreemptions === 0) return undefined
  const { preemptions: count, preemptions_per_served: perServed, served, running } = metrics
  if (count === null || count < 2) return undefined
  // A window in which nothing was served has requests that run.
  const storm = perServed ?? count / Math.max(1, (served ?? 0) + (running ?? 0))
  if (storm < preemptionStorm) return undefined
  const size = capacityTokens === null ? 'the KV cache' : `${capacityTokens} tokens`
  const tokens = metrics.recomputed_tokens_at_most
  const again = tokens === null ? '' : `, at most ${tokens} tokens`
  return {
    kind: 'kv_cache',
    because: [
      ...(usage === null ? [] : [`KV cache usage reached ${percent(usage)} of ${size}.`]),
      `${count} preemptions, ${storm.toFixed(2)} per ${perServed === null ? 'running' : 'served'} request: their tokens were computed twice${again}.`,
      ...(waitingMax === null ? [] : [`Up to ${waitingMax} requests waited.`]),
    ],
  }
}

/**
 * Requests of a decode engine wait for their KV blocks (`WAITING_FOR_REMOTE_KVS`). They hold blocks and count as waiting, so
 * this comes before the rules for a full cache and a full batch.
 */
function slowTransfers({ metrics, ttft }: Figures, slo: Telemetry['slo']): Hotspot | undefined {
  const { kv_transfer_mean_s: transfer, waiting, waiting_deferred: deferred } = metrics
  if (ttft.p95 === null || ttft.p95 <= slo.ttft_p95_s || transfer === null) return undefined
  const isMostOfIt = ttft.mean !== null && transfer >= 0.5 * ttft.mean
  const isBlocked = transfer > slo.ttft_p95_s && deferred !== null && waiting !== null && deferred > 0.5 * waiting
  if (!isMostOfIt && !isBlocked) return undefined
  return {
    kind: 'kv_transfer',
    because: [
      `A transfer of KV blocks takes ${transfer.toFixed(2)} s on average; the first token takes ${(ttft.mean ?? 0).toFixed(2)} s.`,
      ...(deferred === null || waiting === null
        ? []
        : [`${deferred} of ${waiting} waiting requests are deferred, for another reason than capacity.`]),
    ],
  }
}

/** Requests wait although KV blocks are free: the size of the batch is the limit. */
function concurrencyCap(
  figures: Figures,
  slo: Telemetry['slo'],
  now: { readonly running: number; readonly waiting: number },
): Hotspot | undefined {
  const { queue, usage } = figures
  if (usage !== null && usage >= kvPlenty) return undefined
  // With figures of the window: the batch is always near its largest size.
  if (queue !== null && usage !== null) {
    const isFull = queue.runningMax > 0 && queue.running >= 0.8 * queue.runningMax
    if (queue.waiting >= 1 && isFull) {
      return {
        kind: 'batch_limit',
        because: [
          `${queue.waiting.toFixed(1)} requests wait on average, although KV cache usage never exceeds ${percent(usage)}.`,
          `At most ${queue.runningMax} requests run at the same time.`,
        ],
      }
    }
  }
  return capByPage(figures, slo, now)
}

/** With the page alone: first tokens are late, and requests spend most of the time to them in the queue. */
function capByPage(
  { queue, usage, metrics, ttft, queueMean, batchUsage }: Figures,
  slo: Telemetry['slo'],
  { running, waiting }: { readonly running: number; readonly waiting: number },
): Hotspot | undefined {
  const isLate = ttft.p95 !== null && ttft.p95 > slo.ttft_p95_s
  const share = queueMean === null || !ttft.mean ? null : queueMean / ttft.mean
  const isQueued = share !== null && share >= 0.5
  const queued = `Requests spend ${(queueMean ?? 0).toFixed(2)} s in the queue on average; the first token takes ${(ttft.mean ?? 0).toFixed(2)} s.`
  const deferred = metrics.waiting_deferred ?? 0
  const forCapacity = waiting - deferred
  // Without latencies, only a queue that is longer than the batch shows more than a short burst.
  const isLimited = ttft.p95 === null ? forCapacity >= running : isLate && (share === null || isQueued)
  if (queue === null && forCapacity >= 1 && running > 0 && usage !== null && isLimited) {
    return {
      kind: 'batch_limit',
      because: [
        `${forCapacity} requests wait, although KV cache usage is ${percent(usage)}.`,
        `${running} requests run at the same time.`,
        ...(isQueued ? [queued] : []),
      ],
    }
  }
  // The queue was empty at the scrape. A small batch of short requests leaves the cache empty.
  const batch = metrics.mean_batch
  if (!isLate || !isQueued || deferred > 0 || batch === null || batchUsage === null || batchUsage >= kvPlenty) {
    return undefined
  }
  return {
    kind: 'batch_limit',
    because: [
      queued,
      `A step serves ${batch.toFixed(1)} requests on average, which need about ${percent(batchUsage)} of the KV cache.`,
    ],
  }
}

/** Without preemptions a full cache limits admission. */
function fullCache({ usage, queue }: Figures, waitingNow: number): Hotspot | undefined {
  const waiting = queue?.waiting ?? waitingNow
  if (usage === null || usage < kvSaturated || waiting < 1) return undefined
  const average = queue === null ? 'requests wait' : 'requests wait on average'
  return {
    kind: 'kv_cache',
    because: [`KV cache usage reached ${percent(usage)} and ${waiting.toFixed(1)} ${average}.`],
  }
}

function slowTokens({ interToken: { p50, p99 }, metrics }: Figures, slo: Telemetry['slo']): Hotspot | undefined {
  if (p99 === null || p99 <= slo.inter_token_p99_s) return undefined
  // A high p99 with a low median means that some steps are much longer than others: those that contain prefill.
  if (p50 !== null && p99 > 3 * p50) {
    return {
      kind: 'long_prefills',
      because: [
        `Inter-token latency p99 is ${formatFigure(p99, 's')}, ${(p99 / p50).toFixed(1)} times its median: prefill delays the decode steps.`,
      ],
    }
  }
  const accepted = metrics.draft_acceptance_rate
  return {
    kind: 'decode',
    because: [
      `Inter-token latency p99 is ${formatFigure(p99, 's')}, and the median is high as well.`,
      ...(accepted === null ? [] : [`Speculative decoding: ${percent(accepted)} of the drafted tokens are accepted.`]),
    ],
  }
}

function lateFirstTokens(figures: Figures, slo: Telemetry['slo']): Hotspot {
  const { ttft, metrics, firstTokens } = figures
  // Time to first token starts at the API server. If the engine explains less than half, the frontend is slow.
  const explained = (figures.queueMean ?? 0) + (figures.prefillMean ?? 0)
  if (ttft.p95 !== null && ttft.mean !== null && ttft.p95 > slo.ttft_p95_s && ttft.mean > 2 * explained) {
    return {
      kind: 'frontend',
      because: [
        `The first token takes ${ttft.mean.toFixed(2)} s on average; queue and prefill explain only ${explained.toFixed(2)} s of it.`,
      ],
    }
  }
  const { served, aborted, errored, rejected, waiting_deferred: deferred, external_cache_hit_rate: external } = metrics
  const lost = (aborted ?? 0) + (errored ?? 0) + (rejected ?? 0)
  const lostText = `${rejected ?? 0} requests were rejected at admission, ${errored ?? 0} ended with an error and ${aborted ?? 0} were given up by their clients; ${served ?? 0} were served.`
  if (ttft.p95 !== null && ttft.p95 > slo.ttft_p95_s) {
    const connector =
      external === null ? '' : ` The KV connector found ${percent(external)} of the tokens that it looked up.`
    const deferredText = `${deferred ?? 0} requests wait for another reason than capacity, such as a KV transfer or LoRA.${connector}`
    return {
      kind: 'unknown',
      because: [
        'Latency misses its objective, but no metric shows the cause.',
        ...((deferred ?? 0) > 0 ? [deferredText] : []),
        ...(lost > 0 ? [lostText] : []),
      ],
    }
  }
  if (lost > 0 && served !== null && served / (served + lost) < slo.served_ratio) {
    return { kind: 'unknown', because: [lostText] }
  }
  if (ttft.p95 === null && firstTokens !== 0) {
    return { kind: 'unknown', because: ['The time to the first token was not observed.'] }
  }
  if (firstTokens === 0)
    return { kind: 'none', because: ['No request got its first token, and nothing limits service.'] }
  return { kind: 'none', because: ['All latencies meet their objectives.'] }
}

/** Formats a share from 0 to 1. */
function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
