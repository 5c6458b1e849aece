import { expect, test } from 'vitest'
import { answerProblems } from '../../lib/incident/agent/answer-check.ts'
import { collectTelemetry, runIncidentAgent } from '../../lib/incident/index.ts'
import type { FixPlan } from '../../tools/types.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'
import { answers, diagnosis, fetchConfig, plan, scenario, simulates } from './support/answer.ts'
import { simulate } from './support/simulate.ts'

const quote = { tool: 'fetch_config', quote: '"gpu_memory_utilization":0.8' }
const harmful: FixPlan = {
  summary: 'Compute without graphs.',
  actions: [{ action: 'set_engine_args', args: { enforce_eager: true } }],
}

const answersWith = (fix_plan: object) =>
  says(JSON.stringify({ diagnosis: { ...diagnosis, evidence: [quote] }, fix_plan }))

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
  expect(result.run.stop_reason).not.toBe('answered')
  expect(result.validation).toMatchObject({ status: 'unknown', deltas: [] })
})

test("telemetry of a fix other than the answer's validates nothing", async () => {
  const second = simulates(harmful)[0] ?? fetchConfig
  const result = await agent([fetchConfig, ...simulates(plan), second, answers([quote], harmful)])
  expect(result).toMatchObject({ fix_plan: harmful, post_telemetry: null, validation: { status: 'unknown' } })
  expect(result.run.stop_reason).not.toBe('answered')
})

test.each([{ $result: 'apply_fix_simulation#/fix_plan' }, { $result: 'apply#/fix_plan' }, { $result: 'apply' }])(
  'a plan can be given by reference: %j',
  async (reference) => {
    const words = { ...plan, rationale: 'More of it fits.', risks: ['Less accurate answers.'] }
    const result = await agent([fetchConfig, ...simulates(words), answersWith(reference)])
    expect(result).toMatchObject({ fix_plan: words, run: { stop_reason: 'answered' } })
  },
)

test('a reference to no plan is sent back with the form of a reference', async () => {
  const model = scriptedModel([fetchConfig, answersWith({ $result: 'call_9#/fix_plan' })])
  const pre_telemetry = await collectTelemetry(scenario)
  const result = await runIncidentAgent({ scenario, pre_telemetry }, { model, limits: { rounds: 2 } })
  const [problem] = result.diagnosis.uncertainties
  expect(problem).toMatch(/fix_plan: .*call_9.* refers to no plan\. Use \{"\$result"/)
})

test.each<[string, (answer: object) => object, RegExp]>([
  ['a reference to no plan', (answer) => ({ ...answer, fix_plan: { $result: 'call_9' } }), /refers to no plan/],
  ['an unreadable plan', (answer) => ({ ...answer, fix_plan: { summary: 'More.' } }), /fix_plan.*"actions"/],
  ['no plan', ({ ...answer }) => answer, /"fix_plan" is missing/],
])('%s does not hide the problems of the diagnosis', async (_, withPlan, planProblem) => {
  const wrong = {
    ...diagnosis,
    root_cause: 'The queue has 98765 requests.',
    evidence: [quote],
  }
  const problems = answerProblems(withPlan({ diagnosis: wrong }), [], await collectTelemetry(scenario))
  expect(problems).toHaveLength(3)
  expect(problems[0]).toMatch(planProblem)
  expect(problems.join('\n')).toMatch(/evidence\[0\].*\n.*"98765 requests"/)
})

test('a reference to no plan does not hide what is missing', async () => {
  const { category: _, ...rest } = { ...diagnosis, evidence: [quote] }
  const answer = { diagnosis: rest, fix_plan: { $result: 'call_9' } }
  const problems = answerProblems(answer, [], await collectTelemetry(scenario))
  expect(problems).toEqual([expect.stringContaining('refers to no plan'), expect.stringContaining('"category"')])
})

test('the words of the final answer are kept when its actions are the validated ones', async () => {
  const reworded = { ...plan, summary: 'A larger cache.', rationale: 'Because it was full.', risks: ['Quality.'] }
  const result = await agent([fetchConfig, ...simulates(plan), answers([quote], reworded)])
  expect(result.fix_plan).toEqual(reworded)
  expect(result.validation.status).toBe('improved')
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
