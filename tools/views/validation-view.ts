import type { MetricDelta, Telemetry, Validation } from '../types.ts'
import { formatFigure } from '../validation/deltas.ts'

/**
 * The view of a validation for the model: the verdict, the objectives, and the figures that changed, with three digits.
 * Costs, limits and predicted ratios are in the summary. The complete list stays in the value.
 */
export function validationView({ status, summary, deltas }: Validation, after: Telemetry): object {
  const shown = deltas.filter((delta) => !isRepeated(delta, deltas))
  const changed = (verdict: MetricDelta['verdict']) => byFamily(shown.filter((delta) => delta.verdict === verdict))
  const figures = {
    better: changed('better'),
    worse: changed('worse'),
    not_comparable: byReason(deltas.filter(({ comparable }) => comparable === false)),
    within_objective: byReason(deltas.filter(({ verdict, reason }) => verdict === 'same' && reason !== undefined)),
  }
  if (deltas.length === 0) return { status, summary }
  return {
    status,
    summary,
    objectives: objectives(deltas, after),
    ...Object.fromEntries(Object.entries(figures).filter(([, found]) => Object.keys(found).length > 0)),
    not_shown: `Figures without a change or a direction, and p50 and p99 next to mean and p95. ${deltas.length} figures were compared.`,
  }
}

/** The objectives with their limits, for example `time to first token p95 26.3 s → 103 ms, limit 2 s: met`. */
function objectives(deltas: readonly MetricDelta[], { slo, requests: { arrived } }: Telemetry): string[] {
  const valuesOf = (name: string, divisor = 1) => {
    const { before = null, after = null } = deltas.find(({ metric }) => metric === name) ?? {}
    const scaled = (value: number | null) => (value === null ? null : value / divisor)
    return { before: scaled(before), after: scaled(after) }
  }
  const text = (label: string, values: { before: number | null; after: number | null }, limit: number) => {
    const { after } = values
    const unit = label.startsWith('share') ? 'share' : 's'
    const isMet = after !== null && (unit === 's' ? after <= limit : after >= limit)
    const met = after === null ? 'not known' : isMet ? 'met' : 'missed'
    return `${label} ${arrow({ ...values, unit })}, objective ${unit === 's' ? 'up to' : 'from'} ${formatFigure(limit, unit)}: ${met}`
  }
  return [
    text('time to first token p95', valuesOf('latency.ttft_s.p95'), slo.ttft_p95_s),
    text('inter-token p99', valuesOf('latency.inter_token_s.p99'), slo.inter_token_p99_s),
    ...(arrived === null || arrived === 0
      ? []
      : [text('share of served requests', valuesOf('requests.served', arrived), slo.served_ratio)]),
  ]
}

/** Metrics by family, so that its name is written once: `{ "latency.ttft_s": "mean 8.5 s → 58.8 ms; p95 …" }`. */
function byFamily(deltas: readonly MetricDelta[]): { [family: string]: string } {
  const families: { [family: string]: string } = {}
  for (const delta of deltas) {
    const family = familyOf(delta.metric)
    const text = `${delta.metric.slice(family.length + 1)} ${arrow(delta)}`
    families[family] = families[family] === undefined ? text : `${families[family]}; ${text}`
  }
  return families
}

/** Names of figures whose verdict has a reason, by reason; `latency.ttft_s.*` for several of a family. */
function byReason(deltas: readonly MetricDelta[]): { [reason: string]: string } {
  const reasons = [...new Set(deltas.map(({ reason = '' }) => reason))]
  return Object.fromEntries(
    reasons.map((reason) => {
      const names = deltas.filter((delta) => delta.reason === reason).map(({ metric }) => metric)
      const isAlone = (name: string) => names.filter((other) => familyOf(other) === familyOf(name)).length === 1
      return [reason, [...new Set(names.map((name) => (isAlone(name) ? name : `${familyOf(name)}.*`)))].join(', ')]
    }),
  )
}

function familyOf(metric: string): string {
  return metric.slice(0, metric.lastIndexOf('.'))
}

/** Whether a figure says nothing that the mean and the p95 of its latency do not say. */
function isRepeated({ metric, verdict }: MetricDelta, deltas: readonly MetricDelta[]): boolean {
  return (
    /\.(p50|p99)$/.test(metric) &&
    ['mean', 'p95'].every((name) =>
      deltas.some((other) => other.metric === `${familyOf(metric)}.${name}` && other.verdict === verdict),
    )
  )
}

function arrow({ before, after, unit }: Pick<MetricDelta, 'before' | 'after' | 'unit'>): string {
  return `${formatFigure(before, unit)} → ${formatFigure(after, unit)}`
}
