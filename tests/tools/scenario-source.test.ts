import { expect, test } from 'vitest'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { runIncident } from '../../lib/incident/index.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { startMockServer } from '../../lib/testing/index.ts'
import type { Tool } from '../../router/tool.ts'
import {
  builtInScenarios,
  createIncidentTools,
  fetchConfig,
  type Incident,
  incidentTools,
  scenarioSource,
} from '../../tools/index.ts'
import { createActivities } from '../../workflows/activities.ts'
import { call } from './call.ts'

const id = 'our_incident'
const original = loadScenario('kv_cache_pressure')
/** An incident with another id, another log and a page of its own. */
const scenario: Scenario = {
  ...original,
  id,
  deployment: { ...original.deployment, scenario: id, config_id: `${id}/initial` },
}
const page = '# TYPE up gauge\nup 1\n'
const lines = ['(EngineCore_DP0 pid=1) ERROR 05-04 09:14:30 [core.py:1] our own line']
const incident: Incident = {
  scenario,
  log: (source) => (source === 'vllm' ? lines : undefined),
  metricsPage: () => page,
}
const scenarios = scenarioSource([incident])
const tools = createIncidentTools({ scenarios })
const [fetchVllmLogs, fetchSystemLogs, fetchMetrics, fetchOwnConfig, , , , applyFix, collect] = tools

test('the tools of a source have the same names, schemas and order as the named ones', () => {
  const shape = (all: readonly Tool[]) =>
    all.map(({ name, inputSchema, outputSchema, annotations }) => ({ name, inputSchema, outputSchema, annotations }))
  expect(shape(tools)).toEqual(shape(incidentTools))
})

test('logs, page and configuration are those of the source', async () => {
  expect(await call(fetchVllmLogs, { scenario: id })).toMatchObject({ lines })
  expect(await call(fetchSystemLogs, { scenario: id })).toMatchObject({
    lines: [],
    not_collected: ['dmesg', 'journal'],
  })
  expect(await call(fetchMetrics, { scenario: id })).toMatchObject({ raw_text: page })
  expect(await call(fetchOwnConfig, { config_id: `${id}/initial` })).toMatchObject({ config: scenario.deployment })
})

test('a fix is applied and simulated for an incident of the source only', async () => {
  const fix_plan = { summary: 'x', actions: [{ action: 'set_engine_args' as const, args: { max_num_seqs: 64 } }] }
  const { updated_config } = await call(applyFix, { current_config: scenario.deployment, fix_plan })
  expect((await call(collect, { scenario: id, updated_config })).post_telemetry).toMatchObject({ scenario: id })
  await expect(call(applyFix, { current_config: original.deployment, fix_plan })).rejects.toThrow(
    'unknown scenario "kv_cache_pressure"',
  )
})

test('a call without an id means the only incident of its source', async () => {
  expect(await call(fetchOwnConfig, {})).toMatchObject({ config: scenario.deployment })
  await expect(call(fetchConfig, {})).rejects.toThrow(
    'scenario: missing. Pass the id of an incident: concurrency_cap, ',
  )
})

test('an unknown id lists the ids of the source, and the named tools know only the built-in scenarios', async () => {
  await expect(call(fetchOwnConfig, { scenario: 'our_incidents' })).rejects.toThrow(
    'Did you mean "our_incident"? Known scenarios: our_incident.',
  )
  await expect(call(fetchConfig, { scenario: id })).rejects.toThrow('Unknown scenario "our_incident"')
  expect(builtInScenarios.list()).not.toContain(id)
})

test('the agent and the activities work on the incidents of a source', async () => {
  await using server = await startMockServer({ responder: incidentResponder() })
  const model = minimax({ url: server.url, token: 'mock-server', env: {} })
  const { result, report } = await runIncident(id, { model, scenarios })
  await model.close()
  expect(report.json.scenario).toBe(id)
  expect(result.run.stop_reason).toBe('answered')
  const activities = createActivities({ model, scenarios })
  expect(await activities.collect_telemetry({ scenario: id })).toEqual(report.json.pre_telemetry)
  const recovered = await activities.recover_result({
    scenario: id,
    pre_telemetry: report.json.pre_telemetry,
    stop_reason: 'failed',
    error: { name: 'ModelError', code: 'server', message: 'lost', retryable: false },
  })
  expect(recovered.run.stop_reason).toBe('failed')
  await expect(createActivities({ model }).collect_telemetry({ scenario: id })).rejects.toThrow('Unknown scenario')
})
