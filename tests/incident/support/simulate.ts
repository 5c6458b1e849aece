import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { applyFixSimulation, collectPostTelemetry, validateImprovement } from '../../../tools/index.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import type { FixPlan, FixResult, Telemetry, Validation } from '../../../tools/types.ts'
import { call } from '../../tools/call.ts'

/** The tools' results for a plan, called directly, without a model. */
export async function simulate(
  scenario: string,
  fix_plan: FixPlan,
): Promise<{ readonly fix_result: FixResult; readonly post_telemetry: Telemetry; readonly validation: Validation }> {
  const current_config = loadScenario(scenario).deployment
  const fix_result = await call(applyFixSimulation, { current_config, fix_plan })
  const { updated_config } = fix_result
  const { post_telemetry } = await call(collectPostTelemetry, { scenario, updated_config })
  const validation = await call(validateImprovement, { pre_telemetry: telemetryOf(scenario), post_telemetry })
  return { fix_result, post_telemetry, validation }
}
