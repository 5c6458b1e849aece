import { Distribution } from '../simulation/distribution.ts'
import type { SimulatedWindow } from '../simulation/window.ts'

/** The part of the page writer that {@link writeNixlMetrics} uses. */
interface NixlWriter {
  readonly since: (version: string) => boolean
  readonly counter: (name: string, help: string, value: number) => void
  readonly histogram: (name: string, help: string, limits: readonly number[], observations: Distribution) => void
}

/**
 * Writes the families of the NIXL connector of a decode engine, as `nixl/stats.py` of each version declares them. Every GPU
 * counts its own part of a transfer. Each layer has one descriptor for the keys of a block and one for its values.
 */
export function writeNixlMetrics(
  { since, counter, histogram }: NixlWriter,
  { transfers, settings }: SimulatedWindow,
): void {
  if (transfers === undefined) return
  const { finished, bytesPerTokenOfRank, layers } = transfers
  const perGpu = (value: (transfer: (typeof finished)[number]) => number) => {
    const observations = new Distribution()
    for (const transfer of finished) observations.add(value(transfer), settings.tensorParallelSize)
    return observations
  }
  const duration = 'Histogram of transfer duration for NIXL KV Cache transfers.'
  histogram(
    'nixl_xfer_time_seconds',
    duration,
    timeBuckets.slice(1),
    perGpu(({ startS, endS }) => endS - startS),
  )
  const posting = 'Histogram of transfer post time for NIXL KV Cache transfers.'
  histogram(
    'nixl_post_time_seconds',
    posting,
    timeBuckets,
    perGpu(() => postS),
  )
  histogram(
    'nixl_bytes_transferred',
    'Histogram of bytes transferred per NIXL KV Cache transfers.',
    byteBuckets,
    perGpu(({ tokens }) => tokens * bytesPerTokenOfRank),
  )
  histogram(
    'nixl_num_descriptors',
    'Histogram of number of descriptors per NIXL  KV Cache transfers.',
    descriptorBuckets,
    perGpu(({ tokens }) => 2 * layers * Math.ceil(tokens / settings.blockSize)),
  )
  // Transfers do not fail in the simulation, and the prefill engine counts those that expire.
  const failures = since('0.31.0')
    ? ', including handshake and notification failures. NOTE: KV expiry is tracked separately in vllm:nixl_num_kv_expired_reqs.'
    : '.'
  counter('nixl_num_failed_transfers', `Number of failed NIXL KV Cache transfers${failures}`, 0)
  const notified = since('0.31.0')
    ? ' Retained for compatibility; these failures are also included in vllm:nixl_num_failed_transfers.'
    : ''
  counter('nixl_num_failed_notifications', `Number of failed NIXL KV Cache notifications.${notified}`, 0)
  const expired = 'Number of requests that had their KV expire. NOTE: This metric is tracked on the P instance.'
  counter('nixl_num_kv_expired_reqs', expired, 0)
  if (!since('0.32.0')) return
  const late =
    'Number of completion notifications for requests that were no longer tracked, usually because their KV lease expired. The KV blocks may have been reused before the transfer finished. Counted per notification (one per remote rank), not per request.'
  counter('nixl_num_notifications_after_expiry', late, 0)
}

/** Time to post the descriptors of a transfer, in seconds. An assumption: it depends on their number, and no source has it. */
const postS = 0.004
// Limits of the buckets without `+Inf`.
const timeBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 5]
const byteBuckets = Array.from({ length: 12 }, (_, index) => 2 ** (11 + 2 * index))
const descriptorBuckets = [10, 20, 30, 50, 75, 100, 200, 400, 1000, 2000, 4000, 10_000, 20_000, 50_000]
