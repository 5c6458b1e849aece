import { listScenarios } from '../fixtures/load-scenario.ts'
import { defineTool } from '../router/tool.ts'
import { MismatchError } from './errors.ts'
import { applyPlan } from './fix/apply-plan.ts'
import { pureAnnotations } from './schemas/common.ts'
import { deploymentSchema } from './schemas/deployment.ts'
import { fixPlanSchema } from './schemas/fix-plan.ts'

const scalar = { type: ['boolean', 'number', 'string', 'null'] } as const

/** Turns a fix plan into a new configuration; it throws `FixPlanError` for a plan that cannot be applied. */
export const applyFixSimulation = defineTool({
  name: 'apply_fix_simulation',
  title: 'Apply a fix (simulated)',
  description:
    'Applies a fix plan to a deployment configuration, in simulation only. Returns the whole updated configuration, the ' +
    'differences, and what the documentation says each action does. Rejects engine arguments that are unknown, removed or ' +
    'not simulated, and contradicting actions, with the reason. Pass updated_config on to collect_post_telemetry.',
  inputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['current_config', 'fix_plan'],
    properties: { current_config: deploymentSchema, fix_plan: fixPlanSchema },
  },
  outputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['updated_config', 'diff', 'expected_impact'],
    properties: {
      updated_config: deploymentSchema,
      diff: {
        type: 'array',
        description: 'JSON Patch-like rows; "from" is the earlier value.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['op', 'path'],
          properties: {
            op: { enum: ['add', 'remove', 'replace'] },
            path: { type: 'string' },
            from: scalar,
            value: scalar,
          },
        },
      },
      expected_impact: { type: 'array', items: { type: 'string' } },
    },
  },
  annotations: pureAnnotations,
  execute: ({ current_config, fix_plan }) => {
    if (!listScenarios().includes(current_config.scenario)) {
      throw new MismatchError(
        `current_config.scenario is "${current_config.scenario}", which is none; pass the configuration that fetch_config returned.`,
      )
    }
    return applyPlan(current_config, fix_plan)
  },
})
