import { expect, test } from 'vitest'
import { simulate } from '../../../tools/simulation/simulate.ts'
import type { SimulatedWindow } from '../../../tools/simulation/window.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

function mean({ count, sum }: { count: number; sum: number }): number {
  return sum / count
}

const ttft = (window: SimulatedWindow) => mean(window.observed.ttft)
const interToken = (window: SimulatedWindow) => mean(window.observed.interToken)
const served = (window: SimulatedWindow) => window.counts.stopped + window.counts.cutByLength

test('queueing knee: latency is flat far below capacity and grows without limit above it', () => {
  const at = (rate: number) => simulate(exampleScenario({ rate, prompt: 1024 }))
  const [idle, light, over, far] = [at(0.5), at(1.5), at(12), at(16)]
  expect(ttft(light)).toBeLessThan(2 * ttft(idle))
  expect(ttft(over)).toBeGreaterThan(5 * ttft(light))
  expect(over.end.waiting).toBeGreaterThan(100)
  // Above the knee more load gives a longer queue, not more served requests.
  expect(served(far)).toBeLessThan(1.05 * served(over))
})

test('KV cliff: a few long requests too many multiply the time per token', () => {
  // 32 long requests fit into the first cache and not into the second.
  const load = {
    phases: [
      { start_s: 0, requests_per_s: 8 },
      { start_s: 4, requests_per_s: 0 },
    ],
  }
  const at = (kvTokens: number) =>
    simulate(exampleScenario({ prompt: 3000, output: 2000, load, args: { kv_cache_memory_bytes: kvTokens * 131_072 } }))
  const roomy = at(180_000)
  const tight = at(110_000)
  expect(roomy.counts.preemptions).toBe(0)
  expect(tight.counts.preemptions).toBeGreaterThan(0)
  expect(tight.occupancy.kvUsageMax).toBeGreaterThan(0.95)
  expect(tight.observed.interToken.quantile(1)).toBeGreaterThan(10 * (roomy.observed.interToken.quantile(1) ?? 0))
})

test('prefill interference: long prompts stretch the time between tokens of others, smaller chunks less', () => {
  const at = (prompt: number, budget: number) =>
    simulate(exampleScenario({ rate: 1.5, prompt, output: 100, args: { max_num_batched_tokens: budget } }))
  const p99 = (window: SimulatedWindow) => window.observed.interToken.quantile(0.99) ?? 0
  expect(p99(at(4000, 4096))).toBeGreaterThan(3 * p99(at(100, 4096)))
  expect(p99(at(4000, 512))).toBeLessThan(0.5 * p99(at(4000, 4096)))
})

test('preemption storm: without prefix caching, admitting too many requests wastes work; a lower cap avoids it', () => {
  const at = (max_num_seqs: number, enable_prefix_caching: boolean) =>
    simulate(
      exampleScenario({
        rate: 1.4,
        prompt: 1500,
        output: 2000,
        durationS: 600,
        args: { max_num_seqs, gpu_memory_utilization: 0.7, enable_prefix_caching },
      }),
    )
  const storm = at(256, false)
  const capped = at(28, false)
  expect(storm.counts.preemptions).toBeGreaterThan(100)
  expect(capped.counts.preemptions).toBeLessThan(storm.counts.preemptions / 10)
  expect(served(capped)).toBeGreaterThan(served(storm))
  // A preempted request finds its blocks again, so that far less is computed twice.
  expect(served(at(256, true))).toBeGreaterThan(1.1 * served(storm))
})

test('concurrency cap: requests wait although the KV cache is nearly empty', () => {
  const window = simulate(exampleScenario({ rate: 4, args: { max_num_seqs: 4 } }))
  expect(window.occupancy.runningMax).toBe(4)
  expect(window.occupancy.waitingMean).toBeGreaterThan(10)
  expect(window.occupancy.kvUsageMax).toBeLessThan(0.1)
})

test('a shared prefix is computed once', () => {
  const at = (enable_prefix_caching: boolean) =>
    simulate(
      exampleScenario({ rate: 2, prompt: 2000, load: { shared_prefix_tokens: 1600 }, args: { enable_prefix_caching } }),
    )
  expect(at(true).counts.prefixHits / at(true).counts.prefixQueries).toBeGreaterThan(0.75)
  expect(at(false).counts.prefixHits).toBe(0)
  expect(ttft(at(true))).toBeLessThan(0.6 * ttft(at(false)))
})

test('requests whose clients time out are counted as aborted and free their blocks', () => {
  const window = simulate(exampleScenario({ rate: 12, prompt: 1024, load: { client_timeout_s: 10 } }))
  expect(window.counts.aborted).toBeGreaterThan(100)
  expect(window.observed.ttft.quantile(1)).toBeLessThan(11)
})

test('eager mode costs time per token where the GPU is faster than the host, and nothing where it is not', () => {
  const ratio = (gpu: string) => {
    const at = (enforce_eager: boolean) => interToken(simulate(exampleScenario({ gpu, args: { enforce_eager } })))
    return at(true) / at(false)
  }
  expect(ratio('NVIDIA H100 80GB HBM3')).toBeGreaterThan(1.8)
  expect(ratio('NVIDIA L4')).toBeLessThan(1.05)
})

test('asynchronous scheduling: a request waits for one step more, and the work is the same', () => {
  const at = (async_scheduling: boolean) => simulate(exampleScenario({ rate: 2, args: { async_scheduling } }))
  const [asynchronous, synchronous] = [at(true), at(false)]
  const mean = ({ sum, count }: { readonly sum: number; readonly count: number }) => sum / count
  const ttft = (window: SimulatedWindow) => mean(window.observed.ttft)
  const step = mean(synchronous.observed.interToken)
  // A step is scheduled while the previous one computes, so a new request is in the one after it.
  expect(ttft(asynchronous) - ttft(synchronous)).toBeGreaterThan(0.5 * step)
  expect(ttft(asynchronous) - ttft(synchronous)).toBeLessThan(1.5 * step)
  expect(served(asynchronous)).toBeCloseTo(served(synchronous), -1)
})
