import type { MetricDelta, Telemetry, Validation } from '../../../tools/types.ts'
import { metricDeltas } from '../../../tools/validation/deltas.ts'

// Figures as the report and the terminal show them. The JSON report has all of them, unrounded.

/** A figure with its unit, short enough for a table: `250 ms`, `97 %`, `1.5 requests/s`. `–` for `null`. */
export function formatFigure(value: number | null, unit: string): string {
  if (value === null) return '–'
  if (unit === 's' && Math.abs(value) < 1) return `${round(value * 1000)} ms`
  if (unit === 'share') return `${round(value * 100)} %`
  return `${round(value)} ${unit}`.replace(/ (?:1\/s)$/, '/s')
}

/** Three significant digits; whole numbers from 100. */
function round(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

/** The relative change of a figure: `+50 %`, `−50 %`. `±0` if nothing changed, `–` without a ratio. */
export function formatChange({ relative, before, after }: MetricDelta): string {
  if (relative !== null) return `${relative >= 0 ? '+' : '−'}${round(Math.abs(relative) * 100)} %`
  return before !== null && before === after ? '±0' : '–'
}

/** The figures that a reader looks for first. */
const headline = [
  'latency.ttft_s.p95',
  'latency.inter_token_s.p99',
  'latency.e2e_s.p95',
  'latency.queue_s.mean',
  'requests.served',
  'requests.failed',
  'requests.unfinished',
  'requests.preemptions',
  'throughput.generation_tokens_per_s',
  'kv_cache.usage_mean',
]

/** The headline figures and every other figure that got worse, so that the report never hides a tradeoff. */
export function headlineDeltas(deltas: readonly MetricDelta[]): readonly MetricDelta[] {
  const first = headline.flatMap((name) => deltas.find(({ metric }) => metric === name) ?? [])
  const others = deltas.filter((delta) => delta.verdict === 'worse' && !headline.includes(delta.metric))
  return [...first, ...others]
}

/** The headline figures of one window. */
export function headlineFigures(telemetry: Telemetry): readonly MetricDelta[] {
  return headlineDeltas(metricDeltas(telemetry, telemetry))
}

/**
 * A sentence about the figures that got worse although the status is `improved` or `unchanged`.
 *
 * @returns `undefined` for any other status, and if no figure got worse.
 */
export function tradeoffNote({ status, deltas }: Validation): string | undefined {
  const worse = deltas.filter(({ verdict }) => verdict === 'worse')
  const [most] = worse.toSorted((a, b) => growthOf(b) - growthOf(a))
  if ((status !== 'improved' && status !== 'unchanged') || most === undefined) return undefined
  const figures = worse.length === 1 ? '1 figure' : `${worse.length} figures`
  const [before, after] = [most.before, most.after].map((value) => formatFigure(value, most.unit))
  const growth = most.relative === null ? `${before} → ${after}` : formatChange(most)
  return (
    `The status depends on the objective and on the requests served. ${figures} still got worse, ` +
    `${most.metric} the most (${growth}).`
  )
}

/** A figure that was 0 before has no ratio. It counts as the largest growth. */
function growthOf({ relative }: MetricDelta): number {
  return relative === null ? Number.POSITIVE_INFINITY : Math.abs(relative)
}
