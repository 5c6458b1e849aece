import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Scenario } from '../../../fixtures/scenario.ts'
import { parseMetricsPage } from '../../../tools/prometheus/parse-metrics-page.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { comparedTelemetry, simulateTelemetry } from '../../../tools/simulation/collect-telemetry.ts'
import { KvTransfers } from '../../../tools/simulation/kv-transfers.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const consumer = '{"kv_connector": "NixlConnector", "kv_role": "kv_consumer"}'

/** A decode engine with prompts of 512 tokens, 64 MiB each: 2 requests a second need 0.134 GB/s. */
function decodeEngine(gbPerS: number, changes: Parameters<typeof exampleScenario>[0] = {}): Scenario {
  const { args, ...rest } = changes
  const scenario = exampleScenario({
    rate: 2,
    durationS: 120,
    ...rest,
    args: { kv_transfer_config: consumer, ...args },
  })
  return {
    ...scenario,
    deployment: { ...scenario.deployment, vllm_version: '0.20.2' },
    kv_transfer: { gb_per_s: gbPerS },
  }
}

function mean({ sum, count }: { readonly sum: number; readonly count: number }): number {
  return sum / count
}

test('transfers share the bandwidth', () => {
  const transfers = new KvTransfers({ bytesPerSecond: 100, bytesPerToken: 1 })
  transfers.start(1, 100, 0)
  expect(transfers.nextEnd).toBe(1)
  transfers.advance(0.5)
  transfers.start(2, 100, 0.5)
  // Each of them gets half: the first has 50 bytes left, and the other one then 50 for itself.
  expect(transfers.nextEnd).toBe(1.5)
  transfers.advance(10)
  expect(transfers.finished.map(({ endS }) => endS)).toEqual([1.5, 2])
  expect(transfers.head).toBe(1)
})

test('the link is never idle while a transfer is in progress, and no transfer is faster than the link', () => {
  const sizes = fc.array(
    fc.record({ gap: fc.double({ min: 0, max: 3, noNaN: true }), tokens: fc.integer({ min: 1, max: 500 }) }),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  fc.assert(
    fc.property(sizes, (arrivals) => {
      const transfers = new KvTransfers({ bytesPerSecond: 100, bytesPerToken: 1 })
      let now = 0
      let free = 0
      arrivals.forEach(({ gap, tokens }, request) => {
        now += gap
        transfers.advance(now)
        transfers.start(request, tokens, now)
        free = Math.max(free, now) + tokens / 100
      })
      transfers.advance(Number.MAX_SAFE_INTEGER)
      const { finished } = transfers
      expect(finished).toHaveLength(arrivals.length)
      expect(finished.at(-1)?.endS).toBeCloseTo(free, 6)
      for (const { startS, endS, tokens } of finished) expect(endS - startS).toBeGreaterThan(tokens / 100 - 1e-9)
    }),
  )
})

test('without a known link a connector changes nothing, and the telemetry names it', () => {
  const scenario = exampleScenario({ args: { kv_transfer_config: consumer } })
  expect(simulate(scenario).counts).toEqual(simulate(exampleScenario()).counts)
  expect(simulate(scenario).timeline).toEqual(simulate(exampleScenario()).timeline)
  expect(simulateTelemetry(scenario, scenario.deployment, 'pre').ignored_arguments).toEqual(['kv_transfer_config'])
  const linked = decodeEngine(50)
  expect(simulateTelemetry(linked, linked.deployment, 'pre').ignored_arguments).toBeUndefined()
})

test.each(['{"kv_connector": "LMCacheConnectorV1", "kv_role": "kv_both"}', consumer.replace('consumer', 'producer')])(
  'the connector %s is not simulated',
  (text) => {
    const scenario = decodeEngine(0.01, { args: { kv_transfer_config: text } })
    expect(simulate(scenario).transfers).toBeUndefined()
    expect(simulateTelemetry(scenario, scenario.deployment, 'pre').ignored_arguments).toEqual(['kv_transfer_config'])
  },
)

test('a request waits in the queue for its transfer and is then computed in one step', () => {
  const { observed, counts, transfers } = simulate(decodeEngine(0.64, { rate: 0.2 }))
  // 512 tokens of 128 KiB at 0.64 GB/s.
  expect(mean(observed.queue)).toBeCloseTo(0.105, 1)
  expect(mean(observed.prefill)).toBeLessThan(0.03)
  expect(observed.computedPromptTokens.sum).toBe(0)
  expect(counts.externalHits).toBe(512 * (transfers?.finished.length ?? 0))
  expect(counts.externalPromptTokens).toBe(counts.promptTokens)
})

test('a link that is too slow lets requests wait, whatever the size of the batch', () => {
  const ttft = (gbPerS: number, args = {}) => simulate(decodeEngine(gbPerS, { args })).observed.ttft.quantile(0.95) ?? 0
  expect(ttft(5)).toBeLessThan(0.2)
  expect(ttft(0.1)).toBeGreaterThan(10)
  expect(ttft(0.1, { max_num_seqs: 512 })).toBeCloseTo(ttft(0.1, { max_num_seqs: 256 }), 6)
})

test('an impairment limits the link while its condition is true', () => {
  const slow = {
    kind: 'slow_kv_transfer',
    when: { path: '/env/UCX_NET_DEVICES', starts_with: 'eno' },
    gb_per_s: 0.1,
    reason: 'The management interface.',
  } as const
  const scenario = decodeEngine(5, { impairments: [slow] })
  const on = (env: Record<string, string>) => simulate(scenario, { ...scenario.deployment, env }).observed.ttft
  expect(on({ UCX_NET_DEVICES: 'mlx5_0:1' }).quantile(0.95)).toBeLessThan(0.2)
  expect(on({ UCX_NET_DEVICES: 'eno1' }).quantile(0.95)).toBeGreaterThan(10)
})

test('requests are conserved if clients give up during transfers', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.02, max: 0.3, noNaN: true }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 150, max: 2000 }),
      fc.boolean(),
      (gbPerS, timeout, blocks, asynchronous) => {
        const { counts, end, occupancy, transfers } = simulate(
          decodeEngine(gbPerS, {
            load: { client_timeout_s: timeout },
            args: { num_gpu_blocks_override: blocks, async_scheduling: asynchronous, max_model_len: 1024 },
          }),
        )
        const done = counts.stopped + counts.cutByLength
        expect(done + counts.aborted + counts.refused + end.running + end.waiting).toBe(counts.arrived)
        expect(transfers?.waiting).toBeLessThanOrEqual(end.waiting)
        expect(occupancy.kvUsageMax).toBeLessThanOrEqual(1)
      },
    ),
    { numRuns: 30 },
  )
})

test('the blocks of an abandoned transfer stay in use until it ends', () => {
  const load = {
    client_timeout_s: 5,
    phases: [
      { start_s: 0, requests_per_s: 1 },
      { start_s: 60, requests_per_s: 0 },
    ],
  }
  const usage = (gbPerS: number) => {
    const { counts, end } = simulate(decodeEngine(gbPerS, { load }))
    expect(end.running + end.waiting).toBe(0)
    return [counts.aborted > 0, end.kvUsage > 0]
  }
  expect(usage(0.001)).toEqual([true, true])
  expect(usage(5)).toEqual([false, false])
})

test('the page shows deferred requests, and transfers by GPU', () => {
  const scenario = decodeEngine(0.1, { args: { tensor_parallel_size: 2 } })
  const { end, transfers } = simulate(scenario)
  const samples = parseMetricsPage(vllmPage(scenario)).samples
  const value = (name: string, label = '', is = '') =>
    samples.find((sample) => sample.name === `vllm:${name}` && (label === '' || sample.labels[label] === is))?.value
  expect(transfers?.waiting).toBeGreaterThan(5)
  expect(value('num_requests_waiting_by_reason', 'reason', 'deferred')).toBe(transfers?.waiting)
  expect(value('num_requests_waiting_by_reason', 'reason', 'capacity')).toBe(end.waiting - (transfers?.waiting ?? 0))
  expect(value('nixl_xfer_time_seconds_count')).toBe(2 * (transfers?.finished.length ?? 0))
  expect(value('nixl_bytes_transferred_sum')).toBe(512 * 131_072 * (transfers?.finished.length ?? 0))
  expect(vllmPage(exampleScenario())).not.toContain('nixl')
})

test('expired transfers are a cost of the change, and a decode engine that renews its lease has none', () => {
  const scenario = decodeEngine(0.1, { durationS: 300 })
  const env = { VLLM_NIXL_ABORT_REQUEST_TIMEOUT: '10' }
  const withTimeout = { ...scenario.deployment, env }
  const expired = simulate(scenario, withTimeout).transfers?.expired
  expect(expired).toBeGreaterThan(50)
  expect(comparedTelemetry(scenario, withTimeout).costs?.join(' ')).toContain(`${expired} transfers of KV blocks`)
  expect(simulate(scenario).transfers?.expired).toBe(0)
  expect(simulate(scenario, { ...withTimeout, vllm_version: '0.22.0' }).transfers?.expired).toBe(0)
})

test('windows of links with different bandwidths are different', () => {
  const transfersOf = (gbPerS: number) => simulate(decodeEngine(gbPerS)).transfers?.finished.map(({ endS }) => endS)
  expect(transfersOf(11)).not.toEqual(transfersOf(12))
})
