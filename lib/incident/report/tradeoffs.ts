import type { MetricDelta, Validation } from '../../../tools/types.ts'
import { formatFigure } from '../../../tools/validation/deltas.ts'
import { metricLabel } from '../../../tools/validation/figure-labels.ts'
import { formatChange } from './figures.ts'
import type { ReportFacts } from './report-schema.ts'

/** Costs of the fix that its figures do not contain, one sentence each. */
export function costsOf({ costs = [] }: Validation): ReportFacts['costs'] {
  return costs.map((cost) => {
    const text = cost.replace(/^Not in the figures: /, '')
    return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
  })
}

/** Every figure that got worse with the fix, those of the users first. */
export function tradeoffsOf({ deltas }: Validation): ReportFacts['tradeoffs'] {
  return deltas
    .filter(({ verdict }) => verdict === 'worse')
    .map((delta) => ({ metric: delta.metric, text: changeText(delta), reason: delta.reason ?? null }))
}

/** A figure before and after: `time to first token p95: 280 ms → 310 ms (+11 %)`. */
function changeText(delta: MetricDelta): string {
  const { metric, before, after, unit } = delta
  const change = delta.relative === null ? '' : ` (${formatChange(delta)})`
  return `${metricLabel(metric)}: ${formatFigure(before, unit)} → ${formatFigure(after, unit)}${change}`
}
