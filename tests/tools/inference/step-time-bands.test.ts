import { describe, expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import type { Scenario } from '../../../fixtures/scenario.ts'
import { meanLength } from '../../../tools/inference/fit-lengths.ts'
import { inferScenario } from '../../../tools/inference/infer-scenario.ts'
import { predict } from '../../../tools/inference/predict.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { recordedPage } from '../../support/recorded-pages.ts'
import { twoScrapes } from '../../support/scraped-pages.ts'

// Two pages at one load do not show how the time of a step grows with its requests. Then the bands contain all growths.

const healthy = loadScenario('healthy_control')

const accepted = (inference: ReturnType<typeof inferScenario>) => {
  if (inference.kind === 'refused') throw new Error(inference.reasons.join(' '))
  return inference
}

const bandsOf = (
  inference: ReturnType<typeof inferScenario>,
  { deployment }: Pick<Scenario, 'deployment'>,
  args: Scenario['deployment']['engine_args'],
) => {
  const engine_args = { ...deployment.engine_args, ...args }
  const prediction = predict(inference, { ...deployment, config_id: 'healthy_control/changed', engine_args })
  if (prediction.kind === 'refused') throw new Error(prediction.reasons.join(' '))
  return Object.fromEntries(prediction.ratios.map(({ figure, band }) => [figure, band]))
}

/** The config.json of the recorded server's model. */
const tinyLlama = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 256,
  intermediate_size: 512,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 64,
  vocab_size: 1024,
  max_position_embeddings: 4096,
  torch_dtype: 'bfloat16',
}

const recorded: Scenario['deployment'] = {
  ...healthy.deployment,
  vllm_version: '0.32.0',
  model: 'tiny',
  model_config: tinyLlama,
  engine_args: { max_num_seqs: 8, kv_cache_memory_bytes: 2 ** 30, block_size: 128, max_model_len: 2048 },
  placement: { ...healthy.deployment.placement, gpu_model: 'NVIDIA L4', gpus: [0] },
}

const times = [344, 347, 350, 353, 356, 359, 362, 365, 368, 400].map((second) => 1_795_812_000 + second)

describe('the recorded pages of a saturated server', () => {
  const from = (firstS: number) =>
    inferScenario(
      [
        { text: recordedPage('0.32.0-saturated-before'), atS: firstS },
        { text: recordedPage('0.32.0-saturated'), atS: firstS + 16 },
      ],
      {
        slo: healthy.slo,
        config: recorded,
      },
    )

  let known: ReturnType<typeof from>[] | undefined
  const inferences = () => {
    known ??= times.map(from)
    return known
  }

  // The server counted its first answer at 1795812329.5.
  test('give their rate, their step time, and the lengths between the pages', () => {
    const { scenario, residuals } = accepted(from(1_795_812_366))
    const { load, inference, step_time } = scenario
    // 147 requests in 16 s.
    expect(load.phases.at(-1)?.requests_per_s).toBeCloseTo(9.19, 1)
    // The first page has also short requests from before, with a mean of 98 and 95 tokens in all.
    expect(Math.abs(meanLength(load.prompt_tokens) / 238 - 1)).toBeLessThan(0.2)
    expect(Math.abs(meanLength(load.output_tokens) / 248 - 1)).toBeLessThan(0.2)
    expect((step_time?.fixed_ms ?? 0) + 8 * (step_time?.per_sequence_ms ?? 0)).toBeCloseTo(9.6, 0)
    expect(inference?.requests_per_step).toBeCloseTo(8, 1)
    for (const { figure, error } of residuals) expect(Math.abs(error), figure).toBeLessThan(0.1)
  })

  test.each([{ max_num_seqs: 4 }, { max_num_seqs: 16 }, { max_num_seqs: 256 }])(
    'give bands of %o that overlap, whatever the time of the first page is',
    (args) => {
      const bands = inferences().map((inference) => bandsOf(inference, { deployment: recorded }, args))
      for (const one of bands) {
        for (const other of bands) {
          for (const [figure, { low, high }] of Object.entries(one)) {
            expect(other[figure]?.high ?? 0, figure).toBeGreaterThanOrEqual(low)
            expect(other[figure]?.low ?? 0, figure).toBeLessThanOrEqual(high)
          }
        }
      }
    },
  )

  test('say why the bands are wide', () => {
    expect(accepted(from(1_795_812_366)).assumptions.join(' ')).toMatch(
      /All pages have about 8 requests in a step.*Pages at another load make them narrower/,
    )
  })
})

describe('the bands of a steady load', () => {
  const full = (step_time: NonNullable<Scenario['step_time']>): Scenario => ({
    ...healthy,
    deployment: { ...healthy.deployment, engine_args: { ...healthy.deployment.engine_args, max_num_seqs: 32 } },
    load: { ...healthy.load, phases: [{ start_s: 0, requests_per_s: 0.6 }] },
    window: { ...healthy.window, duration_s: 900 },
    step_time,
  })

  test.each([
    { fixed_ms: 12, per_sequence_ms: 0 },
    { fixed_ms: 6, per_sequence_ms: 0.19 },
    { fixed_ms: 0, per_sequence_ms: 0.375 },
  ])('contain the real ratio of the time between tokens of a host with %o', (step_time) => {
    const scenario = full(step_time)
    const inference = accepted(inferScenario(twoScrapes(scenario), { config: scenario.deployment, slo: scenario.slo }))
    const engine_args = { ...scenario.deployment.engine_args, max_num_seqs: 6 }
    const gap = ({ observed: { interToken } }: ReturnType<typeof simulate>) => interToken.sum / interToken.count
    const real =
      gap(simulate(scenario, { ...scenario.deployment, config_id: 'healthy_control/changed', engine_args })) /
      gap(simulate(scenario))
    const { inter_token_mean_s } = bandsOf(inference, scenario, { max_num_seqs: 6 })
    expect(inter_token_mean_s?.low).toBeLessThanOrEqual(real)
    expect(inter_token_mean_s?.high).toBeGreaterThanOrEqual(real)
  })
})
