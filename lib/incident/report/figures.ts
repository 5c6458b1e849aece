import type { MetricDelta, Telemetry, Validation } from '../../../tools/types.ts'
import { metricDeltas } from '../../../tools/validation/deltas.ts'

/** A figure with its unit, short enough for a table; "–" where there is none. */
export function figure(value: number | null, unit: string): string {
  if (value === null) return '–'
  if (unit === 's' && Math.abs(value) < 1) return `${round(value * 1000)} ms`
  if (unit === 'share') return `${round(value * 100)} %`
  return `${round(value)} ${unit}`.replace(/ (?:1\/s)$/, '/s')
}

/** Three significant digits, whole numbers from 100 on. */
function round(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

export function change({ relative, before, after }: MetricDelta): string {
  if (relative !== null) return `${relative >= 0 ? '+' : '−'}${round(Math.abs(relative) * 100)} %`
  return before !== null && before === after ? '±0' : '–'
}

/** The figures a reader looks for first; the document holds all of them. */
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

/** The headline figures, and every other one that got worse: a fix must not hide its price. */
export function headlineDeltas(deltas: readonly MetricDelta[]): readonly MetricDelta[] {
  const first = headline.flatMap((name) => deltas.find(({ metric }) => metric === name) ?? [])
  const others = deltas.filter((delta) => delta.verdict === 'worse' && !headline.includes(delta.metric))
  return [...first, ...others]
}

/** Why a verdict may stand beside figures that got worse; undefined where none did, and where nothing good was said. */
export function price({ status, deltas }: Validation): string | undefined {
  const worse = deltas.filter(({ verdict }) => verdict === 'worse')
  const [most] = worse.toSorted((a, b) => relativeOf(b) - relativeOf(a))
  if ((status !== 'improved' && status !== 'unchanged') || most === undefined) return undefined
  const figures = worse.length === 1 ? '1 figure is' : `${worse.length} figures are`
  return `The verdict goes by the objective and the requests served; ${figures} worse all the same, most of all ${most.metric} (${change(most)}).`
}

/** What was nothing before has grown beyond every ratio. */
function relativeOf({ relative }: MetricDelta): number {
  return relative === null ? Number.POSITIVE_INFINITY : Math.abs(relative)
}

/** The headline figures of one window. */
export function headlineFigures(telemetry: Telemetry): readonly MetricDelta[] {
  return headlineDeltas(metricDeltas(telemetry, telemetry))
}
