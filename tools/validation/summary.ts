import type { MetricDelta, PairedSeeds, Telemetry } from '../types.ts'
import type { CountedTelemetry } from '../unobserved.ts'
import { formatFigure, largestWorsening } from './deltas.ts'
import { metricLabel } from './figure-labels.ts'
import { missedOverSeeds } from './judge.ts'
import { missedObjectives } from './objectives.ts'
import { medianOf } from './pairs.ts'
import { ratiosText } from './predicted-ratios.ts'

/** Everything that a summary is made of. */
interface Judged {
  /** Why the status is what it is. */
  readonly reason: string
  /** The window before the fix. */
  readonly before: CountedTelemetry
  /** The window after the fix. */
  readonly after: CountedTelemetry
  /** The figures that decided. */
  readonly pairs: PairedSeeds
  /** All metrics before and after. */
  readonly deltas: readonly MetricDelta[]
  /** Costs of the change and limits of the verdict, one sentence each. */
  readonly notes: readonly string[]
}

/**
 * The verdict in a few sentences: the reason, objectives that are newly missed, the main metrics, the largest worsening,
 * the same requests over the seeds, and what the change costs.
 */
export function summaryOf({ reason, before, after, pairs, deltas, notes }: Judged): string {
  const newlyMissed = newlyMissedObjectives(before, after, pairs)
  const worst = largestWorsening(deltas)
  return [
    reason,
    ...(newlyMissed.length === 0 ? [] : [`Newly missed: ${newlyMissed.join(', ')}.`]),
    ...engineTrouble(after),
    mainMetrics(before, after),
    ...(worst === undefined ? [] : [`Largest worsening: ${metricLabel(worst.metric)} ${arrow(worst)}.`]),
    ...overSeeds(pairs, after),
    ...predicted(after),
    ...notes,
  ].join(' ')
}

/** Objectives that were met before and are missed now, in this window or over the seeds. */
function newlyMissedObjectives(before: CountedTelemetry, after: CountedTelemetry, pairs: PairedSeeds): string[] {
  const newly = (from: readonly string[], to: readonly string[]) => to.filter((objective) => !from.includes(objective))
  const inWindow = newly(missedObjectives(before), missedObjectives(after))
  const overSeeds = newly(
    missedOverSeeds(pairs.before, pairs, before.slo),
    missedOverSeeds(pairs.after, pairs, after.slo),
  )
  return [...inWindow, ...newly(inWindow, overSeeds).map((objective) => `${objective} over the seeds`)]
}

/** An engine that does not work at the end of the window, which the other figures can hide. */
function engineTrouble({ health }: Telemetry): string[] {
  if (!health.engine_up) return ['The engine is down at the end of the window.']
  return health.stuck_workers === 0 ? [] : ['Workers are stuck at the end of the window.']
}

/** The metrics that decide, before and after. A latency that was measured in neither window is left out. */
export function mainMetrics(before: CountedTelemetry, after: CountedTelemetry): string {
  const latency = (label: string, from: number | null, to: number | null) => {
    const [first, last] = [from, to].map((value) => (value === null ? 'not measured' : formatFigure(value, 's')))
    return from === null && to === null ? [] : [`${label} ${first} → ${last}`]
  }
  // For an incident of files both sides are simulated: the figures of its pages are in its telemetry.
  const served = after.prediction === undefined ? 'Served' : 'Simulated for the load of the pages: served'
  const metrics = [
    `${served} ${before.requests.served} → ${after.requests.served} of ${after.requests.arrived}`,
    ...latency('time to first token p95', before.latency.ttft_s.p95, after.latency.ttft_s.p95),
    ...latency('inter-token p99', before.latency.inter_token_s.p99, after.latency.inter_token_s.p99),
    `preemptions ${before.requests.preemptions ?? 'not counted'} → ${after.requests.preemptions ?? 'not counted'}`,
  ]
  return `${metrics.join('; ')}.${fewSurvivors(before, after)}`
}

/** Latencies of a service that fails are those of the requests that got through, and say little about the service. */
function fewSurvivors({ requests: { served, arrived } }: CountedTelemetry, after: CountedTelemetry): string {
  if (served === 0 || served >= arrived / 2 || after.requests.served <= served) return ''
  return ` The latencies before are those of the ${formatFigure(served, 'requests')} that got through.`
}

/** The same requests: lost ones of all seeds, and medians over the seeds. Nothing for one window alone. */
function overSeeds({ seeds, arrived, before, after }: PairedSeeds, { slo }: Telemetry): string[] {
  if (seeds.length === 1) return []
  const compared = (label: string, unit: string, from: readonly (number | null)[], to: readonly (number | null)[]) =>
    `${label} ${[from, to].map((values) => formatFigure(medianOf(values), unit)).join(' → ')}`
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  // Of all seeds together: a median would hide what happens on few of them.
  const lost = ({ failed, cut }: PairedSeeds['before']) => [(sum(failed) + sum(cut)) / sum(arrived)]
  const figures = [
    compared('refused, failed or cut', 'share', lost(before), lost(after)),
    compared('time to first token p95', 's', before.ttft_p95_s, after.ttft_p95_s),
    compared(
      `streams with a pause above ${formatFigure(slo.inter_token_p99_s, 's')}`,
      'share',
      before.stalled_share,
      after.stalled_share,
    ),
  ]
  return [`The same requests over ${seeds.length} seeds of the load: ${figures.join('; ')}.`]
}

/** The predicted ratios with their bands; nothing if the load is known. */
function predicted({ prediction }: Telemetry): string[] {
  if (prediction === undefined) return []
  return [`Predicted, with the band of all draws: ${ratiosText(prediction.ratios)}.`]
}

function arrow({ before, after, unit }: MetricDelta): string {
  return `${formatFigure(before, unit)} → ${formatFigure(after, unit)}`
}
