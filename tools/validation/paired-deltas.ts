import type { MetricDelta, PairedSeeds } from '../types.ts'
import { effectOf, median } from './effects.ts'
import type { PairedSide } from './pairs.ts'

/** Smallest relative difference that counts as a change. */
const relativeThreshold = 0.05

/** The paired figures as metrics. The noise is in the unit of the metric, as in `deltas.ts`. */
const metrics: readonly { readonly name: keyof PairedSide; readonly unit: string; readonly noise: number }[] = [
  { name: 'ttft_p95_s', unit: 's', noise: 0.002 },
  { name: 'e2e_p95_s', unit: 's', noise: 0.002 },
  { name: 'inter_token_mean_s', unit: 's', noise: 0.002 },
  { name: 'stalled_share', unit: 'share', noise: 0.01 },
  { name: 'cut', unit: 'requests', noise: 0 },
]

/**
 * The figures of the same requests as metrics, each the median over the seeds. A metric is `better` or `worse` if the
 * sign of its change holds. Empty for one window alone, whose metrics `metricDeltas` has.
 */
export function pairedDeltas({ seeds, before, after }: PairedSeeds): MetricDelta[] {
  if (seeds.length === 1) return []
  return metrics.map(({ name, unit, noise }) => {
    const [from, to] = [medianOf(before[name]), medianOf(after[name])]
    const { size, holds } = effectOf(after[name].map((value, seed) => (value ?? 0) - (before[name][seed] ?? 0)))
    const isSame = !holds || Math.abs(size) <= Math.max(noise, relativeThreshold * (from ?? 0))
    const changed = size > 0 ? 'worse' : 'better'
    return {
      metric: `paired.${name}`,
      unit,
      before: from,
      after: to,
      relative: from === null || to === null || from === 0 ? null : (to - from) / from,
      verdict: from === null || to === null ? 'unknown' : isSame ? 'same' : changed,
    }
  })
}

/** The median of what was observed; `null` if nothing was. */
function medianOf(values: readonly (number | null)[]): number | null {
  const observed = values.filter((value) => value !== null)
  return observed.length === 0 ? null : median(observed)
}
