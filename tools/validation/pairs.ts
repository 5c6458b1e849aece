import { MismatchError } from '../errors.ts'
import type { PairedSeeds, Telemetry } from '../types.ts'

/** The figures of one configuration, one element per seed. */
export type PairedSide = PairedSeeds['before']

/**
 * The figures that a verdict compares: those of the same requests for several seeds if the telemetry after the fix
 * contains them for this telemetry before, otherwise those of the two windows alone.
 */
export function pairsOf(before: Telemetry, after: Telemetry): PairedSeeds {
  const { paired } = after
  if (paired !== undefined && paired.config_id === before.config_id && isWindowOf(paired.before, before)) return paired
  return {
    config_id: before.config_id,
    seeds: [0],
    arrived: [before.requests.arrived],
    before: windowAlone(before),
    after: windowAlone(after),
  }
}

/**
 * Checks that the paired figures of a telemetry have one element per seed, the first of which is its own window.
 *
 * @throws {MismatchError} otherwise.
 */
export function checkPaired(field: string, telemetry: Telemetry): void {
  const { paired } = telemetry
  if (paired === undefined) return
  const { config_id: _, seeds, arrived, before, after } = paired
  for (const [name, column] of Object.entries({ arrived, ...before, ...after })) {
    if (column.length === seeds.length) continue
    throw new MismatchError(
      `${field}.paired.${name} has ${column.length} elements, but paired.seeds has ${seeds.length}. Pass the telemetry unchanged.`,
    )
  }
  if (isWindowOf(after, telemetry) && arrived[0] === telemetry.requests.arrived) return
  throw new MismatchError(
    `${field}.requests contradicts ${field}.paired.after, whose first element is the same window. Pass the telemetry unchanged.`,
  )
}

/** Whether the first seed is that of a window. */
function isWindowOf({ served, failed }: PairedSide, { requests }: Telemetry): boolean {
  return served[0] === requests.served && failed[0] === requests.failed
}

/** The figures of a window whose requests are not known. */
function windowAlone({ requests, latency, slo }: Telemetry): PairedSide {
  const p99 = latency.inter_token_s.p99
  return {
    served: [requests.served],
    failed: [requests.failed],
    cut: [0],
    ttft_p95_s: [latency.ttft_s.p95],
    e2e_p95_s: [latency.e2e_s.p95],
    inter_token_mean_s: [latency.inter_token_s.mean],
    stalled_share: [0],
    stall_excess: [p99 === null ? 0 : Math.max(0, Math.log(p99 / slo.inter_token_p99_s))],
  }
}
