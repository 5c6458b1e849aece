import type { Scenario } from '../../fixtures/scenario.ts'
import { type Histogram, quantileOf } from '../prometheus/metric-samples.ts'
import { simulate } from '../simulation/simulate.ts'
import { formatFigure } from '../validation/deltas.ts'
import { figureLabel } from '../validation/figure-labels.ts'
import type { ObservedInterval } from './observed-time.ts'
import { changeOf, type HistogramName, type PageTotals, totalsOfWindow } from './page-totals.ts'

/** A figure of the pages and of the simulation of the same time. */
export interface Residual {
  /** Name of the figure with its unit, e.g. `ttft_mean_s`. */
  readonly figure: string
  /** The figure of the pages. A quantile is only known to be in a bucket: then these are its limits. */
  readonly page: number | readonly [low: number, high: number]
  /** The same figure of the simulation. */
  readonly simulated: number
  /** Relative difference; 0.1 means that the simulation is 10 % above. For a quantile: 0 in the bucket. */
  readonly error: number
  /** Whether the absolute difference is so small that it is accepted whatever `error` is. Absent: no. */
  readonly isTolerated?: true
}

/** Time of a request outside the engine and of a step: nobody notices such a difference of a latency, in seconds. */
const unnoticedS = { ttft: 0.02, e2e: 0.02, interToken: 0.0005 } as const

/** The totals that the simulation has for an interval. Windows are cached, so an interval may be asked for again. */
export function simulatedTotals(scenario: Scenario, { fromS, toS, totals }: ObservedInterval): PageTotals {
  const upTo = (duration_s: number) =>
    totalsOfWindow(simulate({ ...scenario, window: { ...scenario.window, duration_s } }), totals)
  return changeOf(fromS > 0 ? upTo(fromS) : undefined, upTo(toS))
}

/** Compares the means, the throughput and the p95 of the time to the first token. Figures that a page lacks are left out. */
export function residualsOf({ fromS, toS, totals: page }: ObservedInterval, simulated: PageTotals): Residual[] {
  const durationS = toS - fromS
  const residuals: Residual[] = []
  for (const [name, figure] of [
    ['ttft', 'ttft_mean_s'],
    ['interToken', 'inter_token_mean_s'],
    ['e2e', 'e2e_mean_s'],
  ] as const) {
    const observed = meanOf(page.histograms[name])
    const found = meanOf(simulated.histograms[name])
    if (observed === undefined) continue
    const difference = (found ?? 0) - observed
    const tolerated = Math.abs(difference) <= unnoticedS[name] ? ({ isTolerated: true } as const) : {}
    const error = round(difference / observed)
    residuals.push({ figure, page: round(observed), simulated: round(found ?? 0), error, ...tolerated })
  }
  for (const [figure, key] of [
    ['served_per_s', 'finished'],
    ['generation_tokens_per_s', 'generatedTokens'],
  ] as const) {
    if (page[key] <= 0) continue
    const [observed, found] = [page[key] / durationS, simulated[key] / durationS]
    residuals.push({ figure, page: round(observed), simulated: round(found), error: round(found / observed - 1) })
  }
  const p95 = quantileResidual('ttft', page, simulated)
  return p95 === undefined ? residuals : [...residuals, p95]
}

/** The p95 of a latency: in which bucket it is on the page, and its value in the simulation. */
function quantileResidual(name: HistogramName, page: PageTotals, simulated: PageTotals): Residual | undefined {
  const { buckets, count } = page.histograms[name]
  const found = quantileOf(simulated.histograms[name], 0.95)
  const index = buckets.findIndex(({ cumulative }) => cumulative >= 0.95 * count)
  const high = buckets[index]?.upper
  if (count <= 0 || high === undefined || typeof found !== 'number' || !Number.isFinite(high)) return undefined
  const low = buckets[index - 1]?.upper ?? 0
  const error = found < low ? found / low - 1 : found > high ? found / high - 1 : 0
  return { figure: `${name}_p95_s`, page: [low, high], simulated: round(found), error: round(error) }
}

/** The relative difference that counts in a fit: 0 if it is tolerated. */
export function countedError({ error, isTolerated }: Residual): number {
  return isTolerated === true ? 0 : error
}

/** A residual in words: `Time to first token p95: simulated 106 s, pages 80 s to 160 s`. */
export function residualText({ figure, page, simulated, error, isTolerated }: Residual): string {
  const { label, unit } = figureLabel(figure)
  const shown = (value: number) => formatFigure(value, unit)
  const pages = typeof page === 'number' ? shown(page) : `${shown(page[0])} to ${shown(page[1])}`
  // Only a difference that would otherwise be refused needs an explanation.
  const percent = Math.round(Math.abs(error) * 100)
  const tolerated =
    isTolerated === true && percent > 25
      ? ` (${percent} % off, accepted because the difference is too short to be noticed)`
      : ''
  return `${label.charAt(0).toUpperCase()}${label.slice(1)}: simulated ${shown(simulated)}, pages ${pages}${tolerated}`
}

function meanOf({ sum, count }: Histogram): number | undefined {
  return count > 0 ? sum / count : undefined
}

function round(value: number): number {
  return Math.round(value * 1e5) / 1e5
}
