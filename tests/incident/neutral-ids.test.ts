import { expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../fixtures/load-scenario.ts'
import { collectTelemetry, runIncidentAgent } from '../../lib/incident/index.ts'
import type { LoopEvent } from '../../lib/loop/events.ts'
import type { ScriptedReply } from '../../lib/testing/index.ts'
import { neutralIncident } from '../../tools/neutral-incident.ts'
import { builtInScenarios, type Incident, scenarioSource } from '../../tools/scenario-source.ts'
import { scriptedModel } from '../support/scripted-model.ts'

// A text of vLLM that happens to be the name of a scenario. Evidence stays as it is.
const vllmText = /Using a slow tokenizer/g

const plan = { summary: 'Restart it.', actions: [{ action: 'restart_engine' }] }
const steps: readonly (readonly [name: string, input: object])[] = [
  ['fetch_vllm_logs', {}],
  ['fetch_system_logs', {}],
  ['fetch_prometheus_metrics', {}],
  ['fetch_config', {}],
  ['fetch_runtime_state', {}],
  ['fetch_gpu_stats', {}],
  [
    'analyze_metrics',
    {
      pre_telemetry: { $input: 'pre_telemetry' },
      prometheus_samples: { $result: 'fetch_prometheus_metrics#/samples' },
    },
  ],
  ['fetch_config', { scenario: 'no_such_incident' }],
  ['fetch_config', { config_id: 'no_such_incident/initial' }],
  ['apply_fix_simulation', { current_config: { $result: 'c3#/config' }, fix_plan: plan }],
  ['collect_post_telemetry', { updated_config: { $result: 'apply_fix_simulation#/updated_config' } }],
  [
    'validate_improvement',
    {
      pre_telemetry: { $input: 'pre_telemetry' },
      post_telemetry: { $result: 'collect_post_telemetry#/post_telemetry' },
    },
  ],
]
/** Some scenarios take long to simulate for all seeds; what the last two tools show does not depend on the scenario. */
const validated: readonly string[] = ['cuda_ecc_uncorrectable', 'healthy_control', 'linux_oom_killer', 'nvidia_xid']
const callsFor = (scenario: string): ScriptedReply => ({
  toolCalls: steps
    .slice(0, validated.includes(scenario) ? undefined : -2)
    .map(([name, input], index) => ({ name, input, id: `c${index}` })),
})
const answer = JSON.stringify({
  diagnosis: {
    root_cause: 'It is not known.',
    summary: 'It is not known.',
    category: 'unknown',
    confidence: 'low',
    evidence: [],
    ruled_out: [],
    uncertainties: [],
  },
  fix_plan: plan,
})

/** Runs the agent without naming the incident in a call. */
async function run(scenario: string, scenarios = builtInScenarios) {
  const model = scriptedModel([callsFor(scenario), answer])
  const pre_telemetry = await collectTelemetry(scenario, scenarios)
  const result = await runIncidentAgent({ scenario, pre_telemetry }, { model, scenarios })
  const sent = model.requests.map((request) => JSON.stringify(request))
  return { result, pre_telemetry, sent }
}

/** Every id with its words joined by any of `_`, `-` and a space. */
const names = listScenarios().map((id) => new RegExp(id.replaceAll('_', '[-_ ]'), 'i'))

test.each(listScenarios())('nothing that the model is sent names a scenario: incident %#', async (scenario) => {
  const { result, sent, pre_telemetry } = await run(scenario)
  const statuses = result.agent_trace.flatMap((entry) => (entry.type === 'tool-end' ? [entry.status] : []))
  expect(statuses.filter((status) => status !== 'ok')).toHaveLength(2)
  expect(sent.at(-1)).toContain('config_id')
  const found = names.flatMap((name) => sent.flatMap((text) => text.replace(vllmText, '').match(name) ?? []))
  expect(found).toEqual([])
  // People get the name.
  if (validated.includes(scenario)) expect(result.post_telemetry).toMatchObject({ scenario })
  expect(result.fix_result?.updated_config).toMatchObject({ scenario })
  expect(result.fix_result?.updated_config.config_id).toContain(`${scenario}/`)
  expect(pre_telemetry).toMatchObject({ scenario, config_id: `${scenario}/initial` })
  expect(JSON.stringify(result)).not.toContain(neutralIncident(builtInScenarios, scenario).id)
})

test('a call may give the neutral id, and an unknown id is answered with it, but people read the name', async () => {
  const scenario = 'healthy_control'
  const { id } = neutralIncident(builtInScenarios, scenario)
  const ask = (given: string): ScriptedReply => ({
    toolCalls: [{ name: 'fetch_config', input: { scenario: given }, id: given }],
  })
  const model = scriptedModel([ask(id), ask('other'), answer])
  const events: LoopEvent[] = []
  const pre_telemetry = await collectTelemetry(scenario)
  await runIncidentAgent({ scenario, pre_telemetry }, { model, onEvent: (event) => events.push(event) })
  expect(events.flatMap((event) => (event.type === 'tool-end' ? [event.status] : []))).toEqual(['ok', 'error'])
  expect(JSON.stringify(model.requests)).toContain(`Known scenarios: ${id}.`)
  expect(JSON.stringify(events)).toContain(`Known scenarios: ${scenario}.`)
  expect(JSON.stringify(events)).not.toContain(id)
})

test('the neutral id is the same in each process, and each incident has its own', () => {
  const ids = listScenarios().map((scenario) => neutralIncident(builtInScenarios, scenario).id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.filter((id) => !/^inc-[0-9a-f]{6}$/.test(id))).toEqual([])
  expect(neutralIncident(builtInScenarios, 'kv_cache_pressure').id).toBe('inc-e469bf')
})

test('an incident of the caller has a neutral id too, and its name may contain any character', async () => {
  const original = loadScenario('healthy_control')
  const id = 'xid "79"\\ $& $$'
  const incident: Incident = {
    scenario: { ...original, id, deployment: { ...original.deployment, scenario: id, config_id: `${id}/initial` } },
    log: () => undefined,
    metricsPage: () => undefined,
  }
  const { result, sent } = await run(id, scenarioSource([incident]))
  expect(sent.join('\n')).not.toMatch(/xid [\\"]*79/)
  expect(result.fix_result?.updated_config).toMatchObject({ scenario: id })
})
