import { expect, test } from 'vitest'
import type { AgentResult } from '../../../lib/incident/index.ts'
import { reportFacts } from '../../../lib/incident/report/report-facts.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { inputWith } from './hostile-result.ts'

const base = inputWith('plain')
const changes = { summary: 'Admit fewer.', actions: [{ action: 'restart_engine' as const }] }
const nothing = { summary: 'Nothing.', actions: [{ action: 'no_change' as const, reason: 'x' }] }

function facts(result: Partial<AgentResult>, scenario = 'kv_cache_pressure') {
  const { error: _, ...run } = base.result.run
  const answered = { ...base.result, run: { ...run, stop_reason: 'answered' as const }, ...result }
  return reportFacts({ scenario, pre_telemetry: telemetryOf(scenario), result: answered })
}

const validated = (status: AgentResult['validation']['status']) => ({ status, deltas: [], summary: 'Compared.' })

test.each([
  ['improved', /^Apply the fix\./],
  ['unchanged', /^Do not apply the plan: in the simulation it does not help\./],
  ['regressed', /^Do not apply the plan: in the simulation it makes the incident worse\./],
  ['unknown', /^The fix is not validated\. Try it on one replica first/],
] as const)('the first action of a plan that was validated as %s fits', (status, action) => {
  const { next_actions } = facts({ fix_plan: changes, validation: validated(status) })
  expect(next_actions[0]).toMatch(action)
})

test('after an improvement the figures to watch, their limits and the time are named', () => {
  const { next_actions } = facts({ fix_plan: changes, validation: validated('improved') })
  expect(next_actions[1]).toBe(
    'Watch for 15 minutes: time to first token p95 at most 4 s, inter-token p99 at most 200 ms, share of served requests at least 85 %.',
  )
  expect(next_actions[2]).toMatch(/^Roll back if/)
})

test('without a change the action depends on the objectives', () => {
  const result = { fix_plan: nothing, validation: validated('unchanged') }
  expect(facts(result, 'healthy_control').next_actions[0]).toBe('Change nothing: every objective is met.')
  expect(facts(result).next_actions[0]).toMatch(/^No change is proposed, and the incident continues: time to first/)
  expect(facts(result, 'missing_telemetry').next_actions[0]).toMatch(/^Change nothing yet/)
})

test.each([
  ['failed', /^The run failed: plain Check the configuration with npx tenrounds doctor\. Then run it again/],
  ['cancelled', /^The run was cancelled\. Then run it again: npx tenrounds run kv_cache_pressure$/],
  ['deadline', /^The run reached its deadline\. Allow more time\./],
  ['rounds', /^The run reached a limit \(rounds\)\./],
] as const)('a run that ended as %s is run again, and its plan is not to be trusted', (stop_reason, action) => {
  const run = { ...base.result.run, stop_reason }
  const { next_actions } = facts({ run, fix_plan: changes, validation: validated('unknown') })
  expect(next_actions[0]).toMatch(action)
  expect(next_actions[1]).toMatch(/^Nothing confirms the plan of this run\./)
})

test('a fault of the hardware needs a ticket with the action of the catalogue', () => {
  const drain = { summary: 'x', actions: [{ action: 'drain_node' as const, node: 'gpu-node-31' }] }
  const { next_actions, collect_next } = facts({ fix_plan: drain, validation: validated('improved') }, 'nvidia_xid')
  expect(next_actions.at(-1)).toMatch(/^Open a ticket for the hardware of gpu-node-31.*Xid 79.*RESTART_BM/)
  expect(collect_next.map(({ command }) => command)).toEqual(
    expect.arrayContaining([
      'dcgmi diag -r 3',
      "journalctl -k --since '2026-03-19 21:00:00 UTC' --until '2026-03-19 21:15:00 UTC'",
    ]),
  )
})

test('figures and logs that are missing are collected, with the times of the incident', () => {
  const { collect_next } = facts({ fix_plan: nothing, validation: validated('unknown') }, 'missing_telemetry')
  expect(collect_next[0]).toEqual({
    what: expect.stringMatching(/requests, latency, .*start it without that flag first\.$/),
    command: expect.stringMatching(/^curl -fsS http:\/\/127\.0\.0\.1:8000\/metrics > /),
  })
  expect(collect_next[1]?.command).toBe(
    "journalctl -k --since '2026-05-05 07:00:00 UTC' --until '2026-05-05 07:15:00 UTC'",
  )
})
