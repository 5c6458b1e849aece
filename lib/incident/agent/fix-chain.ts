import { canonicalJson } from '../../../router/json/json.ts'
import type { ToolResult } from '../../../router/tool-call.ts'
import type { DeploymentConfig, FixPlan, FixResult, Telemetry, Validation } from '../../../tools/types.ts'
import { successes } from './grounding.ts'

/** What tools say of one fix: each later part is there only if it was made from the earlier one. */
export interface FixChain {
  readonly plan: FixPlan
  readonly fixResult: FixResult
  readonly postTelemetry?: Telemetry
  readonly validation?: Validation
}

/**
 * The fix that counts, with the telemetry that was collected for it and the validation of exactly that telemetry.
 *
 * Matched by value, not by order: a model may go back to an earlier fix, and one that makes up telemetry, or collects it
 * for another configuration, has validated nothing.
 *
 * @param actions of the plan that counts; without them it is the one that was simulated last.
 */
export function fixChain(
  results: readonly ToolResult[],
  preTelemetry: Telemetry,
  actions?: FixPlan['actions'],
): FixChain | undefined {
  const fixes = successes(results, 'apply_fix_simulation')
  const fix =
    actions === undefined
      ? fixes.at(-1)
      : fixes.findLast(({ input }) => same(fixInput(input).fix_plan.actions, actions))
  if (fix === undefined) return undefined
  const fixResult = fix.value as FixResult
  const chain = { plan: fixInput(fix.input).fix_plan, fixResult }
  const collected = successes(results, 'collect_post_telemetry').findLast(({ input }) =>
    same((input as { readonly updated_config: DeploymentConfig }).updated_config, fixResult.updated_config),
  )
  if (collected === undefined) return chain
  const { post_telemetry: postTelemetry } = collected.value as { readonly post_telemetry: Telemetry }
  const validated = successes(results, 'validate_improvement').findLast(({ input }) => {
    const compared = input as { readonly pre_telemetry: Telemetry; readonly post_telemetry: Telemetry }
    return same(compared.pre_telemetry, preTelemetry) && same(compared.post_telemetry, postTelemetry)
  })
  return { ...chain, postTelemetry, ...(validated === undefined ? {} : { validation: validated.value as Validation }) }
}

/** Whether a fix with these actions was applied to the simulation. */
export function hasSimulated(actions: FixPlan['actions'], results: readonly ToolResult[]): boolean {
  return successes(results, 'apply_fix_simulation').some(({ input }) => same(fixInput(input).fix_plan.actions, actions))
}

function fixInput(input: unknown): { readonly fix_plan: FixPlan } {
  return input as { readonly fix_plan: FixPlan }
}

function same(a: unknown, b: unknown): boolean {
  return a === b || canonicalJson(a) === canonicalJson(b)
}
