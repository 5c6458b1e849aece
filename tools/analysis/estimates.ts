import { quantileRange } from '../prometheus/metric-samples.ts'
import type { MetricsAnalysis, Telemetry } from '../types.ts'
import { roundFigure } from '../validation/deltas.ts'
import type { HistogramReader } from './page-figures.ts'

/** The figures of an analysis that are quantiles of a histogram, with the same figure of a telemetry. */
export const estimatedFigures = [
  { figure: 'ttft_p95_s', name: 'time_to_first_token_seconds', share: 0.95, member: 'ttft_s', statistic: 'p95' },
  {
    figure: 'inter_token_p99_s',
    name: 'inter_token_latency_seconds',
    share: 0.99,
    member: 'inter_token_s',
    statistic: 'p99',
  },
  { figure: 'e2e_p95_s', name: 'e2e_request_latency_seconds', share: 0.95, member: 'e2e_s', statistic: 'p95' },
] as const

/** A figure of the telemetry that differs by less says the same. */
const sameFigure = 0.01

/**
 * The range of each quantile of a page, and the figure of the telemetry if it differs. A last sentence
 * explains the difference. Empty if the page has no quantiles.
 *
 * @param telemetry `undefined` if it must not be used.
 */
export function estimatesOf(
  metrics: MetricsAnalysis['derived_metrics'],
  histogram: HistogramReader,
  telemetry: Telemetry | undefined,
): string[] {
  const latency = telemetry?.missing?.includes('latency') ? undefined : telemetry?.latency
  const differences = { same: false, other: false }
  const estimates = estimatedFigures.flatMap(({ figure, name, share, member, statistic }) => {
    const value = metrics[figure]
    const shown = histogram(name)
    const range = quantileRange(shown, share)
    if (value === null || shown === undefined || range === undefined) return []
    const limits = Number.isFinite(range.upper)
      ? `${roundFigure(range.lower)} to ${roundFigure(range.upper)} s`
      : `above ${roundFigure(range.lower)} s`
    const estimate = typeof value === 'number' ? `, estimated ${roundFigure(value)} s` : ''
    const sentence = `${figure}: the histogram shows ${limits}${estimate}`
    const known = latency?.[member]
    const other = known?.[statistic] ?? null
    const isSame = typeof value === 'number' && Math.abs((other ?? value) - value) <= sameFigure * value
    if (known === undefined || other === null || isSame) return [`${sentence}.`]
    const counted = known.count === shown.count
    differences[counted ? 'same' : 'other'] = true
    const counts = counted ? '' : ` of ${known.count} observations instead of ${shown.count}`
    return [`${sentence}; pre_telemetry has ${roundFigure(other)} s${counts}.`]
  })
  return [
    ...estimates,
    ...(differences.same ? [preferTelemetry] : []),
    ...(differences.other ? ['Figures of other observations are of another time or of other requests.'] : []),
  ]
}

const preferTelemetry =
  'A page has only buckets, so its quantiles are estimates; for the same observations use the figures of pre_telemetry.'
