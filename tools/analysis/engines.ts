import type { MetricsAnalysis } from '../types.ts'

type Hotspot = MetricsAnalysis['hotspot']
type Engine = NonNullable<MetricsAnalysis['engines']>[number]

/** Hotspots of an engine, the worst first. */
const severity: readonly Hotspot['kind'][] = [
  'engine_stalled',
  'kv_cache',
  'kv_transfer',
  'batch_limit',
  'long_prefills',
  'decode',
  'frontend',
]

/** An engine with this share of the running and waiting requests has too many, also where it cannot have twice its fair share: of two engines. */
const unevenShare = 0.9

/**
 * The hotspot of a server with several engines: that of its worst engine, with the load of the others.
 *
 * @param whole the hotspot of all engines together. It holds if no engine has one, or if the server is down.
 */
export function enginesHotspot(whole: Hotspot, engines: readonly Engine[]): Hotspot {
  const rank = ({ hotspot, derived_metrics: metrics }: Engine) =>
    severity.indexOf(hotspot.kind) - (metrics.waiting ?? 0) / (1 + (metrics.waiting ?? 0))
  const [worst] = engines.filter(({ hotspot }) => severity.includes(hotspot.kind)).sort((a, b) => rank(a) - rank(b))
  if (worst === undefined || whole.kind === 'engine_down') return whole
  const others = engines.filter((engine) => engine !== worst)
  const load = others.map(
    ({ engine, hotspot, derived_metrics: { running, waiting } }) =>
      `engine ${engine} has ${running ?? 'an unknown number of'} running and ${waiting ?? 'an unknown number of'} waiting requests (${hotspot.kind})`,
  )
  const share = shareOf(worst, engines, requestsOf) ?? 0
  const isUneven = share >= Math.max(0.5, Math.min(unevenShare, 2 / engines.length))
  // The two shares can differ much: a full engine has a long queue and serves no more than the others.
  const served = shareOf(worst, engines, (engine) => engine.derived_metrics.served ?? 0)
  const servedText = served === undefined ? '' : ` It served ${percent(served)} of the requests that were served.`
  const uneven = `The load is not balanced: engine ${worst.engine} has ${percent(share)} of the requests that are running or waiting now in ${engines.length} engines.${servedText}`
  return {
    kind: worst.hotspot.kind,
    because: [
      ...worst.hotspot.because.map((reason) => `Engine ${worst.engine}: ${reason}`),
      ...(isUneven ? [uneven] : []),
      `The other engines: ${load.join('; ')}.`,
    ],
  }
}

/** Requests that run or wait; 0 if the page does not contain them. */
function requestsOf({ derived_metrics: { running, waiting } }: Engine): number {
  return (running ?? 0) + (waiting ?? 0)
}

/** The part that an engine has in a number of all engines; `undefined` if that number is 0. */
function shareOf(one: Engine, engines: readonly Engine[], count: (engine: Engine) => number): number | undefined {
  const all = engines.reduce((sum, engine) => sum + count(engine), 0)
  return all === 0 ? undefined : count(one) / all
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
