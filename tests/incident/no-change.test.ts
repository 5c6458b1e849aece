import { expect, test } from 'vitest'
import { collectTelemetry, runIncidentAgent } from '../../lib/incident/index.ts'
import type { FixPlan } from '../../tools/types.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'
import { diagnosis } from './support/answer.ts'

const reason = 'Nothing is wrong, so a change would only add risk.'
const noChange: FixPlan = { summary: 'Change nothing.', actions: [{ action: 'no_change', reason }] }
const evidence = [{ tool: 'pre_telemetry', quote: '"stuck_workers":' }]

async function answered(scenario: string, fix_plan: FixPlan, changes: object = {}) {
  const answer = { diagnosis: { ...diagnosis, category: 'none', evidence, ...changes }, fix_plan }
  const fetches = calls('fetch_runtime_state', { scenario })
  const model = scriptedModel([fetches, says(JSON.stringify(answer)), says(JSON.stringify(answer))])
  const pre_telemetry = await collectTelemetry(scenario)
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
  expect(feedback).toContain('diagnosis.uncertainties is empty')
  expect(result.run.stop_reason).not.toBe('answered')
})

test('no change during an outage is accepted with its reasons, and does not read like success', async () => {
  const rationale = 'The engine is down and requests are not served; no action is known to help. TTFT follows from it.'
  const changes = { category: 'unknown', uncertainties: ['The kernel log of the node was not collected.'] }
  const { result, feedback } = await answered('vllm_cuda_oom', { ...noChange, rationale }, changes)
  expect(feedback).toBe('')
  expect(result.validation.summary).toContain('the incident continues: engine down')
})

test('figures that were not observed do not count as met', async () => {
  const { result } = await answered('missing_telemetry', noChange, { category: 'unknown' })
  expect(result.validation).toMatchObject({ status: 'unknown', summary: expect.stringContaining('requests, latency') })
})
