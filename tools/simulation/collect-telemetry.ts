import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { canonicalJson } from '../../router/json/json.ts'
import { builtInScenarios, type ScenarioSource } from '../scenario-source.ts'
import type { LatencyStatistics, Telemetry } from '../types.ts'
import { unobservedFigures } from '../unobserved.ts'
import { predictedEffect, unknownGrowthText } from '../validation/predicted-ratios.ts'
import { changeCosts } from './change-costs.ts'
import { type Distribution, rounded } from './distribution.ts'
import { pairedSeeds } from './paired-seeds.ts'
import { simulate } from './simulate.ts'
import type { EngineWindow, SimulatedWindow } from './window.ts'

/**
 * The telemetry of an incident before a fix.
 *
 * @throws {UnknownScenarioError} if the id is unknown.
 */
export function telemetryOf(scenarioId: string, scenarios: ScenarioSource = builtInScenarios): Telemetry {
  const incident = scenarios.load(scenarioId)
  if ('observation' in incident) return incident.observation.telemetry
  const { scenario } = incident
  return simulateTelemetry(scenario, scenario.deployment, 'pre')
}

/** Simulates the scenario's window with a configuration and summarises it. */
export function simulateTelemetry(scenario: Scenario, config: DeploymentConfig, phase: Telemetry['phase']): Telemetry {
  const window = simulate(scenario, config)
  const { counts, occupancy, observed, engine } = window
  // A request that was cut at its maximum length was served, like one that ended by itself.
  const served = counts.stopped + counts.cutByLength
  const workers = workerHealth(window)
  const ignored = window.settings.arguments.findings.map(({ argument }) => argument)
  // A decode engine whose link is not known computes its prompts itself.
  const { values } = window.settings.arguments
  if (window.transfers === undefined && values.has('kv_transfer_config') && !ignored.includes('kv_transfer_config')) {
    ignored.push('kv_transfer_config')
  }
  const start = Date.parse(scenario.window.start)
  const telemetry: Telemetry = {
    scenario: scenario.id,
    phase,
    config_id: config.config_id,
    window: {
      start: new Date(start).toISOString(),
      end: new Date(start + window.endS * 1000).toISOString(),
      duration_s: window.endS,
    },
    slo: scenario.slo,
    requests: {
      arrived: counts.arrived,
      served,
      failed: counts.refused + counts.aborted + counts.errored,
      unfinished: window.end.inFrontEnd + window.end.running + window.end.waiting,
      preemptions: counts.preemptions,
    },
    latency: {
      ttft_s: statisticsOf(observed.ttft),
      inter_token_s: statisticsOf(observed.interToken),
      e2e_s: statisticsOf(observed.e2e),
      queue_s: statisticsOf(observed.queue),
      prefill_s: statisticsOf(observed.prefill),
      decode_s: statisticsOf(observed.decode),
    },
    throughput: {
      requests_per_s: rounded(served / window.endS),
      prompt_tokens_per_s: rounded(counts.promptTokens / window.endS),
      generation_tokens_per_s: rounded(counts.generationTokens / window.endS),
    },
    queue: {
      waiting_mean: rounded(occupancy.waitingMean),
      waiting_max: occupancy.waitingMax,
      running_mean: rounded(occupancy.runningMean),
      running_max: occupancy.runningMax,
    },
    kv_cache: {
      capacity_tokens: window.memory === undefined ? null : window.memory.kvTokens * window.engines.length,
      usage_mean: rounded(occupancy.kvUsageMean),
      usage_max: rounded(occupancy.kvUsageMax),
    },
    ...(window.engines.length === 1 ? {} : { engines: window.engines.map(engineFigures) }),
    health: {
      engine_up: engine.up,
      healthy_workers: workers.healthy,
      stuck_workers: workers.stuck,
      ...(engine.reason === undefined ? {} : { reason: engine.reason }),
    },
    ...(ignored.length === 0 ? {} : { ignored_arguments: ignored }),
  }
  if (window.notObserved.has('engine')) return withoutEngineFigures(telemetry)
  return engine.started ? telemetry : withoutEngine(telemetry)
}

/** A telemetry of an engine that did not start: requests fail at its port, and there is no queue and no KV cache. */
function withoutEngine({ engines: _, ...telemetry }: Telemetry): Telemetry {
  const { queue, kv_cache } = unobservedFigures()
  return { missing: ['queue', 'kv_cache'], ...telemetry, queue, kv_cache }
}

/** One engine of several. */
function engineFigures({ counts, occupancy }: EngineWindow, rank: number): NonNullable<Telemetry['engines']>[number] {
  return {
    engine: String(rank),
    served: counts.stopped + counts.cutByLength,
    preemptions: counts.preemptions,
    running_mean: rounded(occupancy.runningMean),
    waiting_mean: rounded(occupancy.waitingMean),
    kv_usage_max: rounded(occupancy.kvUsageMax),
  }
}

/**
 * The telemetry after a fix, with what a verdict on it needs: the same requests before and after over several seeds, and
 * the costs of the change.
 *
 * @param loggedStartS how long the last start of the engine took in its log, in seconds. Absent: it is estimated.
 */
export function comparedTelemetry(scenario: Scenario, config: DeploymentConfig, loggedStartS?: number): Telemetry {
  const telemetry = simulateTelemetry(scenario, config, 'post')
  const window = simulate(scenario, config)
  const initial = simulate(scenario)
  const base = predictionBase(scenario)
  // Without a change there is nothing to compare, and figures that nobody observed are not made known by a fix.
  if (isSame(config, scenario.deployment) || [window, initial].some(({ notObserved }) => notObserved.has('engine'))) {
    return { ...telemetry, ...base }
  }
  const costs = changeCosts(scenario, config, loggedStartS)
  const paired = pairedSeeds(scenario, config)
  const prediction = predictedEffect(scenario, paired)
  return {
    ...telemetry,
    ...base,
    paired,
    ...(prediction === undefined ? {} : { prediction }),
    ...(costs.length === 0 ? {} : { costs }),
  }
}

/** The base of a predicted window. Empty for a scenario whose load is known: its telemetry before is simulated. */
function predictionBase(scenario: Scenario): Pick<Telemetry, 'base' | 'notes'> {
  const { inference } = scenario
  if (inference === undefined) return {}
  return {
    base: simulateTelemetry(scenario, scenario.deployment, 'pre'),
    notes: [
      'These figures are predictions: a load that was inferred from the metrics pages was served again with the changed ' +
        'configuration. Compare them with base, the same simulation without the change, and not with the pages.',
      `How the simulation reproduces the pages: ${inference.residuals.join('; ')}.`,
      ...(inference.requests_per_step === undefined ? [] : [unknownGrowthText(inference.requests_per_step)]),
    ],
  }
}

/** The id of a configuration has no effect. */
function isSame({ config_id: _, ...one }: DeploymentConfig, { config_id: __, ...other }: DeploymentConfig): boolean {
  return canonicalJson(one) === canonicalJson(other)
}

/** Living workers, by whether they make progress. All workers of a stalled engine are stuck. */
export function workerHealth({ engine, settings }: SimulatedWindow): { healthy: number; stuck: number } {
  const workers = settings.ranks * settings.dataParallelSize
  if (engine.stalled) return { healthy: 0, stuck: workers }
  return { healthy: engine.up ? workers : 0, stuck: 0 }
}

/** A telemetry without the engine's own metrics, which were not collected. */
function withoutEngineFigures({ engines: _, ...telemetry }: Telemetry): Telemetry {
  const none = unobservedFigures()
  // The first copy puts `missing` first, and the second one replaces the figures.
  return { ...none, ...telemetry, ...none }
}

/** Sorting all observations is too slow to repeat for each call. The entries live as long as their window. */
const statistics = new WeakMap<Distribution, LatencyStatistics>()

/** Summary of a distribution, rounded to microseconds. */
function statisticsOf(distribution: Distribution): LatencyStatistics {
  let known = statistics.get(distribution)
  if (known === undefined) {
    known = {
      count: distribution.count,
      mean: distribution.count === 0 ? null : rounded(distribution.sum / distribution.count),
      p50: roundedOrNull(distribution.quantile(0.5)),
      p95: roundedOrNull(distribution.quantile(0.95)),
      p99: roundedOrNull(distribution.quantile(0.99)),
    }
    statistics.set(distribution, known)
  }
  return known
}

/** Rounds a value; `null` stays `null`. */
function roundedOrNull(value: number | null): number | null {
  return value === null ? null : rounded(value)
}
