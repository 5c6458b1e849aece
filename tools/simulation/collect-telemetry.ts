import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import type { Telemetry } from '../types.ts'
import { type Observations, rounded } from './distribution.ts'
import { simulate } from './simulate.ts'
import type { SimulatedWindow } from './window.ts'

/**
 * The telemetry of an incident before any fix.
 *
 * @throws {UnknownScenarioError} whose message lists the ids.
 */
export function telemetryOf(scenarioId: string): Telemetry {
  const scenario = loadScenario(scenarioId)
  return telemetryWith(scenario, scenario.deployment, 'pre')
}

/** The telemetry of a scenario's window as it goes with `config`. */
export function telemetryWith(scenario: Scenario, config: DeploymentConfig, phase: Telemetry['phase']): Telemetry {
  const window = simulate(scenario, config)
  const { counts, load, observed, engine } = window
  const served = counts.stopped + counts.cutByLength
  const workers = workerHealth(window)
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
      unfinished: window.end.running + window.end.waiting,
      preemptions: counts.preemptions,
    },
    latency: {
      ttft_s: distributionOf(observed.ttft),
      inter_token_s: distributionOf(observed.interToken),
      e2e_s: distributionOf(observed.e2e),
      queue_s: distributionOf(observed.queue),
      prefill_s: distributionOf(observed.prefill),
      decode_s: distributionOf(observed.decode),
    },
    throughput: {
      requests_per_s: rounded(served / window.endS),
      prompt_tokens_per_s: rounded(counts.promptTokens / window.endS),
      generation_tokens_per_s: rounded(counts.generationTokens / window.endS),
    },
    queue: {
      waiting_mean: rounded(load.waitingMean),
      waiting_max: load.waitingMax,
      running_mean: rounded(load.runningMean),
      running_max: load.runningMax,
    },
    kv_cache: {
      capacity_tokens: window.memory?.kvTokens ?? 0,
      usage_mean: rounded(load.kvUsageMean),
      usage_max: rounded(load.kvUsageMax),
    },
    health: {
      engine_up: engine.up,
      healthy_workers: workers.healthy,
      stuck_workers: workers.stuck,
      ...(engine.reason === undefined ? {} : { reason: engine.reason }),
    },
  }
  return window.notObserved.has('engine') ? withoutEngineFigures(telemetry) : telemetry
}

/** Workers that are alive, told apart by whether they get anywhere. */
export function workerHealth({ engine, settings }: SimulatedWindow): { healthy: number; stuck: number } {
  if (engine.stalled) return { healthy: 0, stuck: settings.ranks }
  return { healthy: engine.up ? settings.ranks : 0, stuck: 0 }
}

/** What is left of a telemetry when the engine's own figures were not collected. */
function withoutEngineFigures(telemetry: Telemetry): Telemetry {
  const none = { count: 0, mean: null, p50: null, p95: null, p99: null }
  return {
    ...telemetry,
    requests: { arrived: 0, served: 0, failed: 0, unfinished: 0, preemptions: 0 },
    latency: { ttft_s: none, inter_token_s: none, e2e_s: none, queue_s: none, prefill_s: none, decode_s: none },
    throughput: { requests_per_s: 0, prompt_tokens_per_s: 0, generation_tokens_per_s: 0 },
    queue: { waiting_mean: 0, waiting_max: 0, running_mean: 0, running_max: 0 },
    kv_cache: { capacity_tokens: telemetry.kv_cache.capacity_tokens, usage_mean: 0, usage_max: 0 },
    missing: ['requests', 'latency', 'throughput', 'queue', 'kv_cache'],
  }
}

type Distribution = Telemetry['latency']['ttft_s']

/** Walking through all observations costs more than a call should; they live as long as their window. */
const distributions = new WeakMap<Observations, Distribution>()

function distributionOf(observations: Observations): Distribution {
  let distribution = distributions.get(observations)
  if (distribution === undefined) {
    distribution = {
      count: observations.count,
      mean: observations.count === 0 ? null : rounded(observations.sum / observations.count),
      p50: roundedOrNull(observations.quantile(0.5)),
      p95: roundedOrNull(observations.quantile(0.95)),
      p99: roundedOrNull(observations.quantile(0.99)),
    }
    distributions.set(observations, distribution)
  }
  return distribution
}

function roundedOrNull(value: number | null): number | null {
  return value === null ? null : rounded(value)
}
