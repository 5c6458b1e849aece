import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import type { AgentResult } from '../../../lib/incident/index.ts'
import { reportFacts } from '../../../lib/incident/report/report-facts.ts'
import { applyPlan } from '../../../tools/fix/apply-plan.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import type { MetricDelta } from '../../../tools/types.ts'
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
  ['improved', /^Check that the incident continues: the data of this report ends at 2026-02-17 14:15 UTC\.$/],
  ['unchanged', /^Do not apply the plan: in the simulation it does not help\./],
  ['regressed', /^Do not apply the plan: in the simulation it makes the incident worse\./],
  ['unknown', /^The fix is not validated\. Try it on one replica first/],
] as const)('the first action of a plan that was validated as %s fits', (status, action) => {
  const { next_actions } = facts({ fix_plan: changes, validation: validated(status) })
  expect(next_actions[0]).toMatch(action)
})

/** A validated fix of arguments. */
function fixOf(scenario: string, args: Record<string, number | null>, deltas: MetricDelta[] = []) {
  const plan = { summary: 'x', actions: [{ action: 'set_engine_args' as const, args }] }
  const fix_result = applyPlan(structuredClone(loadScenario(scenario).deployment), plan)
  const post_telemetry = telemetryOf(scenario)
  return facts(
    { fix_plan: plan, fix_result, post_telemetry, validation: { ...validated('improved'), deltas } },
    scenario,
  )
}

test('the watch begins when the engine is ready, and an expected result is no reason to roll back', () => {
  const delta = { metric: 'latency.ttft_s.p95', unit: 's', before: 2.5, after: 2.7, relative: 0.08 } as const
  const { next_actions } = fixOf('prefill_interference', { max_num_batched_tokens: 2048 }, [
    { ...delta, verdict: 'worse' },
  ])
  expect(next_actions.slice(2)).toEqual([
    'Apply the fix. Its commands and its cost are in this report.',
    'Then watch for 15 minutes: time to first token p95 at most 4 s, inter-token p99 at most 250 ms, share of served requests at least 95 %. The time without the engine does not count: start when it is ready.',
    expect.stringMatching(
      /^Roll back if a limit is missed .* Expected, and no reason to roll back: time to first token p95: 2\.5 s → 2\.7 s/,
    ),
    expect.stringContaining('inter-token p99 still missed'),
  ])
})

test('a restart that fails more requests than the incident is announced, with a way around it', () => {
  const { next_actions } = fixOf('prefill_interference', { max_num_batched_tokens: 2048 })
  expect(next_actions[1]).toMatch(/^Decide how to restart\..* misses about 100 requests\. .*blue-green/)
  expect(next_actions[1]).toContain('blue-green')
  expect(fixOf('kv_cache_crash_loop', { max_model_len: 16384 }).next_actions.join(' ')).not.toContain('Decide how')
})

test('a fix of a failed engine is not undone at once', () => {
  const actions = fixOf('kv_cache_crash_loop', { max_model_len: 16384 }).next_actions.join(' ')
  expect(actions).toContain('do not undo the fix at once: that returns to the state that failed')
  expect(actions).not.toContain('Roll back')
})

test('data that the fix destroys is collected before it, and first', () => {
  const diagnosis = { ...base.result.diagnosis, uncertainties: ['No log line gives a reason for the hang.'] }
  const restart = { diagnosis, fix_plan: changes, validation: validated('improved') }
  const { next_actions, collect_next } = facts(restart, 'tensor_parallel_hang')
  expect(next_actions[1]).toMatch(/^First collect the data that the fix destroys/)
  expect(collect_next[0]).toEqual({
    what: expect.stringMatching(/^Before the fix: .* on gpu-node-41\.$/),
    command: expect.stringContaining('py-spy dump'),
  })
})

test('an engine that failed is not asked for its metrics, and the environment is that of the running ranks', () => {
  const result = { fix_plan: changes, validation: validated('improved') }
  const commands = facts(result, 'engine_startup_hang').collect_next.map(({ command }) => command)
  expect(commands.join(' ')).not.toContain('/metrics')
  const align = { summary: 'x', actions: [{ action: 'align_nccl_env' as const, env: { NCCL_PROTO: 'LL128' } }] }
  const { collect_next } = facts({ ...result, fix_plan: align }, 'nccl_net_socket_truncated')
  expect(collect_next.find(({ command }) => command?.includes('NCCL_'))).toEqual({
    what: 'Before the fix: the NCCL variables of the running ranks, on each node (gpu-node-51, gpu-node-52).',
    command: expect.stringContaining('/proc/$pid/environ'),
  })
})

test('an advice on another Xid of the same GPU is answered from the log', () => {
  const drain = { summary: 'x', actions: [{ action: 'drain_node' as const, node: 'gpu-node-44' }] }
  const { next_actions } = facts({ fix_plan: drain, validation: validated('improved') }, 'cuda_ecc_uncorrectable')
  expect(next_actions.at(-1)).toContain('The same GPU reports Xid 63 and Xid 154, so its reset comes first')
  expect(next_actions.at(-1)).not.toContain('also reports')
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

test('an incident folder is run again by its path, which the report does not have', () => {
  const run = { ...base.result.run, stop_reason: 'cancelled' as const }
  const result = { ...base.result, run }
  const { next_actions } = reportFacts({ scenario: 'my-incident', pre_telemetry: base.pre_telemetry, result })
  expect(next_actions.join(' ')).toContain("npx tenrounds run '<incident folder>'")
})
