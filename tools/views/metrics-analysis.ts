import { estimatedFigures } from '../analysis/estimates.ts'
import type { MetricsAnalysis } from '../types.ts'
import { shownFigure } from '../validation/deltas.ts'

/**
 * The view of an analysis for a model: the hotspot first, figures with three digits, and `~` before those that are
 * estimated from buckets. Figures that the page does not have are only named.
 */
export function metricsAnalysisView(analysis: MetricsAnalysis): Record<string, unknown> {
  const { hotspot, derived_metrics, latency_breakdown: phases, estimates, contradictions, engines } = analysis
  const absent = Object.entries(derived_metrics).flatMap(([name, value]) => (value === null ? [name] : []))
  const isEmpty = absent.length === Object.keys(derived_metrics).length
  return {
    hotspot,
    ...(contradictions === undefined ? {} : { contradictions }),
    latency_breakdown: isEmpty ? null : breakdown(phases),
    derived_metrics: marked(derived_metrics),
    ...(estimates === undefined ? {} : { estimates }),
    ...(absent.length === 0 ? {} : { not_on_the_page: isEmpty ? 'any metric of vLLM' : absent.join(', ') }),
    ...(engines === undefined
      ? {}
      : {
          engines: engines.map(({ engine, hotspot: { kind }, derived_metrics: own }) => ({
            engine,
            hotspot: kind,
            ...marked(Object.fromEntries(shownOfEngine.map((name) => [name, own[name]]))),
          })),
        }),
  }
}

/** The figures that tell engines apart. The value has all of them. */
const shownOfEngine = [
  'running',
  'waiting',
  'kv_cache_usage',
  'preemptions',
  'queue_mean_s',
  'ttft_p95_s',
  'generation_tokens',
  'served',
] as const

function breakdown({ queue, prefill, decode, other }: MetricsAnalysis['latency_breakdown']): Record<string, unknown> {
  return { queue: known(queue), prefill: known(prefill), decode: known(decode), other: known(other) }
}

const estimated: ReadonlySet<string> = new Set(estimatedFigures.map(({ figure }) => figure))

/** Known figures, those from buckets marked. A figure such as `> 80` needs no mark. */
function marked(figures: Figures): Record<string, unknown> | null {
  const shown = known(figures)
  if (shown === null) return null
  const isEstimate = (name: string, value: unknown) => estimated.has(name) && typeof value === 'number'
  return Object.fromEntries(
    Object.entries(shown).map(([name, value]) => [name, isEstimate(name, value) ? `~${value}` : value]),
  )
}

/** Figures by name; `null` if the page does not have them. */
type Figures = Readonly<Record<string, number | string | null>>

/** Figures with three digits, without those that are `null`; `null` if none is known. */
function known(figures: Figures): Record<string, unknown> | null {
  const shown = Object.entries(figures).flatMap(([name, value]) =>
    value === null ? [] : [[name, typeof value === 'number' ? shownFigure(value) : value] as const],
  )
  return shown.length === 0 ? null : Object.fromEntries(shown)
}
