import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { canonicalJson } from '../../router/json/json.ts'
import type { Telemetry } from '../types.ts'
import { simulateTelemetry } from './collect-telemetry.ts'
import { pairedSeeds } from './paired-seeds.ts'
import { simulate } from './simulate.ts'
import type { SimulatedWindow } from './window.ts'

/**
 * The telemetry after a fix, with what a verdict on it needs: the same requests before and after over several seeds, and
 * the costs of the change.
 */
export function comparedTelemetry(scenario: Scenario, config: DeploymentConfig): Telemetry {
  const telemetry = simulateTelemetry(scenario, config, 'post')
  const window = simulate(scenario, config)
  const initial = simulate(scenario)
  // Without a change there is nothing to compare, and figures that nobody observed are not made known by a fix.
  if (isSame(config, scenario.deployment) || [window, initial].some(({ notObserved }) => notObserved.has('engine'))) {
    return telemetry
  }
  const costs = costsOf(window, initial)
  return { ...telemetry, paired: pairedSeeds(scenario, config), ...(costs.length === 0 ? {} : { costs }) }
}

/** The id of a configuration has no effect. */
function isSame({ config_id: _, ...one }: DeploymentConfig, { config_id: __, ...other }: DeploymentConfig): boolean {
  return canonicalJson(one) === canonicalJson(other)
}

/**
 * Time of a start without reading the weights, in seconds: 59 s were observed from the start to the first answer for a model
 * of 3.4 GiB with a warm compile cache (vLLM issue #20264).
 */
const startS = 60
/** Rate at which weights are read, in GiB/s: 21.82 GiB took 18 s (vLLM issue #44881). */
const readGibPerS = 1.2

/** The costs of a change that the window after it does not show, one sentence each. */
function costsOf(window: SimulatedWindow, initial: SimulatedWindow): string[] {
  const costs: string[] = []
  if (window.memory !== undefined) {
    const weightsGib = window.memory.weightsGib * window.settings.ranks
    const minutes = Math.max(1, Math.round((startS + weightsGib / readGibPerS) / 60))
    const requests = Math.round((window.counts.arrived / window.endS) * minutes * 60)
    const cache = window.settings.enablePrefixCaching ? ' and starts with an empty prefix cache' : ''
    costs.push(
      `Not in the figures: the change restarts the engine, which is down for about ${minutes} min (an estimate for ` +
        `${Math.round(weightsGib)} GiB of weights), misses about ${requests} requests${cache}.`,
    )
  }
  const { kvBytesPerElement } = window.settings
  if (kvBytesPerElement < initial.settings.kvBytesPerElement) {
    costs.push(
      'Not in the figures: a KV cache with fewer bits can make answers less accurate; compare their quality first.',
    )
  }
  return costs
}
