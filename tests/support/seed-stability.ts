import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { FixPlanError } from '../../tools/errors.ts'
import { applyPlan } from '../../tools/fix/apply-plan.ts'
import { comparedTelemetry, simulateTelemetry } from '../../tools/simulation/collect-telemetry.ts'
import { pairedSeedCount } from '../../tools/simulation/paired-seeds.ts'
import type { FixAction, Telemetry, ValidationStatus } from '../../tools/types.ts'
import { validate } from '../../tools/validation/validate.ts'

/**
 * A scenario with other arrivals of the same load. The seeds of two draws do not overlap, although each verdict uses
 * several: the verdicts are independent.
 *
 * @param draw 0 is the scenario itself.
 */
export function drawOf(id: string, draw: number): Scenario {
  const scenario = loadScenario(id)
  return { ...scenario, load: { ...scenario.load, seed: scenario.load.seed + draw * pairedSeedCount } }
}

/** The telemetry of a draw before any fix. */
export function telemetryBefore(scenario: Scenario): Telemetry {
  return simulateTelemetry(scenario, scenario.deployment, 'pre')
}

/** The verdict on a fix for one draw; `rejected` if the plan cannot be applied. */
export function statusOf(scenario: Scenario, actions: readonly FixAction[]): ValidationStatus | 'rejected' {
  try {
    const { updated_config } = applyPlan(scenario.deployment, { summary: 'x', actions })
    // A copy, as a tool gets it.
    const config: DeploymentConfig = JSON.parse(JSON.stringify(updated_config))
    return validate(telemetryBefore(scenario), comparedTelemetry(scenario, config)).status
  } catch (error) {
    if (error instanceof FixPlanError) return 'rejected'
    throw error
  }
}
