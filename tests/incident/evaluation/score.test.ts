import { beforeAll, describe, expect, test } from 'vitest'
import { scoreRun } from '../../../lib/incident/evaluation/score.ts'
import { type AgentResult, collectTelemetry, runIncident, runIncidentAgent } from '../../../lib/incident/index.ts'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { startMockServer } from '../../../lib/testing/index.ts'
import type { FixPlan } from '../../../tools/types.ts'
import { readWordings } from './read-wordings.ts'

/** Right results of the responder, which the tests change. */
const results: Record<string, AgentResult> = {}

beforeAll(async () => {
  await using server = await startMockServer({ responder: incidentResponder() })
  const model = minimax({ url: server.url, token: 'any', env: {} })
  for (const scenario of ['linux_oom_killer', 'healthy_control', 'missing_telemetry', 'concurrency_cap']) {
    results[scenario] = await runIncidentAgent({ scenario, pre_telemetry: await collectTelemetry(scenario) }, { model })
  }
  await model.close()
})

/** A right result with other words, another plan, or another status. */
function changed(
  scenario: string,
  change: {
    readonly diagnosis?: Partial<AgentResult['diagnosis']>
    readonly actions?: FixPlan['actions']
    readonly status?: AgentResult['validation']['status']
    readonly summary?: string
  },
): AgentResult {
  const right = results[scenario]
  if (right?.fix_plan == null) throw new Error(`${scenario} has no result`)
  return {
    ...right,
    diagnosis: { ...right.diagnosis, ...change.diagnosis },
    fix_plan: {
      ...right.fix_plan,
      ...(change.summary === undefined ? {} : { summary: change.summary }),
      actions: change.actions ?? right.fix_plan.actions,
    },
    validation: { ...right.validation, status: change.status ?? right.validation.status },
  }
}

const hostMemory = (host_memory_gb: number): FixPlan['actions'] => [
  { action: 'set_resources', resources: { host_memory_gb } },
]

describe('a run of an incident', () => {
  const scenario = 'linux_oom_killer'

  test('passes with the right cause, the right fix and its validation', async () => {
    expect(await scoreRun(scenario, changed(scenario, {}))).toMatchObject({ passed: true, total: 1, evidence: 1 })
  })

  test('does not pass with a wrong cause, and its evidence counts nothing then', async () => {
    const diagnosis = { category: 'gpu_memory', root_cause: 'CUDA out of memory.' }
    expect(await scoreRun(scenario, changed(scenario, { diagnosis }))).toMatchObject({
      passed: false,
      root_cause: 0,
      total: 0.5,
    })
  })

  test.each([
    ['the same fix without the restart', hostMemory(128), 1],
    ['another amount, which the simulation judges', hostMemory(160), 1],
    ['an amount that only helps', hostMemory(80), 0.5],
    ['a popular fix', [{ action: 'set_engine_args', args: { max_num_seqs: 64 } }], 0],
    ['an amount that harms', hostMemory(32), 0],
    ['an argument that does not exist', [{ action: 'set_engine_args', args: { no_such_argument: 1 } }], 0],
    ['no change', [{ action: 'no_change', reason: 'wait' }], 0],
  ] satisfies [string, FixPlan['actions'], number][])('has the score of its fix: %s', async (_, actions, fix) => {
    const status = fix === 0 ? 'unchanged' : 'improved'
    expect(await scoreRun(scenario, changed(scenario, { actions, status }))).toMatchObject({ fix, passed: fix === 1 })
  })

  test('does not pass if its validation is not that of the fix', async () => {
    expect(await scoreRun(scenario, changed(scenario, { status: 'unknown' }))).toMatchObject({
      passed: false,
      validated: false,
    })
  })

  test('has evidence only for grounded quotes, and half without one that shows the cause', async () => {
    const quote = (text: string, grounded: boolean) => ({ tool: 'fetch_system_logs', quote: text, grounded })
    const evidence = async (...quotes: ReturnType<typeof quote>[]) =>
      (await scoreRun(scenario, changed(scenario, { diagnosis: { evidence: quotes } }))).evidence
    expect(await evidence()).toBe(0)
    expect(await evidence(quote('Memory cgroup out of memory', false))).toBe(0)
    expect(await evidence(quote('Memory cgroup out of memory', true))).toBe(1)
    expect(await evidence(quote('apparmor="DENIED"', true))).toBe(0.5)
    expect(await evidence(quote('Memory cgroup out of memory', true), quote('invented', false))).toBe(0.5)
  })

  test('does not pass with the right fix and a list of causes', async () => {
    const causes = Object.values(readWordings('short')).map(({ right: [first = ''] }) => first.replace(/^[^:]*: /, ''))
    for (const root_cause of [causes.join(' '), `Either ${causes.slice(0, 3).join(' Or ')}`]) {
      const diagnosis = { category: 'several', root_cause: `The container is out of host memory. ${root_cause}` }
      expect(await scoreRun(scenario, changed(scenario, { diagnosis }))).toMatchObject({
        passed: false,
        root_cause: 0,
        fix: 1,
        total: 0.5,
      })
    }
  })

  test('claims too much if it says that the fix works, and the tools say otherwise', async () => {
    const failed = { actions: hostMemory(32), status: 'regressed' as const }
    const claims = changed(scenario, {
      ...failed,
      summary: 'This fixes the incident.',
      diagnosis: { confidence: 'low' },
    })
    const admits = changed(scenario, {
      ...failed,
      summary: 'More risk than help.',
      diagnosis: { confidence: 'low', summary: 'The fix does not help.' },
    })
    expect((await scoreRun(scenario, claims)).verdict).toBe(0)
    expect((await scoreRun(scenario, admits)).verdict).toBe(1)
  })

  test('has 0 in every part without an accepted answer', async () => {
    const right = changed(scenario, {})
    const result: AgentResult = { ...right, run: { ...right.run, stop_reason: 'rounds' } }
    expect(await scoreRun(scenario, result)).toMatchObject({ total: 0, root_cause: 0, fix: 0, passed: false })
  })

  test('gets nothing from the name of the incident, which the agent puts back into its words', async () => {
    const diagnosis = { category: 'unknown', root_cause: `The incident ${scenario} has a cause.` }
    expect((await scoreRun(scenario, changed(scenario, { diagnosis }))).root_cause).toBe(0)
  })
})

describe('a healthy engine', () => {
  test('passes with no change', async () => {
    expect(await scoreRun('healthy_control', changed('healthy_control', {}))).toMatchObject({ passed: true })
  })

  test.each([
    ['a change that does no harm', [{ action: 'set_engine_args', args: { gpu_memory_utilization: 0.91 } }]],
    ['a restart', [{ action: 'restart_engine' }]],
    ['a change beside no change', [{ action: 'no_change', reason: 'fine' }, { action: 'restart_engine' }]],
  ] satisfies [string, FixPlan['actions']][])('does not pass with %s', async (_, actions) => {
    expect(await scoreRun('healthy_control', changed('healthy_control', { actions }))).toMatchObject({
      passed: false,
      fix: 0,
      unneeded_change: true,
    })
  })
})

test('without telemetry a guess is wrong, and no change is right', async () => {
  const guess = changed('missing_telemetry', { actions: [{ action: 'set_engine_args', args: { max_num_seqs: 77 } }] })
  expect(await scoreRun('missing_telemetry', guess)).toMatchObject({ passed: false, fix: 0 })
  expect(await scoreRun('missing_telemetry', changed('missing_telemetry', {}))).toMatchObject({ passed: true })
})

test.each([
  ['the default in other words', { disable_log_stats: false }, 1],
  ['the default and an argument without effect', { disable_log_stats: null, enable_log_requests: null }, 1],
  ['statistics that stay off', { disable_log_stats: true }, 0],
  ['statistics and a guess', { disable_log_stats: false, max_num_seqs: 32 }, 0],
] as const)('a fix is right if it leads to the configuration of a right fix: %s', async (_, args, fix) => {
  const actions: FixPlan['actions'] = [{ action: 'set_engine_args', args }]
  expect(await scoreRun('missing_telemetry', changed('missing_telemetry', { actions }))).toMatchObject({ fix })
})

test('an answer may say that the tools confirm what is healthy', async () => {
  const summary = 'analyze_metrics confirms that all objectives are met.'
  const honest = changed('healthy_control', { diagnosis: { summary } })
  expect((await scoreRun('healthy_control', honest)).verdict).toBe(1)
})

test('a report has the parts of a result that the score needs', async () => {
  await using server = await startMockServer({ responder: incidentResponder() })
  const model = minimax({ url: server.url, token: 'any', env: {} })
  const { report } = await runIncident('healthy_control', { model })
  await model.close()
  expect(await scoreRun('healthy_control', report.json)).toMatchObject({ passed: true, total: 1 })
})
