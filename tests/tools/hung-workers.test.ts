import { describe, expect, test } from 'vitest'
import { listScenarios, loadScenario, readLog } from '../../fixtures/load-scenario.ts'
import { runTool } from '../../router/run-tool.ts'
import { fetchRuntimeState } from '../../tools/fetch-runtime-state.ts'
import { timeOf } from '../../tools/logs/log-time.ts'

// What the ranks of a hung engine wait in. A debugger shows it; logs and metrics do not.

async function workersOf(scenario: string) {
  const result = await runTool(fetchRuntimeState, { scenario })
  if (result.status === 'error') throw new Error(result.error.message)
  return result.value.workers
}

const hung = listScenarios().filter((id) => loadScenario(id).hang !== undefined)

test('the three scenarios with a hang say what their ranks wait in', () => {
  expect(hung).toEqual(['engine_startup_hang', 'linux_cpu_soft_lockup', 'tensor_parallel_hang'])
})

describe.each(hung)('%s', (id) => {
  const scenario = loadScenario(id)

  test('every rank is named once', async () => {
    const ranks = (await workersOf(id))?.flatMap((worker) => worker.ranks).sort()
    const { tensor_parallel_size: size } = scenario.deployment.engine_args
    expect(ranks).toEqual(Array.from({ length: Number(size) }, (_, rank) => rank))
  })

  test('a hang begins with a line of the engine log, and ends with one', async () => {
    const end = Date.parse(scenario.window.start) + scenario.window.duration_s * 1000
    const times = new Set((readLog(scenario, 'vllm') ?? []).map((line) => timeOf(line, end)))
    for (const { since, until } of (await workersOf(id)) ?? []) {
      expect(times).toContain(Date.parse(since))
      if (until !== undefined) expect(times).toContain(Date.parse(until))
    }
  })
})

test('an engine that works has no hung ranks', async () => {
  expect(await workersOf('healthy_control')).toBeUndefined()
})
