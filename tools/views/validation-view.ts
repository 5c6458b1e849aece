import type { MetricDelta, Telemetry, Validation } from '../types.ts'
import { formatFigure } from '../validation/deltas.ts'
import { type Objective, objectivesOf } from '../validation/objectives.ts'

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

/** Metrics of the figures that objectives limit. */
const limitedMetric: Readonly<Record<Objective['name'], string>> = {
  'time to first token p95': 'latency.ttft_s.p95',
  'inter-token p99': 'latency.inter_token_s.p99',
  'share of served requests': 'requests.served',
}

/** The objectives with their limits, for example `time to first token p95 26.3 s → 103 ms, objective up to 2 s: met`. */
function objectives(deltas: readonly MetricDelta[], after: Telemetry): string[] {
  return objectivesOf(after).flatMap(({ name, unit, limit, state }) => {
    const { arrived } = after.requests
    const divisor = unit === 's' ? 1 : arrived
    if (divisor === null || divisor === 0) return []
    const { before = null, after: last = null } = deltas.find(({ metric }) => metric === limitedMetric[name]) ?? {}
    const scaled = (value: number | null) => (value === null ? null : value / divisor)
    const change = arrow({ before: scaled(before), after: scaled(last), unit })
    const range = unit === 's' ? 'up to' : 'from'
    return [
      `${name} ${change}, objective ${range} ${formatFigure(limit, unit)}: ${state === 'unknown' ? 'not known' : state}`,
    ]
  })
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
