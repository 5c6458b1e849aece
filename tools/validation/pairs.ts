import { MismatchError } from '../errors.ts'
import type { PairedSeeds, Telemetry } from '../types.ts'
import type { CountedTelemetry } from '../unobserved.ts'

/** The figures of one configuration, one element per seed. */
export type PairedSide = PairedSeeds['before']

/**
 * The figures that a verdict compares: those of the same requests for several seeds if the telemetry after the fix
 * contains them for this telemetry before, otherwise those of the two windows alone.
 */
export function pairsOf(before: CountedTelemetry, after: CountedTelemetry): PairedSeeds {
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
 * Checks the paired figures of a telemetry: one element per seed, the first of which is its own window; every seed once;
 * and no more requests than arrived.
 *
 * @throws {MismatchError} otherwise.
 */
export function checkPaired(field: string, telemetry: Telemetry): void {
  const { paired } = telemetry
  if (paired === undefined) return
  const { config_id: _, seeds, arrived, before, after } = paired
  const check = (isRight: boolean, problem: string) => {
    if (!isRight) throw new MismatchError(`${field}.${problem}. Pass the telemetry unchanged.`)
  }
  // The members of both sides have the same names.
  for (const columns of [{ arrived }, before, after]) {
    for (const [name, column] of Object.entries(columns)) {
      check(
        column.length === seeds.length,
        `paired.${name} has ${column.length} elements, but paired.seeds has ${seeds.length}`,
      )
    }
  }
  check(new Set(seeds).size === seeds.length, 'paired.seeds contains a seed twice')
  for (const [seed, count] of arrived.entries()) {
    for (const [name, side] of Object.entries({ before, after })) {
      const total = (side.served[seed] ?? 0) + (side.failed[seed] ?? 0)
      check(total <= count, `paired.${name} has ${total} served and failed requests, but paired.arrived is ${count}`)
      check(
        (side.refused[seed] ?? 0) <= (side.failed[seed] ?? 0),
        `paired.${name} has ${side.refused[seed]} refused requests, but only ${side.failed[seed]} failed`,
      )
      check((side.cut[seed] ?? 0) <= count, `paired.${name}.cut is ${side.cut[seed]}, but paired.arrived is ${count}`)
    }
  }
  check(
    isWindowOf(after, telemetry) && arrived[0] === telemetry.requests.arrived,
    `requests contradicts ${field}.paired.after, whose first element is the same window`,
  )
}

/** Whether the first seed is that of a window. */
function isWindowOf({ served, failed }: PairedSide, { requests }: Telemetry): boolean {
  return served[0] === requests.served && failed[0] === requests.failed
}

/** The figures of a window whose requests are not known. */
function windowAlone({ requests, latency, slo }: CountedTelemetry): PairedSide {
  const p99 = latency.inter_token_s.p99
  return {
    served: [requests.served],
    failed: [requests.failed],
    refused: [0],
    cut: [0],
    ttft_p95_s: [latency.ttft_s.p95],
    e2e_p95_s: [latency.e2e_s.p95],
    inter_token_mean_s: [latency.inter_token_s.mean],
    stalled_share: [0],
    stall_excess: [p99 === null ? 0 : Math.max(0, Math.log(p99 / slo.inter_token_p99_s))],
  }
}

/** The change of one figure over the seeds of a comparison. */
export interface Effect {
  /** Median over the seeds. */
  readonly size: number
  /** Whether the sign holds: see {@link effectOf}. */
  readonly holds: boolean
}

/**
 * The effect that a change has on a figure.
 *
 * Its sign holds if at least 80 % of the seeds have the sign of the median: 7 of 8, 8 of 10. With less agreement another
 * draw of the same load could show the opposite, so the change counts as no effect. One window alone always holds. As in
 * the usual sign test, seeds without any change do not count: an engine that dies on most seeds can survive the others.
 * The median is 0 then if they are the majority.
 *
 * @param changes after minus before, one per seed; at least one.
 */
export function effectOf(changes: readonly number[]): Effect {
  const size = median(changes)
  const changed = changes.filter((change) => change !== 0)
  const agreeing = changed.filter((change) => Math.sign(change) === Math.sign(size)).length
  return { size, holds: size !== 0 && agreeing >= Math.ceil(0.8 * changed.length) }
}

/** Median; the mean of the middle two of an even number. 0 without values. */
export function median(values: readonly number[]): number {
  const ordered = values.toSorted((a, b) => a - b)
  const middle = ordered.length / 2
  return ((ordered[Math.ceil(middle) - 1] ?? 0) + (ordered[Math.floor(middle)] ?? 0)) / 2
}

/** The median of what was observed; `null` if nothing was. */
export function medianOf(values: readonly (number | null)[]): number | null {
  const observed = values.filter((value) => value !== null)
  return observed.length === 0 ? null : median(observed)
}
