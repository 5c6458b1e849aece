import type { DeploymentConfig } from '../fixtures/deployment.ts'
import { loadScenario } from '../fixtures/load-scenario.ts'
import type { Scenario } from '../fixtures/scenario.ts'
import type { Telemetry } from './documents.ts'
import { type Observations, rounded } from './simulation/distribution.ts'
import { simulate } from './simulation/simulate.ts'

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
  const { counts, load, observed, engine, settings } = window
  const served = counts.stopped + counts.cutByLength
  const workers = engine.up ? settings.ranks : 0
  const start = Date.parse(scenario.window.start)
  return {
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
      healthy_workers: engine.stalled ? 0 : workers,
      stuck_workers: engine.stalled ? workers : 0,
      ...(engine.reason === undefined ? {} : { reason: engine.reason }),
    },
  }
}

function distributionOf(observations: Observations): Telemetry['latency']['ttft_s'] {
  return {
    count: observations.count,
    mean: observations.count === 0 ? null : rounded(observations.sum / observations.count),
    p50: roundedOrNull(observations.quantile(0.5)),
    p95: roundedOrNull(observations.quantile(0.95)),
    p99: roundedOrNull(observations.quantile(0.99)),
  }
}

function roundedOrNull(value: number | null): number | null {
  return value === null ? null : rounded(value)
}
