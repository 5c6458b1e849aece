import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import type { LogSource, Scenario } from '../../../fixtures/scenario.ts'
import { citation, type LocatedLine } from '../../../lib/incident/report/located-lines.ts'
import { reportFacts } from '../../../lib/incident/report/report-facts.ts'
import { scenarioSource } from '../../../tools/scenario-source.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { type ResultParts, resultWith } from './made-up-result.ts'

type Logs = Readonly<Partial<Record<LogSource, readonly string[]>>>

/** The facts of a scenario with other logs. */
function factsOf(scenario: Scenario, logs: Logs = {}, parts: ResultParts = {}) {
  const scenarios = scenarioSource([{ scenario, log: (source) => logs[source], metricsPage: () => undefined }])
  const pre_telemetry = telemetryOf(scenario.id, scenarios)
  return reportFacts({ scenario: scenario.id, scenarios, pre_telemetry, result: resultWith(parts) })
}

const capped = loadScenario('concurrency_cap')
const crashed = loadScenario('kv_cache_crash_loop')

test('a load that falls before the symptoms is in the timeline, and it is not the trigger', () => {
  const phases = [
    { start_s: 0, requests_per_s: 12 },
    { start_s: 120, requests_per_s: 3 },
  ]
  // The queue of the first two minutes is still there at the end of the window.
  const { timeline, trigger } = factsOf({ ...capped, load: { ...capped.load, phases } })
  const changes = timeline.filter(({ kind }) => kind === 'load').map(({ text }) => text)
  expect(changes).toEqual([expect.stringContaining('The load falls from 12 to')])
  expect(trigger.kind).not.toBe('load')
})

const evicted = loadScenario('ephemeral_storage_eviction')
const serving = [
  '(APIServer pid=1) INFO 05-19 14:56:59 [utils.py:238] non-default args: {}',
  '(APIServer pid=1) INFO:     Application startup complete.',
  '(EngineCore_DP0 pid=271) ERROR 05-19 15:10:12 [core.py:710] torch.OutOfMemoryError: CUDA out of memory.',
]

test.each([
  ['rises', 1, 3, 'load', '2026-05-19T15:08:00.000Z'],
  ['falls', 3, 1, 'fault', '2026-05-19T15:10:12.000Z'],
] as const)('memory runs out after the load %s', (_name, before, after, kind, time) => {
  const phases = [
    { start_s: 0, requests_per_s: before },
    { start_s: 480, requests_per_s: after },
  ]
  expect(factsOf({ ...evicted, load: { ...evicted.load, phases } }, { vllm: serving }).trigger).toMatchObject({
    kind,
    time,
  })
})

test('a long window is plotted with at most 100 points, and their mean is that of the window', () => {
  const long = { ...capped, window: { ...capped.window, duration_s: 2400 } }
  const { charts } = factsOf(long)
  for (const { name, before } of charts.series)
    if (!['ttft_s', 'inter_token_s'].includes(name)) expect(before.length).toBe(80)
  const waiting = charts.series.find(({ name }) => name === 'waiting')?.before ?? []
  const times = waiting.map(([at]) => at)
  expect(times.at(0)).toBe(20)
  expect(times.at(-1)).toBe(2390)
})

const start = '(APIServer pid=1) INFO 04-21 12:58:00 [utils.py:238] non-default args: {}'
const ready = '(APIServer pid=1) INFO:     Application startup complete.'
const refused = '(APIServer pid=1) ValueError: No available memory for the cache blocks.'
const xid = '[Tue Apr 21 12:58:30 2026] NVRM: Xid (PCI:0000:1e:00): 79, pid=1, GPU has fallen off the bus.'

test.each([
  ['an argument that the engine refuses at its start', { vllm: [start, refused] }, 'configuration', 'vllm line 1'],
  ['hardware that fails while the engine starts', { vllm: [start], dmesg: [xid] }, 'fault', 'dmesg line 1'],
  ['hardware that fails after the engine was ready', { vllm: [start, ready], dmesg: [xid] }, 'fault', 'dmesg line 1'],
  ['no log at all', {}, 'unknown', null],
] as const)('the trigger of an engine that is down: %s', (_name, logs, kind, source) => {
  expect(factsOf(crashed, logs).trigger).toMatchObject({ kind, source })
})

test('requests that wait for KV blocks of another engine are in the plot of waiting requests', () => {
  const transfers = loadScenario('kv_transfer_timeout')
  const waiting = factsOf(transfers).charts.series.find(({ name }) => name === 'waiting')?.before ?? []
  expect(Math.max(...waiting.map(([, value = 0]) => value))).toBeGreaterThan(100)
})

test('an incident that is not in the source has facts of its telemetry only', () => {
  const pre_telemetry = telemetryOf('kv_cache_pressure')
  const facts = reportFacts({ scenario: 'another', pre_telemetry, result: resultWith({}) })
  expect(facts.headline.state).toBe('degraded')
  expect(facts).toMatchObject({ timeline: [], onset: { time: null }, trigger: { kind: 'unknown' } })
  expect(facts.environment.model).toBeNull()
  expect(facts.charts.series).toEqual([])
})

test('a line that is cut inside quotation marks gets its last mark back', () => {
  const message = `reason="${'disk '.repeat(60)}full"`
  const cited = citation({ source: 'journal', number: 7, time: undefined, line: message, message } as LocatedLine)
  expect(cited).toMatch(/^journal line 7: reason="disk .* …"$/)
  expect(cited.split('"')).toHaveLength(3)
})
