import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { canonicalJson } from '../../router/json/json.ts'
import { generateRequests } from './requests.ts'
import { simulate } from './simulate.ts'

/** The time without an engine that a change of its configuration needs. */
export interface RestartCost {
  /** Time from the stop of the engine until it serves, in minutes. */
  readonly minutes: number
  /** Weights that the start reads, in GiB. */
  readonly weightsGib: number
  /** Requests that arrive in this time at the rate of the end of the window, with two digits. */
  readonly requests: number
  /** Whether the engine is down or makes no progress already, so that these requests fail without the change, too. */
  readonly isDown: boolean
}

/**
 * Time of a start without reading the weights, in seconds: 59 s were observed from the start to the first answer for a model
 * of 3.4 GiB with a warm compile cache (vLLM issue #20264).
 */
const startS = 60
/** Rate at which weights are read, in GiB/s: 21.82 GiB took 18 s (vLLM issue #44881). */
const readGibPerS = 1.2
/** The rate of arrivals is that of the last minutes of the window. */
const recentS = 300

/**
 * The cost of the restart that a change needs.
 *
 * @param loggedStartS how long the last start took in the log of the engine, in seconds. It replaces the estimate.
 * @returns `undefined` if the engine keeps running, or does not start with the changed configuration.
 */
export function restartCost(
  scenario: Scenario,
  config: DeploymentConfig,
  loggedStartS?: number,
): RestartCost | undefined {
  const { memory, settings, endS } = simulate(scenario, config)
  if (memory === undefined || !needsRestart(scenario.deployment, config)) return undefined
  const weightsGib = memory.weightsGib * settings.ranks * settings.dataParallelSize
  const seconds = loggedStartS ?? startS + weightsGib / readGibPerS
  const minutes = Math.max(1, Math.round(seconds / 60))
  const { arrival } = generateRequests(scenario.load, endS)
  const since = Math.max(0, endS - recentS)
  const recent = arrival.reduce((count, time) => (time >= since && time < endS ? count + 1 : count), 0)
  const requests = Number(((recent / (endS - since)) * minutes * 60).toPrecision(2))
  const { engine } = simulate(scenario)
  return { minutes, weightsGib, requests, isDown: !engine.up || engine.stalled }
}

/** The gateway routes, so another policy restarts no engine. Neither does the id of a configuration. */
function needsRestart(before: DeploymentConfig, after: DeploymentConfig): boolean {
  const [from, to] = [before, after].map(({ routing: _, config_id: __, ...engine }) => canonicalJson(engine))
  return from !== to
}

/** The costs of a change, one sentence each. @param loggedStartS see {@link restartCost}. */
export function changeCosts(scenario: Scenario, config: DeploymentConfig, loggedStartS?: number): string[] {
  const before = scenario.deployment
  const { settings, transfers } = simulate(scenario, config)
  const initial = simulate(scenario)
  const costs: string[] = []
  const restart = restartCost(scenario, config, loggedStartS)
  if (restart !== undefined) costs.push(restartText(restart, settings.enablePrefixCaching, loggedStartS))
  if (before.routing?.policy === 'session_affinity' && config.routing?.policy !== 'session_affinity') {
    costs.push(
      'Not in the figures: a session no longer returns to the engine that has its earlier prompts in the prefix cache, so more prompt tokens are computed.',
    )
  }
  if (transfers !== undefined && transfers.expired > 0) {
    costs.push(
      `Not in the figures: ${transfers.expired} transfers of KV blocks lasted longer than ` +
        `VLLM_NIXL_ABORT_REQUEST_TIMEOUT (${transfers.releasedAfterS} s). The prefill engine had released the blocks, so ` +
        `the answers can be wrong.`,
    )
  }
  if (settings.kvBytesPerElement < initial.settings.kvBytesPerElement) {
    costs.push(
      'Not in the figures: a KV cache with fewer bits can make answers less accurate; compare their quality first.',
    )
  }
  return costs
}

function restartText(
  { minutes, weightsGib, requests, isDown }: RestartCost,
  hasPrefixCache: boolean,
  loggedStartS: number | undefined,
): string {
  const basis =
    loggedStartS === undefined
      ? `an estimate for ${Math.round(weightsGib)} GiB of weights`
      : `its last start in the log took ${Math.round(loggedStartS)} s`
  if (isDown) {
    return `Not in the figures: the start of the engine takes about ${minutes} min (${basis}); until then requests fail as before.`
  }
  const cache = hasPrefixCache ? ' and starts with an empty prefix cache' : ''
  return (
    `Not in the figures: the change restarts the engine, which is down for about ${minutes} min (${basis}), ` +
    `misses about ${requests} requests${cache}.`
  )
}
