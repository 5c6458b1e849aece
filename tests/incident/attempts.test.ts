import { expect, test } from 'vitest'
import { collectTelemetry, runIncidentAgent } from '../../lib/incident/index.ts'
import type { FixPlan } from '../../tools/types.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'
import { answers, diagnosis, fetchConfig, plan, scenario, simulates } from './support/answer.ts'

const quote = { tool: 'fetch_config', quote: '"gpu_memory_utilization":0.8' }
const harmful: FixPlan = {
  summary: 'Compute without graphs.',
  actions: [{ action: 'set_engine_args', args: { enforce_eager: true } }],
}

const applies = (fix_plan: unknown, id: string) =>
  calls('apply_fix_simulation', { current_config: { $result: 'fetch_config#/config' }, fix_plan }, id)

async function attempts(steps: readonly ScriptStep[], incident = scenario) {
  const pre_telemetry = await collectTelemetry(incident)
  const model = scriptedModel(steps)
  const result = await runIncidentAgent({ scenario: incident, pre_telemetry }, { model, limits: { rounds: 14 } })
  return result.attempts
}

test('every plan that was tried is listed in order, with its verdict and the one that counts', async () => {
  const tried = await attempts([fetchConfig, ...simulates(harmful), ...simulates(plan), answers([quote])])
  expect(tried).toEqual([
    {
      round: 2,
      summary: harmful.summary,
      actions: harmful.actions,
      status: expect.stringMatching(/unchanged|regressed/),
      text: expect.stringContaining('Served'),
      is_final: false,
    },
    {
      round: 5,
      summary: plan.summary,
      actions: plan.actions,
      status: 'improved',
      text: expect.stringContaining('With the change, the objective is met.'),
      is_final: true,
    },
  ])
})

test('a plan that the simulation refused is listed with the reason', async () => {
  const unknown = { summary: 'Fewer.', actions: [{ action: 'set_engine_args', args: { max_seqs: 8 } }] }
  const unreadable = { summary: 'Hope.', actions: [{ action: 'pray' }] }
  const tried = await attempts([
    fetchConfig,
    applies(unknown, 'a'),
    applies(unreadable, 'b'),
    ...simulates(plan),
    answers([quote]),
  ])
  expect(tried).toMatchObject([
    {
      round: 2,
      summary: 'Fewer.',
      actions: unknown.actions,
      status: 'refused',
      text: expect.stringContaining('max_seqs'),
    },
    { round: 3, summary: 'Hope.', actions: [], status: 'refused', text: expect.stringContaining('pray') },
    { round: 4, status: 'improved', is_final: true },
  ])
})

test('a plan that was called twice is one attempt, also if it was refused first', async () => {
  const early = calls('apply_fix_simulation', { current_config: { $result: 'nothing#/config' }, fix_plan: plan }, 'e')
  const tried = await attempts([
    fetchConfig,
    early,
    ...simulates(plan),
    applies({ ...plan, summary: 'Again.' }, 'again'),
    answers([quote]),
  ])
  expect(tried).toMatchObject([{ round: 2, status: 'improved', is_final: true }])
})

test('a plan without a comparison says so', async () => {
  const tried = await attempts([fetchConfig, applies(harmful, 'a'), ...simulates(plan), answers([quote])])
  expect(tried[0]).toMatchObject({ status: 'not_validated', is_final: false })
  expect(tried[0]?.text).toBe('No telemetry of this plan was compared with that of the incident.')
})

test('a plan of the answer that changes nothing is the last attempt, without a simulation', async () => {
  const noChange: FixPlan = { summary: 'Nothing.', actions: [{ action: 'no_change', reason: 'All is well.' }] }
  const evidence = [{ tool: 'pre_telemetry', quote: '"stuck_workers":' }]
  const answer = { diagnosis: { ...diagnosis, category: 'none', evidence }, fix_plan: noChange }
  const fetches = calls('fetch_runtime_state', { scenario: 'healthy_control' })
  const tried = await attempts([fetches, says(JSON.stringify(answer))], 'healthy_control')
  expect(tried).toEqual([
    {
      round: 2,
      summary: 'Nothing.',
      actions: noChange.actions,
      status: 'not_validated',
      text: 'It changes nothing, so it needs no simulation.',
      is_final: true,
    },
  ])
})
