import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Load, Scenario } from '../../fixtures/scenario.ts'
import { canonicalJson } from '../../router/json/json.ts'
import type { PairedSeeds } from '../types.ts'
import { LeastRecentlyUsed } from './least-recently-used.ts'
import { simulate, simulateOutcomes } from './simulate.ts'
import { Outcome, type RequestOutcomes } from './window.ts'

/** Number of seeds. A verdict on one seed can be chance: see `effectOf` in `tools/validation/pairs.ts`. */
export const pairedSeedCount = 8

/**
 * Serves the same requests with the configuration of the incident and with another one, for several seeds of the load:
 * the scenario's own and the ones that follow it, or the draws of an inferred scenario. Only the random arrivals and lengths
 * differ between them.
 *
 * Latencies are those of the requests that both engines accepted and did not lose. A request that still waits for its
 * first token counts with its age, so that a longer queue is never hidden.
 */
export function pairedSeeds(scenario: Scenario, config: DeploymentConfig): PairedSeeds {
  const draws = drawsOf(scenario)
  const pairs = draws.map((draw) => {
    const before = outcomesOf(scenario, scenario.deployment, draw)
    const after = outcomesOf(scenario, config, draw)
    const shared = sharedRequests(before, after)
    const limit = scenario.slo.inter_token_p99_s
    return {
      arrived: before.count,
      before: figures(before, after, shared, limit),
      after: figures(after, before, shared, limit),
    }
  })
  const side = (name: 'before' | 'after') => {
    const column = <Key extends keyof SeedFigures>(key: Key) => pairs.map((pair) => pair[name][key])
    return {
      served: column('served'),
      failed: column('failed'),
      refused: column('refused'),
      cut: column('cut'),
      ttft_p95_s: column('ttftP95S'),
      e2e_p95_s: column('e2eP95S'),
      inter_token_mean_s: column('interTokenMeanS'),
      stalled_share: column('stalledShare'),
      stall_excess: column('stallExcess'),
    }
  }
  return {
    config_id: scenario.deployment.config_id,
    seeds: draws.map(({ seed }) => seed),
    arrived: pairs.map(({ arrived }) => arrived),
    before: side('before'),
    after: side('after'),
  }
}

/** Outcomes are small, unlike windows. 64 are enough for one incident and several fixes. */
const known = new LeastRecentlyUsed<string, RequestOutcomes>(64)

/** Members of a load, and the step time, that differ between draws. */
type Draw = Pick<Load, 'seed' | 'interarrival_cv'> & Pick<Scenario, 'step_time'>

/** The draws of an inferred scenario agree with its pages. For a known load all seeds are equally good. */
function drawsOf({ load, inference }: Scenario): readonly Draw[] {
  if (inference !== undefined) return inference.draws
  return Array.from({ length: pairedSeedCount }, (_, index) => ({ seed: load.seed + index }))
}

function outcomesOf(
  scenario: Scenario,
  config: DeploymentConfig,
  { step_time = scenario.step_time, ...draw }: Draw,
): RequestOutcomes {
  if (draw.seed === scenario.load.seed) return simulate(scenario, config).outcomes
  const { config_id: _, ...physical } = config
  const timed = step_time === undefined ? {} : { step_time }
  const seeded = { ...scenario, ...timed, load: { ...scenario.load, ...draw } }
  return known.get(canonicalJson([seeded, physical]), () => simulateOutcomes(seeded, config))
}

/** The figures of one seed with one configuration. */
interface SeedFigures {
  readonly served: number
  readonly failed: number
  readonly refused: number
  readonly cut: number
  readonly ttftP95S: number | null
  readonly e2eP95S: number | null
  readonly interTokenMeanS: number | null
  readonly stalledShare: number
  readonly stallExcess: number
}

/** The requests that neither engine refused or lost. */
function sharedRequests(one: RequestOutcomes, other: RequestOutcomes): number[] {
  const kept = (outcome = 0) => outcome !== Outcome.refused && outcome !== Outcome.lost
  return Array.from(one.outcome.keys()).filter((request) => kept(one.outcome[request]) && kept(other.outcome[request]))
}

/**
 * @param shared the requests that latencies are taken from.
 * @param limitS limit on the time between two tokens.
 */
function figures(own: RequestOutcomes, other: RequestOutcomes, shared: readonly number[], limitS: number): SeedFigures {
  const streams = shared.filter((request) => (own.tokens[request] ?? 0) > 1 && (other.tokens[request] ?? 0) > 1)
  const excesses = streams.map((request) => Math.max(0, Math.log((own.longestGap[request] ?? 0) / limitS)))
  const gaps = sum(streams.map((request) => (own.tokens[request] ?? 0) - 1))
  return {
    served: own.outcome.filter((outcome) => outcome === Outcome.served).length,
    failed: own.outcome.filter((outcome) => outcome !== Outcome.served && outcome !== Outcome.unfinished).length,
    refused: own.outcome.filter((outcome) => outcome === Outcome.refused).length,
    cut: shared.filter((request) => (own.allowedTokens[request] ?? 0) < (other.allowedTokens[request] ?? 0)).length,
    ttftP95S: p95(shared.map((request) => own.ttft[request] ?? 0)),
    e2eP95S: p95(shared.map((request) => own.age[request] ?? 0)),
    interTokenMeanS: gaps === 0 ? null : short(sum(streams.map((request) => own.streamed[request] ?? 0)) / gaps),
    stalledShare: share(excesses.filter((excess) => excess > 0).length, streams.length),
    stallExcess: share(sum(excesses), streams.length),
  }
}

/** The 95th percentile by nearest rank, as in `Distribution`; `null` without values. */
function p95(values: readonly number[]): number | null {
  const value = Float64Array.from(values).sort()[Math.ceil(0.95 * values.length) - 1]
  return value === undefined ? null : short(value)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : short(part / whole)
}

/** Rounds to five decimal places, which keeps a telemetry short. */
function short(value: number): number {
  return Math.round(value * 1e5) / 1e5
}
