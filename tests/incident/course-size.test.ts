import { expect, test } from 'vitest'
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { measureCourse } from './support/measure-course.ts'
import { recordedCourse } from './support/recorded-course.ts'

// What an incident costs with a model that is billed by tokens. A token is about four bytes.

const scenarios = listScenarios()

/** One of each kind: load, memory, host, network, GPU, start, and no incident. */
const kinds = [
  'engine_startup_hang',
  'healthy_control',
  'kv_cache_pressure',
  'linux_cpu_soft_lockup',
  'linux_oom_killer',
  'nccl_net_ib_errors',
  'nccl_net_socket_truncated',
  'nvidia_xid',
  'prefill_interference',
]

test('there are incidents to measure', () => {
  expect(scenarios.length).toBeGreaterThanOrEqual(20)
})

test.for(scenarios)('the rules of the mock server solve %s in at most 4 small rounds', async (scenario) => {
  const { result, firstRequest, tools, total, clipped } = await measureCourse(scenario, incidentResponder())
  expect(result.run).toMatchObject({ stop_reason: 'answered' })
  expect(firstRequest).toBeLessThanOrEqual(14 * 1024)
  expect(tools).toBeLessThanOrEqual(9 * 1024)
  expect(result.run.rounds).toBeLessThanOrEqual(4)
  expect(clipped).toEqual([])
  expect(total / 4).toBeLessThanOrEqual(50_000)
  // Log lines and figures, never labels of a tool.
  const { evidence } = result.diagnosis
  expect(evidence.length).toBeGreaterThan(0)
  expect(evidence.filter(({ grounded, quote }) => !grounded || /^"\w+":"\w+"$/.test(quote))).toEqual([])
  expect(result.violations).toEqual([])
})

test.for(kinds)('in %s a model that reconsiders once answers in its fourth round', async (scenario) => {
  const { result, total, clipped } = await measureCourse(scenario, recordedCourse(scenario, 1))
  expect(result.run).toMatchObject({ stop_reason: 'answered', rounds: 4 })
  expect(result.validation.status).toBe(scenario === 'healthy_control' ? 'unchanged' : 'improved')
  expect(clipped).toEqual([])
  expect(total / 4).toBeLessThanOrEqual(50_000)
})

test.for(['linux_cpu_soft_lockup', 'nvidia_xid'])(
  'in %s two more reconsiderations and a second look at the logs fit into the limits',
  async (scenario) => {
    const { result, clipped } = await measureCourse(scenario, recordedCourse(scenario, 3))
    expect(result.run).toMatchObject({ stop_reason: 'answered', rounds: 7 })
    expect(result.validation.status).toBe('improved')
    expect(clipped).toEqual([])
  },
)
