import { expect, test } from 'vitest'
import { collectTelemetry, runIncidentAgent } from '../../lib/incident/index.ts'
import type { FixPlan } from '../../tools/types.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'
import { answers, diagnosis, fetchConfig, plan, scenario as pressure, simulates } from './support/answer.ts'

const reason = 'Nothing is wrong, so a change would only add risk.'
const noChange: FixPlan = { summary: 'Change nothing.', actions: [{ action: 'no_change', reason }] }
const evidence = [{ tool: 'pre_telemetry', quote: '"engine_up":true' }]

async function answered(scenario: string, fix_plan: FixPlan, changes: object = {}) {
  const pre_telemetry = await collectTelemetry(scenario)
  const seen = [{ tool: 'pre_telemetry', quote: `"engine_up":${pre_telemetry.health.engine_up}` }]
  const answer = { diagnosis: { ...diagnosis, category: 'none', evidence: seen, ...changes }, fix_plan }
  const fetches = calls('fetch_runtime_state', { scenario })
  const model = scriptedModel([fetches, says(JSON.stringify(answer)), says(JSON.stringify(answer))])
  const result = await runIncidentAgent({ scenario, pre_telemetry }, { model, limits: { rounds: 4 } })
  const feedback = result.agent_trace.flatMap((entry) => (entry.type === 'answer-rejected' ? entry.problems : []))
  return { result, feedback: feedback.join('\n') }
}

test('no change of a healthy system needs no simulation and is reported as not needed', async () => {
  const { result, feedback } = await answered('healthy_control', noChange)
  expect(feedback).toBe('')
  expect(result).toMatchObject({
    fix_plan: noChange,
    fix_result: null,
    post_telemetry: null,
    validation: { status: 'unchanged', deltas: [], summary: expect.stringContaining('No change needed') },
    run: { stop_reason: 'answered', rounds: 2 },
  })
})

test('no change during an outage is sent back with what it must explain', async () => {
  const { result, feedback } = await answered('vllm_cuda_oom', noChange)
  expect(feedback).toContain('diagnosis.category: "none", but there is an incident: engine down')
  expect(feedback).toMatch(
    /say in rationale why no action helps against each of: engine down.*share of served requests/,
  )
  expect(feedback).toContain('diagnosis.uncertainties: it is empty')
  expect(result.run.stop_reason).not.toBe('answered')
})

test('no change during an outage is accepted with its reasons, and does not read like success', async () => {
  const rationale = 'The engine is down and requests are not served; no action is known to help. TTFT follows from it.'
  const changes = {
    category: 'unknown',
    confidence: 'low',
    uncertainties: ['The kernel log of the node was not collected.'],
  }
  const { result, feedback } = await answered('vllm_cuda_oom', { ...noChange, rationale }, changes)
  expect(feedback).toBe('')
  expect(result.validation.summary).toContain('the incident continues: engine down')
})

test('figures that were not observed do not count as met', async () => {
  const { result } = await answered('missing_telemetry', noChange, { category: 'unknown', confidence: 'low' })
  expect(result.validation).toMatchObject({ status: 'unknown', summary: expect.stringContaining('requests, latency') })
})

const useless: FixPlan = { summary: 'Restart.', actions: [{ action: 'restart_engine' }] }
const explained: FixPlan = { ...noChange, rationale: 'No action helps TTFT, inter-token latency or served requests.' }

test.each([
  ['a plan that changes nothing', explained, [], 'no_change leaves the incident as it is'],
  ['a plan that was validated as unchanged', useless, simulates(useless), 'this plan was validated as unchanged'],
])('%s is sent back while another plan was validated as improved', async (_name, fix_plan, more, why) => {
  const uncertain = { ...diagnosis, evidence, uncertainties: ['Whether the load stays as it is.'] }
  const model = scriptedModel([
    fetchConfig,
    ...simulates(plan),
    ...more,
    says(JSON.stringify({ diagnosis: uncertain, fix_plan })),
    answers(evidence, plan),
  ])
  const pre_telemetry = await collectTelemetry(pressure)
  const result = await runIncidentAgent({ scenario: pressure, pre_telemetry }, { model, limits: { rounds: 12 } })
  const problems = result.agent_trace.flatMap((entry) => (entry.type === 'answer-rejected' ? entry.problems : []))
  expect(problems).toEqual([expect.stringMatching(`${why}, but the plan of call .* was validated as improved`)])
  expect(problems[0]).toMatch(/\{"\$result":"[^"]+#\/fix_plan"\}/)
  expect(result).toMatchObject({ fix_plan: plan, validation: { status: 'improved' } })
})
