import { expect, test } from 'vitest'
import { collectTelemetry, runIncidentAgent } from '../../lib/incident/index.ts'
import type { FixPlan } from '../../tools/types.ts'
import { calls, type ScriptStep, scriptedModel } from '../support/scripted-model.ts'
import { answers, fetchConfig, plan, scenario, simulates } from './support/answer.ts'
import { simulate } from './support/simulate.ts'

const quote = { tool: 'fetch_config', quote: '"gpu_memory_utilization":0.8' }
const harmful: FixPlan = {
  summary: 'Compute without graphs.',
  actions: [{ action: 'set_engine_args', args: { enforce_eager: true } }],
}

async function agent(steps: readonly ScriptStep[]) {
  const pre_telemetry = await collectTelemetry(scenario)
  return runIncidentAgent({ scenario, pre_telemetry }, { model: scriptedModel(steps) })
}

test('telemetry that the model made up validates nothing', async () => {
  const { post_telemetry } = await simulate(scenario, plan)
  const [apply, collect] = simulates(harmful)
  const invented = calls('validate_improvement', { pre_telemetry: { $input: 'pre_telemetry' }, post_telemetry }, 'v')
  const result = await agent([
    fetchConfig,
    ...[apply, collect].flatMap((step) => step ?? []),
    invented,
    answers([quote], harmful),
  ])
  expect(result.run.stop_reason).toBe('answered')
  expect(result.validation).toMatchObject({ status: 'unknown', deltas: [] })
})

test("telemetry of a fix other than the answer's validates nothing", async () => {
  const second = simulates(harmful)[0] ?? fetchConfig
  const result = await agent([fetchConfig, ...simulates(plan), second, answers([quote], harmful)])
  expect(result).toMatchObject({ fix_plan: harmful, post_telemetry: null, validation: { status: 'unknown' } })
})

test('a model may return to an earlier fix, whose own telemetry and validation count', async () => {
  const result = await agent([fetchConfig, ...simulates(plan), ...simulates(harmful), answers([quote], plan)])
  expect(result).toMatchObject({ fix_plan: plan, ...(await simulate(scenario, plan)) })
})

test('confidence without evidence is sent back', async () => {
  const model = scriptedModel([answers([], harmful), answers([], harmful), answers([], harmful)])
  const pre_telemetry = await collectTelemetry(scenario)
  await runIncidentAgent({ scenario, pre_telemetry }, { model, limits: { rounds: 3 } })
  expect(model.requests[1]?.messages.at(-1)?.content).toContain('needs at least one quote')
})
