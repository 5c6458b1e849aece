import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listScenarios, loadScenario, readLog } from '../../../fixtures/load-scenario.ts'
import { runTool } from '../../../router/run-tool.ts'
import { fetchSystemLogs } from '../../../tools/fetch-system-logs.ts'
import { createFetchVllmLogs, fetchVllmLogs } from '../../../tools/fetch-vllm-logs.ts'
import { readLines } from '../../../tools/logs/read-lines.ts'
import { builtInScenarios, scenarioSource } from '../../../tools/scenario-source.ts'

/** What the model is shown of a result. */
async function shown(tool: Parameters<typeof runTool>[0], input: unknown): Promise<string> {
  const result = await runTool(tool, input)
  if (result.status === 'error') throw new Error(result.error.message)
  expect(result.clipped).toBe(false)
  return result.content
}

/** A tool for a log of the given lines, at the time of a built-in scenario that ends at 2026-03-03 08:15. */
function toolFor(lines: readonly string[]) {
  const incident = { ...builtInScenarios.load('linux_cpu_soft_lockup'), log: () => lines }
  return createFetchVllmLogs(scenarioSource([incident]))
}
const scenario = 'linux_cpu_soft_lockup'

test('the logs of all scenarios are shown in at most 5 KB on average, and never in more than 10', async () => {
  for (const tool of [fetchVllmLogs, fetchSystemLogs]) {
    const sizes = await Promise.all(
      listScenarios().map(async (id) => Buffer.byteLength(await shown(tool, { scenario: id }))),
    )
    expect(Math.max(...sizes)).toBeLessThan(10_240)
    expect(sizes.reduce((a, b) => a + b, 0) / sizes.length).toBeLessThan(5120)
  }
})

test('no line is shown twice, and every shown line is a line of the log or the start of one', async () => {
  for (const id of listScenarios()) {
    const content = await shown(fetchVllmLogs, { scenario: id })
    const log = readLog(loadScenario(id), 'vllm')
    const lines = content
      .split('\n')
      .filter((line) => /pid=|NCCL/.test(line))
      .map((line) =>
        line
          .replace(/^ {3}(?:last: )?/, '')
          .replace(/^\[×\d+[^\]]*\] /, '')
          .replace(/^\d\d:\d\d:\d\d /, '')
          .replace(/ … \[\+\d+ characters\]$/, ''),
      )
    for (const line of lines) expect(log.some((own) => own.startsWith(line))).toBe(true)
    expect(new Set(lines).size).toBe(lines.length)
  }
})

test('a failure that grew is shown with its first and its last line', async () => {
  const content = await shown(fetchSystemLogs, { scenario })
  expect(content).toContain('1. cause_candidate cpu_soft_lockup, 12 lines, 08:05:35 to 08:14:47')
  expect(content).toContain('CPU#41 stuck for 23s!')
  expect(content).toContain('last: [Tue Mar  3 08:14:47 2026] watchdog: BUG: soft lockup - CPU#41 stuck for 247s!')
})

test('equal call traces are shown once, with their number', async () => {
  const content = await shown(fetchSystemLogs, { scenario })
  expect(content.split('smp_call_function_many_cond').length).toBe(2)
  expect(content).toContain('[×12 to 08:14:47] [Tue Mar  3 08:05:35 2026]  smp_call_function_many_cond')
})

test('the overview has version, arguments, KV cache size, the latest figures, and the number of successful requests', async () => {
  const content = await shown(fetchVllmLogs, { scenario })
  expect(content).toContain('version 0.16.0')
  expect(content).toContain("non-default args: {'model_tag': 'meta-llama/Llama-3.3-70B-Instruct'")
  expect(content).toContain('GPU KV cache size: 468,224 tokens')
  expect(content).toContain('INFO 03-03 08:11:00 [loggers.py:259] Engine 000')
  expect(content).toMatch(/\d+ × "200 OK"/)
  expect(content).not.toMatch(/200 OK$/m)
})

test('the image of the container is a fact of the start', async () => {
  expect(await shown(fetchSystemLogs, { scenario: 'engine_startup_hang' })).toContain(
    'msg="image pulled" remote="docker.io/vllm/vllm-openai:v0.15.0-cu130"',
  )
})

test('the last line of processes that stopped early is shown', async () => {
  const content = await shown(fetchVllmLogs, { scenario: 'engine_startup_hang' })
  expect(content).toMatch(
    /Last line of each process.*\n\(EngineCore_DP0 pid=271\) DEBUG 01-30 09:19:43 .*Received init message/,
  )
  expect(content).toContain('[×2 to 09:19:46] (Worker_TP0 pid=304)')
})

test('lines around the cause are those of the incident, and a failure hours before it is marked', async () => {
  const content = await shown(fetchSystemLogs, { scenario: 'linux_oom_killer' })
  expect(content).toContain('linux_oom_kill, 1 line, 07:56:40 (before the incident)')
  expect(content).toMatch(/Around the earliest cause candidates:\n[^\n]*11:06:39 2026\] CPU: 11 PID: 48213/)
  expect(content).toContain('11:06:39 2026] memory: usage 67108864kB, limit 67108864kB, failcnt 18233')
})

test('the number of lines that are left out is stated', async () => {
  expect(await shown(fetchVllmLogs, { scenario })).toMatch(/Left out: \d+ of 232 lines, for example \d+ × "200 OK"/)
})

test('a line without a time is shown with the time of the line before it', async () => {
  const content = await shown(toolFor(['INFO 03-03 08:10:00 [a.py:1] Ready.', 'INFO:     Something else.']), {
    scenario,
  })
  expect(content).toContain('\n08:10:00 INFO:     Something else.')
})

test('topics show their lines and do not filter the findings', async () => {
  const content = await shown(fetchVllmLogs, { scenario, topics: ['Running:'], limit: 5 })
  expect(content).toContain('not filtered by topics, level and limit')
  expect(content).toContain('cause_candidate shared_memory_broadcast, 4 lines')
  expect(content).toMatch(
    /Lines: 5 of \d+ lines with "Running:" \(232 lines in all\), from 08:10:20\. Earlier lines: "offset": 5\./,
  )
})

test('an offset continues where the earlier lines end', async () => {
  const first = await runTool(fetchVllmLogs, { scenario, offset: 0, limit: 10 })
  const next = await runTool(fetchVllmLogs, { scenario, offset: 10, limit: 10 })
  if (first.status === 'error' || next.status === 'error') throw new Error('a call failed')
  const whole = await runTool(fetchVllmLogs, { scenario, limit: 20 })
  if (whole.status === 'error') throw new Error('a call failed')
  expect([...next.value.lines, ...first.value.lines]).toEqual(whole.value.lines)
  await expect(shown(fetchVllmLogs, { scenario, offset: 300 })).resolves.toContain(
    'offset 300 skips all 232 lines that match. Ask for an offset below 232.',
  )
})

test('a window between two times has the lines of that time', async () => {
  const { lines, window } = await value({ scenario, window: '08:11:30/08:12' })
  expect(window).toEqual({ start: '2026-03-03T08:11:30.000Z', end: '2026-03-03T08:12:59.999Z' })
  expect(lines).toHaveLength(2)
  expect(await value({ scenario, window: '2026-03-03T09:11:30+01:00/2026-03-03T08:12:59Z' })).toMatchObject({ lines })
})

test('a window outside the logs is answered with the time of the logs', async () => {
  for (const window of ['2026-03-02T08:00/2026-03-02T09:00', '1s']) {
    const content = await shown(fetchVllmLogs, { scenario, window })
    expect(content).toContain('No line is in this window.')
    expect(content).toMatch(/from 2026-03-03T07:5\d:\d\d\.000Z to 2026-03-03T08:14:40\.000Z/)
  }
})

test('topics that no line contains are answered with the number of lines', async () => {
  expect(await shown(fetchVllmLogs, { scenario, topics: ['zebra'] })).toContain(
    'None of the 232 lines of the window has the topics ["zebra"].',
  )
})

test('a log of many different failures stays small, and the view names the groups that it leaves out', async () => {
  const lines = Array.from(
    { length: 5000 },
    (_, index) =>
      `ERROR 03-03 08:10:00 [a.py:1] CUDA error: failure of ${'abcdefghij'[index % 10]}${'klmnopqrst'[((index / 10) % 10) | 0]}${'uvwxyzabcd'[((index / 100) % 10) | 0]} happened`,
  )
  const content = await shown(toolFor(lines), { scenario })
  expect(Buffer.byteLength(content)).toBeLessThan(10_240)
  expect(content).toMatch(/Groups not shown: \d+ × cause_candidate/)
  expect(Buffer.byteLength(await shown(toolFor(lines), { scenario, level: 'error', limit: 2000 }))).toBeLessThan(16_384)
})

test('any lines give a view below 16 KiB that is not clipped', async () => {
  const line = fc.oneof(
    fc.string({ maxLength: 3000, unit: 'grapheme' }),
    fc.constantFrom(
      '(APIServer pid=1) INFO:     10.0.0.1:1 - "POST /v1/completions HTTP/1.1" 200 OK',
      '(EngineCore pid=2) ERROR 03-03 08:10:00 [core.py:1] torch.OutOfMemoryError: CUDA out of memory.',
      "(APIServer pid=1) INFO 03-03 08:00:00 [utils.py:1] non-default args: {'model': 'a'}",
    ),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 200 }), fc.constantFrom(undefined, 0, 3), async (lines, offset) => {
      const content = await shown(toolFor(lines), { scenario, ...(offset === undefined ? {} : { offset }) })
      expect(Buffer.byteLength(content)).toBeLessThanOrEqual(16_384)
    }),
    { numRuns: 50 },
  )
})

async function value(input: unknown) {
  const result = await runTool(fetchVllmLogs, input)
  if (result.status === 'error') throw new Error(result.error.message)
  return result.value
}

test('findings and overview of a whole log are made once, also of two logs together', () => {
  const incident = builtInScenarios.load(scenario)
  const read = (window?: string) =>
    readLines(incident, ['dmesg', 'journal'], { window, limit: undefined, topics: undefined })
  expect(read().findings).toBe(read().findings)
  expect(read().overview.rows).toBe(read().overview.rows)
  expect(read('1m').overview.rows).not.toEqual(read().overview.rows)
})
