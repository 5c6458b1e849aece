import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { engineSettings } from '../../../tools/simulation/engine-settings.ts'
import { gpuOf } from '../../../tools/simulation/hardware.ts'
import { architectureOf } from '../../../tools/simulation/model-names.ts'
import { kvBytesPerToken } from '../../../tools/simulation/models.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { stepTime } from '../../../tools/simulation/step-time.ts'
import type { SimulatedWindow } from '../../../tools/simulation/window.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

interface Row {
  readonly figure: string
  readonly published: number
  readonly simulated: number
  /** Largest accepted relative difference; `null` for a figure that the model is known to miss. */
  readonly band: number | null
}

const a100 = 'NVIDIA A100-SXM4-40GB'
const h100 = 'NVIDIA H100 80GB HBM3'
const mean = ({ count, sum }: { count: number; sum: number }) => sum / count
const tokensPerSecond = (window: SimulatedWindow) => window.counts.generationTokens / window.endS

/** Duration of one step with a batch of `tokens`, in milliseconds, without attention. */
function iteration(model: string, gpu: string, tensor_parallel_size: number, tokens: number): number {
  const { deployment } = exampleScenario({ model, gpu, args: { tensor_parallel_size, max_num_batched_tokens: 4096 } })
  const settings = engineSettings(deployment, architectureOf(model), gpuOf(gpu))
  return stepTime(architectureOf(model), gpuOf(gpu), gpu, settings).ofTokens(tokens) * 1000
}

/** Requests that arrive at the same time and run together for the whole window. */
function together(count: number, prompt: number, output: number, kvTokens: number): SimulatedWindow {
  const load = {
    phases: [
      { start_s: 0, requests_per_s: count },
      { start_s: 1, requests_per_s: 0 },
    ],
    seed: 4,
  }
  const scenario = exampleScenario({
    prompt,
    output,
    load,
    durationS: 600,
    args: {
      max_model_len: 40_960,
      kv_cache_memory_bytes: kvTokens * 131_072,
      max_num_batched_tokens: 2048,
      // The report does not say whether its engine cached prefixes. With caching there is no cliff.
      enable_prefix_caching: false,
    },
    gpu: 'NVIDIA A100-SXM4-80GB',
  })
  return simulate(scenario)
}

function sweep(concurrency: number): SimulatedWindow {
  return simulate(exampleScenario({ rate: 20, prompt: 1024, args: { max_num_seqs: concurrency } }))
}

/** Ratio of the decode speeds of intervals with much and with little prefill, while the KV cache is nearly full. */
function interference(): number {
  const { timeline } = simulate(loadScenario('kv_cache_pressure'))
  const busy = timeline.filter(({ kvUsage }) => kvUsage > 0.9).toSorted((a, b) => a.promptTokens - b.promptTokens)
  const half = Math.floor(busy.length / 2)
  const speed = (intervals: typeof busy) =>
    intervals.reduce((sum, { generationTokens }) => sum + generationTokens, 0) / intervals.length
  return speed(busy.slice(half)) / speed(busy.slice(0, half))
}

/**
 * The measured steps contain only matrix products, so steps on several GPUs take longer here by the all-reduces.
 *
 * Known misses: the H100 figures of an 8B model, which include an API server of 25 to 40 ms and a kernel that is slower
 * than the roofline; and the effect of prefill on decode, which was measured with another model and load.
 */
test('the simulation reproduces published figures within their bands', () => {
  const [roomy, tight] = [together(6, 32_768, 1024, 262_144), together(6, 32_768, 1024, 180_000)]
  const one = sweep(1)
  const eight = sweep(8)
  const h100Alone = simulate(exampleScenario({ gpu: h100, rate: 0.1, prompt: 256 }))
  const rows: Row[] = [
    { figure: 'A100-40, 8B, 1024/128, tokens/s at 1', published: 75, simulated: tokensPerSecond(one), band: 0.2 },
    {
      figure: 'the same, throughput at 8 to that at 1',
      published: 6.6,
      simulated: tokensPerSecond(eight) / tokensPerSecond(one),
      band: 0.2,
    },
    {
      figure: 'A100, 8B TP1, ms for 2048 tokens',
      published: 143.7,
      simulated: iteration('meta-llama/Llama-3.1-8B-Instruct', a100, 1, 2048),
      band: 0.05,
    },
    {
      figure: 'A100, 8B TP2, ms for 2048 tokens, all-reduce added',
      published: 72.7,
      simulated: iteration('meta-llama/Llama-3.1-8B-Instruct', a100, 2, 2048),
      band: 0.35,
    },
    {
      figure: 'A100, 70B TP8, ms for 1 token, all-reduce added',
      published: 14.3,
      simulated: iteration('meta-llama/Llama-3.3-70B-Instruct', 'NVIDIA A100-SXM4-80GB', 8, 1),
      band: 0.4,
    },
    {
      figure: 'H100, 70B TP4, ms for 2048 tokens, all-reduce added',
      published: 112.1,
      simulated: iteration('meta-llama/Llama-3.3-70B-Instruct', h100, 4, 2048),
      band: 0.35,
    },
    {
      figure: 'H100, 8B, inter-token ms alone (10-15)',
      published: 12.5,
      simulated: mean(h100Alone.observed.interToken) * 1000,
      band: null,
    },
    {
      figure: 'H100, 8B, time to first token ms (60-120)',
      published: 90,
      simulated: mean(h100Alone.observed.ttft) * 1000,
      band: null,
    },
    {
      figure: '8B, KV bytes per token',
      published: 131_072,
      simulated: kvBytesPerToken(architectureOf('meta-llama/Llama-3.1-8B-Instruct'), 2),
      band: 0,
    },
    {
      figure: '70B, KV bytes per token',
      published: 327_680,
      simulated: kvBytesPerToken(architectureOf('meta-llama/Llama-3.3-70B-Instruct'), 2),
      band: 0,
    },
    {
      figure: 'KV cliff without caching: time per token beyond to below (440/107)',
      published: 4.1,
      simulated: (mean(tight.observed.timePerOutputToken) || 0) / mean(roomy.observed.timePerOutputToken),
      band: 0.3,
    },
    { figure: 'decode speed while prefill runs (about 0.57)', published: 0.57, simulated: interference(), band: null },
  ]
  console.table(
    rows.map(({ figure, published, simulated, band }) => ({
      figure,
      published,
      simulated: Number(simulated.toPrecision(4)),
      off: `${(100 * (simulated / published - 1)).toFixed(0)} %`,
      band: band === null ? 'known miss, shape only' : `${band * 100} %`,
    })),
  )
  for (const { figure, published, simulated, band } of rows) {
    if (band !== null) expect(Math.abs(simulated / published - 1), figure).toBeLessThanOrEqual(band)
  }
})
