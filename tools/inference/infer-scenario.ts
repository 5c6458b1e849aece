import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { ConfigError } from '../errors.ts'
import type { TimedPage } from '../prometheus/page-series.ts'
import { checkSlo } from '../prometheus/telemetry-from-pages.ts'
import { rounded } from '../simulation/distribution.ts'
import type { Telemetry } from '../types.ts'
import { unknownGrowthText } from '../validation/predicted-ratios.ts'
import { fitScenario } from './fit-scenario.ts'
import { inferLoad } from './infer-load.ts'
import { observedEngine } from './observed-engine.ts'
import { fewestFinished, type ObservedInterval, type ObservedTime, observedTimes } from './observed-time.ts'
import { changeOf } from './page-totals.ts'
import { readPages, type Scrape } from './read-pages.ts'
import { countedError, type Residual, residualText } from './residuals.ts'

/** Everything besides the pages that {@link inferScenario} needs. */
export interface InferenceOptions {
  /** The deployment that the pages are of: engine arguments, model and GPU. */
  readonly config: DeploymentConfig
  /** The service level objective, for the verdicts. */
  readonly slo: Telemetry['slo']
}

/** A scenario that reproduces pages, or why it cannot be made. */
export type Inference =
  | {
      readonly kind: 'inferred'
      /** A scenario for all tools. Its `inference` has the residual and the draws that bands follow from. */
      readonly scenario: Scenario
      /** The figures of the pages next to those of the simulation of the same time. */
      readonly residuals: readonly Residual[]
      /** Assumptions that the pages cannot show, one sentence each. */
      readonly assumptions: readonly string[]
    }
  | {
      readonly kind: 'refused'
      /** Why nothing is predicted, and what would help, one sentence or two each. */
      readonly reasons: readonly string[]
      /** The figures that were compared. Empty if the pages could not be simulated. */
      readonly residuals: readonly Residual[]
    }

/** Largest relative error of a mean that is accepted; 0.25 is 25 %. */
const largestResidual = 0.25
/** A number of requests in the engine that differs by no more than this is chance. */
const fewestInEngine = 5

/**
 * Makes a scenario of the metrics pages of a running engine: the load, the size of the KV cache and the step time follow
 * from the pages. Then it simulates the observed time, and compares the result with the pages.
 *
 *     const inference = inferScenario([{ text: early, time: '2026-02-17T14:05:00Z' }, { text: late, time: '…' }],
 *       { config, slo })
 *     if (inference.kind === 'inferred') predict(inference, changedConfig)
 *
 * It is refused if a mean of the simulation differs by more than 25 % and by more than 20 ms (0.5 ms between tokens), if the pages are not of one run of one engine, or if
 * the deployment uses something that is not simulated. One page is not enough, because it does not show whether the rate
 * changed.
 *
 * @throws {InvalidOptionError} without `slo`, or for objectives that are not complete.
 */
export function inferScenario(pages: readonly TimedPage[], options: InferenceOptions): Inference {
  checkSlo(options)
  try {
    return infer(pages, options.config, options.slo)
  } catch (error) {
    if (error instanceof ConfigError) return refused([error.message])
    throw error
  }
}

function infer(pages: readonly TimedPage[], config: DeploymentConfig, slo: Telemetry['slo']): Inference {
  const read = readPages(pages, config)
  if (read.kind === 'refused') return refused(read.reasons)
  if (read.scrapes.length < 2) {
    return refused(['One page does not show whether the rate changed. Scrape a second page, some minutes later.'])
  }
  const times = observedTimes(read.scrapes, read.startedS)
  if (typeof times === 'string') return refused([times])
  const results = times.map((time) => () => inferFrom(time, read.scrapes, config, slo))
  // The next one is tried only if a better one is refused.
  let result = refused(['There is no page.'])
  for (const next of results) {
    const found = next()
    if (found.kind === 'inferred') return found
    if (result.residuals.length === 0) result = found
  }
  return result
}

/** Infers a scenario that simulates one of the times that the pages allow. */
function inferFrom(
  time: ObservedTime,
  scrapes: readonly Scrape[],
  config: DeploymentConfig,
  slo: Telemetry['slo'],
): Inference {
  const samples = scrapes.at(-1)?.samples ?? []
  const finished = time.intervals.reduce((sum, { totals }) => sum + totals.finished, 0)
  if (finished < fewestFinished) {
    return refused([
      `Only ${finished} requests finished, fewer than ${fewestFinished}: wait longer between two scrapes.`,
    ])
  }
  const base = scenarioOf(config, slo, time)
  const engine = observedEngine(base, samples)
  if (engine.kind === 'refused') return refused([engine.reason])
  const { settings, unmodelledGib } = engine
  const load = inferLoad(time, settings)
  const observed = observedInterval(time, scrapes)
  const memory = unmodelledGib === 0 ? {} : { unmodelled_memory_gib: unmodelledGib }
  const { draws, inEngine, requestsPerStep } = fitScenario({ ...base, load, ...memory }, time, observed)
  const [best] = draws
  if (best === undefined) return refused(['No draw of the load agrees with the pages.'])
  const { scenario, residuals } = best
  const means = residuals.filter(({ page }) => typeof page === 'number')
  const missed = means.filter((residual) => Math.abs(countedError(residual)) > largestResidual)
  if (missed.length > 0) return { kind: 'refused', reasons: [reasonOf(missed)], residuals }
  const { arrived = 0, finished: left = 0 } = scrapes.at(-1)?.totals ?? {}
  const changed = changedRate(arrived - left, inEngine)
  if (changed !== undefined) return { kind: 'refused', reasons: [changed], residuals }
  const residual = Math.max(...means.map(({ error }) => Math.abs(error)))
  return {
    kind: 'inferred',
    scenario: {
      ...scenario,
      inference: {
        residual,
        residuals: residuals.map(residualText),
        ...(requestsPerStep === undefined ? {} : { requests_per_step: rounded(requestsPerStep) }),
        draws: draws.map(({ scenario: { load }, otherStepTime }) => ({
          seed: load.seed,
          interarrival_cv: load.interarrival_cv ?? 1,
          ...(otherStepTime === undefined ? {} : { step_time: otherStepTime }),
        })),
      },
    },
    residuals,
    assumptions: assumptionsOf(time, requestsPerStep),
  }
}

/** The time that the simulation is compared with: between the first and the last page. */
function observedInterval(time: ObservedTime, scrapes: readonly Scrape[]): ObservedInterval {
  const last = scrapes.at(-1)
  if (last === undefined) throw new RangeError('There is no page.')
  const compared = time.intervals.slice(1 - scrapes.length)
  const fromS = compared[0]?.fromS ?? 0
  return { fromS, toS: time.durationS, totals: changeOf(scrapes[0]?.totals, last.totals) }
}

/** The scenario without its load. */
function scenarioOf(config: DeploymentConfig, slo: Telemetry['slo'], time: ObservedTime): Scenario {
  const fixed = { median: 1, sigma: 0, min: 1, max: 1 }
  return {
    id: config.scenario,
    title: 'Incident from metrics pages',
    description: 'The load and the step time were inferred from metrics pages of the engine.',
    window: { start: new Date(time.startS * 1000).toISOString(), duration_s: time.durationS },
    slo,
    deployment: config,
    load: { seed: 1, phases: [], prompt_tokens: fixed, output_tokens: fixed, shared_prefix_tokens: 0 },
    impairments: [],
    logs: {},
  }
}

/**
 * A rate that changes between two pages has the same mean as a constant one, but not as many requests in the engine at the
 * end. Small changes stay unseen, because random arrivals differ as much.
 */
function changedRate(found: number, [fewest, most]: readonly [number, number]): string | undefined {
  const excess = Math.max(found - most, fewest - found)
  if (excess <= Math.max(fewestInEngine, largestResidual * most)) return undefined
  return (
    `The last page has ${found} requests in the engine, but with a constant rate between the pages it would have ${fewest} ` +
    `to ${most}. The rate changed, so nothing is predicted. Scrape more pages, at shorter intervals.`
  )
}

function reasonOf(missed: readonly Residual[]): string {
  const figures = missed.map(
    (residual) => `${residualText(residual)} (${Math.round(Math.abs(residual.error) * 100)} % off)`,
  )
  return (
    `The simulation does not reproduce the observed time, so nothing is predicted. More than ${largestResidual * 100} % ` +
    `off: ${figures.join('; ')}.`
  )
}

function assumptionsOf(time: ObservedTime, requestsPerStep: number | undefined): string[] {
  const assumptions = [
    'The rate was constant between two pages. Between requests the time is random: as often with bursts as without.',
    'Prompts and answers have log-normal lengths that do not depend on each other, and all prompts share one prefix.',
  ]
  if (time.warmUp.length > 0)
    assumptions.push('Before the first page the load was such that the queue of that page formed.')
  if (requestsPerStep !== undefined) assumptions.push(unknownGrowthText(requestsPerStep))
  return assumptions
}

function refused(reasons: readonly string[]): Inference {
  return { kind: 'refused', reasons, residuals: [] }
}
