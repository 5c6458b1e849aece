import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../../fixtures/load-scenario.ts'
import { type ReportInput, reportFacts } from '../../../lib/incident/report/report-facts.ts'
import { applyPlan } from '../../../tools/fix/apply-plan.ts'
import { builtInScenarios } from '../../../tools/scenario-source.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { oracleOf } from '../../support/matrix.ts'
import { resultWith } from './made-up-result.ts'

// The times are those of the log lines, and of the engine's figures in its log, as a person reads them there.

interface Expected {
  readonly scenario: string
  readonly state: 'outage' | 'degraded' | 'healthy' | 'unknown'
  readonly trigger: 'load' | 'configuration' | 'fault' | 'none' | 'unknown'
  /** Time of the trigger, and where it was seen. */
  readonly at: string | null
  readonly place: string | null
  /** Time of the onset; null if the incident was in progress, or if nobody knows. */
  readonly onset: string | null
  /** Part of the sentence about the onset. */
  readonly because: string
  /** A log line that a diagnosis quotes. */
  readonly quote?: readonly [tool: string, quote: string]
}

const system = 'fetch_system_logs'
const engine = 'fetch_vllm_logs'

const expected: readonly Expected[] = [
  {
    ...{ scenario: 'concurrency_cap', state: 'degraded', trigger: 'load', at: '10:04:10', place: 'metrics' },
    ...{ onset: '10:04:30', because: 'Requests wait in the queue' },
  },
  {
    ...{
      scenario: 'cuda_ecc_uncorrectable',
      state: 'outage',
      trigger: 'fault',
      at: '05:08:40',
      place: 'dmesg line 260',
    },
    ...{ onset: '05:08:40', because: 'Xid (PCI:0000:90:00): 48', quote: [system, 'NVRM: Xid (PCI:0000:90:00): 48'] },
  },
  {
    ...{ scenario: 'data_parallel_imbalance', state: 'degraded', trigger: 'load', at: '13:03:00', place: 'metrics' },
    ...{ onset: '13:03:00', because: 'inter-token time' },
  },
  {
    ...{ scenario: 'eager_decode', state: 'degraded', trigger: 'configuration', at: '08:57:12', place: 'vllm line 7' },
    ...{ onset: null, because: 'in progress when the window opened at 09:00:00 UTC' },
  },
  {
    ...{ scenario: 'engine_startup_hang', state: 'outage', trigger: 'configuration', at: '09:19:30' },
    ...{ place: 'vllm line 86', onset: '09:19:30', because: 'did not become ready' },
    quote: [engine, 'Waiting for 1 local, 0 remote core engine proc'],
  },
  {
    ...{ scenario: 'ephemeral_storage_eviction', state: 'outage', trigger: 'fault', at: '15:10:03' },
    ...{ place: 'journal line 226', onset: '15:10:03', because: 'Eviction manager' },
    quote: [system, 'low on resource: ephemeral-storage'],
  },
  {
    ...{ scenario: 'healthy_control', state: 'healthy', trigger: 'none', at: null, place: null },
    ...{ onset: null, because: 'There is no incident' },
  },
  {
    ...{ scenario: 'kv_cache_crash_loop', state: 'outage', trigger: 'configuration', at: '12:59:30' },
    ...{ place: 'vllm line 71', onset: '12:59:30', because: 'did not become ready' },
    quote: [engine, 'estimated maximum model length is 35968'],
  },
  {
    ...{ scenario: 'kv_cache_pressure', state: 'degraded', trigger: 'load', at: '14:04:00', place: 'metrics' },
    ...{ onset: '14:08:20', because: 'The KV cache is full and stays full: 98.2 %' },
  },
  {
    ...{ scenario: 'kv_transfer_timeout', state: 'degraded', trigger: 'configuration', at: '06:56:55' },
    ...{ place: 'vllm line 7', onset: null, because: 'in progress when the window opened at 07:00:00 UTC' },
    // Such lines come minutes after the first slow requests, so they are no trigger.
    quote: [engine, 'Releasing expired KV blocks for request'],
  },
  {
    ...{
      scenario: 'linux_cpu_soft_lockup',
      state: 'outage',
      trigger: 'fault',
      at: '08:05:35',
      place: 'dmesg line 267',
    },
    ...{ onset: '08:05:12', because: 'began at 08:05:12 UTC', quote: [system, 'soft lockup - CPU#41 stuck for 23s'] },
  },
  {
    ...{ scenario: 'linux_oom_killer', state: 'outage', trigger: 'fault', at: '11:06:39', place: 'dmesg line 313' },
    ...{ onset: '11:06:39', because: 'VLLM::EngineCor invoked oom-killer' },
    // The log has the same words hours earlier, for another program.
    quote: [system, 'oom-kill:constraint=CONSTRAINT_MEMCG'],
  },
  {
    ...{ scenario: 'missing_telemetry', state: 'unknown', trigger: 'unknown', at: null, place: null },
    ...{ onset: null, because: 'not observed: requests, latency, throughput, queue, kv_cache' },
  },
  {
    ...{ scenario: 'nccl_net_ib_errors', state: 'outage', trigger: 'fault', at: '17:06:11', place: 'dmesg line 277' },
    ...{ onset: '17:06:11', because: 'Cable error', quote: [engine, 'with status=IBV_WC_RETRY_EXC_ERR'] },
  },
  {
    ...{ scenario: 'nccl_net_socket_truncated', state: 'outage', trigger: 'fault', at: '13:01:36' },
    ...{ place: 'vllm line 83', onset: '13:01:36', because: 'message truncated' },
    quote: [engine, 'message truncated : receiving 524288 bytes instead of 65536'],
  },
  {
    ...{ scenario: 'nvidia_xid', state: 'outage', trigger: 'fault', at: '21:07:16', place: 'dmesg line 269' },
    ...{ onset: '21:07:16', because: 'Slot(3): Link Down', quote: [system, 'NVRM: Xid (PCI:0000:4e:00): 79'] },
  },
  {
    ...{ scenario: 'prefill_interference', state: 'degraded', trigger: 'load', at: '15:03:20', place: 'metrics' },
    ...{ onset: '15:04:10', because: 'inter-token time' },
  },
  {
    ...{ scenario: 'slow_tokenizer', state: 'degraded', trigger: 'configuration', at: '09:57:11' },
    ...{ place: 'vllm line 7', onset: null, because: 'in progress when the window opened at 10:00:00 UTC' },
  },
  {
    ...{ scenario: 'speculative_decoding_collapse', state: 'degraded', trigger: 'configuration', at: '00:57:08' },
    ...{ place: 'vllm line 7', onset: null, because: 'in progress when the window opened at 01:00:00 UTC' },
  },
  {
    ...{ scenario: 'tensor_parallel_hang', state: 'outage', trigger: 'fault', at: '06:38:53', place: 'dmesg line 272' },
    ...{ onset: '06:36:40', because: 'began at 06:36:40 UTC', quote: [system, 'blocked for more than 122 seconds'] },
  },
  {
    ...{ scenario: 'vllm_cuda_oom', state: 'outage', trigger: 'load', at: '16:03:20', place: 'metrics' },
    ...{ onset: '16:03:47', because: 'CUDA out of memory', quote: [engine, 'torch.OutOfMemoryError'] },
  },
]

/** The facts of a scenario whose right fix was found. */
function factsOf(scenario: string, quote?: Expected['quote']) {
  const { deployment } = loadScenario(scenario)
  const right = oracleOf(scenario).fixes.find(({ role, status }) => role === 'right' && status === 'improved')
  const plan = { summary: 'right', actions: (right?.actions ?? []).map((action) => ({ ...action })) }
  const fixResult = right === undefined ? null : applyPlan(structuredClone(deployment), plan)
  return reportFacts({
    scenario,
    pre_telemetry: telemetryOf(scenario),
    result: resultWith({ fixResult, quotes: quote === undefined ? [] : [quote] }),
  })
}

const day = (scenario: string) => loadScenario(scenario).window.start.slice(0, 10)
const timeOf = (scenario: string, clock: string | null) => (clock === null ? null : `${day(scenario)}T${clock}.000Z`)

test('every built-in scenario is in the table', () => {
  expect(expected.map(({ scenario }) => scenario)).toEqual(listScenarios())
})

describe.each(expected)('$scenario', ({ scenario, state, trigger, at, place, onset, because, quote }) => {
  const facts = factsOf(scenario, quote)

  test('state, onset and trigger are those that its logs and figures show', () => {
    expect(facts.headline.state).toBe(state)
    expect(facts.onset.text).toContain(because)
    expect(facts.onset.time).toBe(timeOf(scenario, onset))
    expect(facts.trigger).toMatchObject({ kind: trigger, time: timeOf(scenario, at), source: place })
  })

  test('the timeline is sorted and bounded, and its lines are those of the logs', () => {
    const times = facts.timeline.map(({ time }) => Date.parse(time))
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times.length).toBeLessThanOrEqual(40)
    const { log } = builtInScenarios.load(scenario)
    for (const { source, line, text, count, time, until } of facts.timeline) {
      if (source === 'metrics') expect(line).toBeNull()
      else
        expect(shown(log(source === 'dmesg' || source === 'journal' ? source : 'vllm')?.[(line ?? 0) - 1])).toBe(text)
      expect(until === null).toBe(count === 1)
      expect(Date.parse(until ?? time)).toBeGreaterThanOrEqual(Date.parse(time))
    }
  })

  test('the onset and the trigger are short, and repeat no prefix of a log line', () => {
    for (const { text } of [facts.onset, facts.trigger]) {
      expect(text.length).toBeLessThanOrEqual(500)
      expect(text).not.toMatch(/non-default args|pid=\d+\) (?:INFO|ERROR|DEBUG)|^\[?\w{3} \w{3} +\d/)
    }
  })

  test('the message of an event is the log line without its prefix, or the figures', () => {
    for (const { source, text, message } of facts.timeline) {
      expect(text.replace(/\s+/g, ' ')).toContain(message.replace(/ …$/, '').replace(/\s+/g, ' '))
      if (source === 'metrics') expect(message).toBe(text)
      else expect(message).not.toMatch(/^(?:\[\w{3} \w{3} |\w{3} \d\d |\(\w+ pid=)/)
    }
  })

  test('a line that the timeline leaves out because it is early is quoted', () => {
    for (const note of facts.not_looked_at.filter((one) => one.startsWith('Abnormal log lines before'))) {
      expect(note).toMatch(/(?:It is|The last one is) (?:dmesg|journal|vllm) line \d+ at \S+ UTC: "?\S.{10}/)
    }
  })

  test('a quoted log line has its place', () => {
    const lines = builtInScenarios.load(scenario).log
    for (const { kind, source, line, quote: text, time } of facts.evidence) {
      expect(kind).toBe('log_line')
      const log = lines(source === 'dmesg' || source === 'journal' ? source : 'vllm')
      expect(log?.[(line ?? 0) - 1]).toContain(text)
      expect(Date.parse(time ?? '')).toBeGreaterThanOrEqual(Date.parse(loadScenario(scenario).window.start) - 600_000)
    }
  })

  test('a change of the load is where the load of the scenario changes', () => {
    const { load, window } = loadScenario(scenario)
    const seen = facts.timeline.filter(({ kind }) => kind === 'load').map(({ time }) => Date.parse(time))
    const changes = load.phases.slice(1).map(({ start_s }) => Date.parse(window.start) + start_s * 1000)
    expect(seen).toHaveLength(changes.length)
    for (const [index, change] of changes.entries())
      expect(Math.abs((seen[index] ?? 0) - change)).toBeLessThanOrEqual(10_000)
  })

  test('the plots have points of the window, and a fix that was not simulated has none', () => {
    const { series, distributions, duration_s, onset_s } = facts.charts
    if (scenario === 'missing_telemetry') expect(series).toEqual([])
    else expect(series.length).toBeGreaterThanOrEqual(7)
    for (const { name, before, after } of series) {
      if (!['ttft_s', 'inter_token_s'].includes(name)) expect(before.length).toBeGreaterThan(10)
      expect(before.length).toBeLessThanOrEqual(100)
      expect(before.every(([at = -1]) => at >= 0 && at <= (duration_s ?? 0))).toBe(true)
      expect(after).toBeNull()
    }
    for (const { before } of distributions) {
      const shares = before.map(([, share = -1]) => share)
      const values = before.map(([value = -1]) => value)
      expect(shares).toEqual(shares.toSorted((a, b) => a - b))
      expect(values).toEqual(values.toSorted((a, b) => a - b))
    }
    expect(onset_s === null || (onset_s >= 0 && onset_s <= (duration_s ?? 0))).toBe(true)
  })
})

test('a pulled image leads the trigger of a start that fails', () => {
  const { trigger } = factsOf('engine_startup_hang', [engine, 'Waiting for 1 local, 0 remote core engine proc'])
  expect(trigger.text).toMatch(
    /^A new image was pulled at 09:19:24 UTC: vllm\/vllm-openai:v0\.15\.0-cu130 \(journal line 133\), and the engine was started/,
  )
})

test('a first symptom says that the change before it is not known, and failed hardware does not', () => {
  const mismatch = factsOf('nccl_net_socket_truncated', [engine, 'message truncated : receiving'])
  expect(mismatch.trigger.text).toContain('What changed before it is not known.')
  const hardware = factsOf('nvidia_xid', [system, 'NVRM: Xid (PCI:0000:4e:00): 79'])
  expect(hardware.trigger.text).not.toContain('not known')
})

test('only the GPUs that the engine uses are counted', () => {
  expect(factsOf('kv_cache_pressure').environment.gpus).toBe(4)
  expect(factsOf('nccl_net_socket_truncated').environment.gpus).toBe(8)
  expect(factsOf('prefill_interference').environment.gpus).toBe(1)
})

test('the headline tells failed requests from unfinished ones, and says whether it went on', () => {
  expect(factsOf('speculative_decoding_collapse').headline.text).toMatch(
    /none of 2349 requests failed, and 121 were unfinished when the window ended.*It was still so when the window ended\./,
  )
  expect(factsOf('nvidia_xid').headline.text).toContain(
    '391 of 749 requests (52.2 %) failed, and none was unfinished when the window ended',
  )
})

/** The timeline cuts very long lines. */
function shown(line: string | undefined): string | undefined {
  return line !== undefined && line.length > 1000 ? `${line.slice(0, 1000)}…` : line
}

test('no line of the incident that a diagnosis quotes makes the facts contradict themselves', () => {
  const scenarios = ['kv_cache_pressure', 'nvidia_xid', 'linux_oom_killer', 'kv_transfer_timeout']
  const quoted = fc.constantFrom(...scenarios).chain((scenario) => {
    const { log } = builtInScenarios.load(scenario)
    const lines = (['vllm', 'dmesg', 'journal'] as const).flatMap((source) =>
      (log(source) ?? []).filter((line) => line.length > 20).map((line) => [source, line] as const),
    )
    return fc.record({ scenario: fc.constant(scenario), line: fc.constantFrom(...lines) })
  })
  fc.assert(
    fc.property(quoted, ({ scenario, line: [source, line] }) => {
      const quotes = [[source === 'vllm' ? engine : system, line] as const]
      const input: ReportInput = { scenario, pre_telemetry: telemetryOf(scenario), result: resultWith({ quotes }) }
      const { evidence, onset, trigger } = reportFacts(input)
      expect(evidence[0]).toMatchObject({ kind: 'log_line', source, quote: line })
      if (onset.time !== null && trigger.time !== null && trigger.kind !== 'fault') {
        expect(Date.parse(trigger.time)).toBeLessThanOrEqual(Date.parse(onset.time) + 15_000)
      }
    }),
    { numRuns: 60 },
  )
})
