import { expect, test } from 'vitest'
import { type AgentResult, collectTelemetry, runIncidentAgent } from '../../lib/incident/index.ts'
import { ModelError } from '../../lib/loop/errors.ts'
import type { Model } from '../../lib/loop/model.ts'
import type { FixPlan } from '../../tools/types.ts'
import { calls, fails, says, scriptedModel } from '../support/scripted-model.ts'
import { answers, diagnosis, fetchConfig, plan, scenario, simulates } from './support/answer.ts'
import { simulate } from './support/simulate.ts'

const quote = { tool: 'fetch_config', quote: '"gpu_memory_utilization":0.8' }
const invented = { tool: 'fetch_config', quote: '"gpu_memory_utilization":0.3' }
const otherPlan: FixPlan = { summary: 'Restart it.', actions: [{ action: 'restart_engine' }] }
const nothing = { fix_result: null, post_telemetry: null }
const overloaded = fails(new ModelError('MiniMax: busy', { code: 'overloaded', retryable: true, status: 529 }))

const agent = async (model: Model, options: object = {}): Promise<AgentResult> =>
  runIncidentAgent({ scenario, pre_telemetry: await collectTelemetry(scenario) }, { model, ...options })
const lastFeedback = (model: ReturnType<typeof scriptedModel>) =>
  String(model.requests.at(-1)?.messages.at(-1)?.content)
const validated = [fetchConfig, ...simulates(plan)]

test('figures come from the tools, not from the answer', async () => {
  const exaggerated = { ...plan, summary: 'Every user is happy again.' }
  const model = scriptedModel([...validated, answers([quote], exaggerated)])
  const result = await agent(model)
  expect(result).toMatchObject({
    ...(await simulate(scenario, plan)),
    run: { stop_reason: 'answered', rounds: 5 },
  })
  expect(result.validation.status).toBe('improved')
})

test('an answer with its own validation is sent back', async () => {
  const own = { validation: { status: 'improved', deltas: [], summary: 'All is well.' } }
  const model = scriptedModel([...validated, answers([quote], plan, own), answers([quote])])
  const result = await agent(model)
  expect(lastFeedback(model)).toContain('validation')
  expect(result.validation).toEqual((await simulate(scenario, plan)).validation)
})

test('a plan that was not simulated is sent back', async () => {
  const model = scriptedModel([fetchConfig, ...simulates(plan), answers([quote], otherPlan), answers([quote])])
  const result = await agent(model)
  expect(lastFeedback(model)).toContain('fix_plan: the plan was not validated')
  expect(lastFeedback(model)).toContain('{"$result":"apply#/fix_plan"}')
  expect(result).toMatchObject({ fix_plan: plan, run: { stop_reason: 'answered', rounds: 6 } })
})

test('a plan with its members in another order is the same plan', async () => {
  const reordered: FixPlan = {
    actions: [{ args: { kv_cache_dtype: 'fp8', gpu_memory_utilization: 0.92 }, action: 'set_engine_args' }],
    summary: 'The same.',
  }
  const model = scriptedModel([fetchConfig, ...simulates(plan), answers([quote], reordered)])
  expect((await agent(model)).run.stop_reason).toBe('answered')
})

test('a quote that no result contains is sent back, and the corrected answer is grounded', async () => {
  const model = scriptedModel([...validated, answers([quote, invented]), answers([quote])])
  const result = await agent(model)
  expect(lastFeedback(model)).toContain('diagnosis.evidence[1]: no result of fetch_config contains this quote')
  expect(result.diagnosis.evidence).toEqual([{ ...quote, grounded: true }])
})

test('a quote that is still invented at the limit is kept and marked as not grounded', async () => {
  const model = scriptedModel([fetchConfig, answers([quote, invented])])
  const result = await agent(model, { limits: { rounds: 2 } })
  expect(result.run.stop_reason).toBe('rounds')
  expect(result.diagnosis.evidence).toEqual([
    { ...quote, grounded: true },
    { ...invented, grounded: false, reason: 'no result of fetch_config contains this quote.' },
  ])
  expect(result.validation.status).toBe('unknown')
})

test('without a simulated fix the validation is unknown, and the plan of the last answer is kept', async () => {
  const result = await agent(scriptedModel([fetchConfig, answers([quote])]), { limits: { rounds: 2 } })
  expect(result).toMatchObject({ ...nothing, fix_plan: plan, validation: { status: 'unknown', deltas: [] } })
})

test('a plan that was applied alone is sent back with the two calls that are missing', async () => {
  const current_config = { $result: 'fetch_config#/config' }
  const reapply = calls('apply_fix_simulation', { current_config, fix_plan: otherPlan }, 'apply-again')
  const model = scriptedModel([...validated, reapply, answers([quote], otherPlan), answers([quote])])
  const result = await agent(model)
  expect(lastFeedback(model)).toContain('{"$result":"apply-again#/updated_config"}')
  expect(lastFeedback(model)).toContain('validate_improvement')
  expect(lastFeedback(model)).not.toContain('current_config')
  expect(result).toMatchObject({ fix_plan: plan, ...(await simulate(scenario, plan)) })
})

test.each([0, 1, 2, 3, 4])(
  'when the model fails after %i replies, the result has everything that the tools returned',
  async (replies) => {
    const steps = [fetchConfig, ...simulates(plan)].slice(0, replies)
    const result = await agent(scriptedModel([...steps, overloaded]))
    const found = await simulate(scenario, plan)
    expect(result).toMatchObject({
      fix_plan: replies > 1 ? plan : null,
      fix_result: replies > 1 ? found.fix_result : null,
      post_telemetry: replies > 2 ? found.post_telemetry : null,
      validation: {
        status: 'unknown',
        deltas: replies > 3 ? found.validation.deltas : [],
        summary: expect.stringContaining('failed'),
      },
      diagnosis: { root_cause: 'unknown', confidence: 'low', summary: expect.stringContaining('failed') },
      run: {
        stop_reason: 'failed',
        rounds: replies,
        error: { message: 'MiniMax: busy', code: 'overloaded', status: 529 },
      },
    })
    expect(result.agent_trace.filter(({ type }) => type === 'tool-end')).toHaveLength(replies)
  },
)

test('a run that ends before its answer quotes the hotspot of the analysis', async () => {
  const samples = { $result: 'fetch_prometheus_metrics#/samples' }
  const result = await agent(
    scriptedModel([
      calls('fetch_prometheus_metrics', { scenario }),
      calls('analyze_metrics', { pre_telemetry: { $input: 'pre_telemetry' }, prometheus_samples: samples }),
      overloaded,
    ]),
  )
  const { evidence, root_cause, confidence } = result.diagnosis
  expect({ root_cause, confidence }).toEqual({ root_cause: 'unknown', confidence: 'low' })
  expect(evidence[0]).toEqual({
    tool: 'analyze_metrics',
    quote: expect.stringMatching(/^KV cache usage/),
    grounded: true,
  })
  expect(evidence.length).toBeGreaterThan(1)
})

test.each([
  ['text', 'I think the cache is full.'],
  ['null', 'null'],
  ['a list', '[1]'],
  ['another object', '{"diagnosis":null,"fix_plan":7}'],
  ['evidence of another form', `{"diagnosis":${JSON.stringify({ ...diagnosis, evidence: [null, 7, { tool: 1 }] })}}`],
  ['a diagnosis of another form', '{"diagnosis":"the cache"}'],
])('at the limit a rejected answer that is %s gives a best-effort result', async (_name, text) => {
  const result = await agent(scriptedModel([says(text)]), { limits: { rounds: 1 } })
  expect(result).toMatchObject({
    ...nothing,
    fix_plan: null,
    validation: { status: 'unknown', deltas: [] },
    diagnosis: { confidence: 'low', evidence: [] },
    run: { stop_reason: 'rounds', rounds: 1 },
  })
  expect(typeof result.diagnosis.root_cause).toBe('string')
})

test('the model sees a failed call, and the run continues', async () => {
  const lost = calls('fetch_config', { scenario: 'no_such_incident' }, 'lost')
  const model = scriptedModel([lost, ...validated, answers([quote])])
  const result = await agent(model)
  expect(model.requests[1]?.messages.find(({ role }) => role === 'tool')?.content).toContain('no_such_incident')
  expect(result.run.stop_reason).toBe('answered')
})

test('the prompt reveals no scenario', async () => {
  const model = scriptedModel([fetchConfig, answers([quote])])
  await agent(model)
  const system = String(model.requests[0]?.messages[0]?.content)
  expect(system).not.toMatch(/kv_cache_pressure|engine_startup_hang|33369|26863|nccl_net_|linux_oom_killer/)
  expect(system).toMatch(/journalctl/)
})
