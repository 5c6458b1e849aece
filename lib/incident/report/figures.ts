import type { MetricDelta, Telemetry, Validation } from '../../../tools/types.ts'
import { formatFigure, metricDeltas, roundFigure } from '../../../tools/validation/deltas.ts'
import { metricLabel } from '../../../tools/validation/figure-labels.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import type { ReportFacts } from './report-schema.ts'

// Figures as the report and the terminal show them. The JSON report has all of them, unrounded.

/** The relative change of a figure: `+50 %`, `−50 %`. `±0` if nothing changed, `–` without a ratio. */
export function formatChange({ relative, before, after }: MetricDelta): string {
  if (before !== null && before === after) return '±0'
  return relative === null ? '–' : `${relative > 0 ? '+' : '−'}${roundFigure(Math.abs(relative) * 100)} %`
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

/**
 * The headline figures and every other figure that got worse, so that the report never hides a tradeoff. A figure that was
 * measured neither before nor after is left out.
 */
export function headlineDeltas(deltas: readonly MetricDelta[]): readonly MetricDelta[] {
  const measured = deltas.filter(({ before, after }) => before !== null || after !== null)
  const first = headline.flatMap((name) => measured.find(({ metric }) => metric === name) ?? [])
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
  const effect =
    worse.length === 1
      ? '1 other figure got worse; it does not change the status:'
      : `${worse.length} other figures got worse; they do not change the status. Largest:`
  const [before, after] = [most.before, most.after].map((value) => formatFigure(value, most.unit))
  const growth = most.relative === null ? `${before} → ${after}` : formatChange(most)
  return `${effect} ${metricLabel(most.metric)} (${growth}).`
}

/**
 * The summary of a diagnosis without the root cause, and without the other sentences that the report has in their own place: a
 * report says the cause once.
 *
 * @param said further texts, such as the summary of the plan.
 */
export function summaryAfterCause(
  { summary, root_cause }: Pick<AgentResult['diagnosis'], 'summary' | 'root_cause'>,
  ...said: readonly string[]
): string {
  const without = [root_cause, ...said].reduce((text, part) => (part === '' ? text : text.replace(part, '')), summary)
  return without.replace(/\s+/g, ' ').trim()
}

/** A figure that was 0 before has no ratio. It counts as the largest growth. */
function growthOf({ relative }: MetricDelta): number {
  return relative === null ? Number.POSITIVE_INFINITY : Math.abs(relative)
}

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
