import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../tools/errors.ts'
import { calibrateStepTime } from '../../../tools/simulation/calibrate-step-time.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { exampleScenario } from '../../support/example-scenario.ts'
import {
  a100,
  accelMark,
  benchmark,
  type Deployment,
  h100,
  type MeasuredRow,
  misses,
  report,
  scenarioOf,
} from '../../support/measured-figures.ts'

/** The engine V0, whose host code takes a time per request that the model of a step does not have. */
interface Run extends Deployment {
  readonly name: string
  /** Time per output token alone, and at the lowest rate, in milliseconds. The calibration is fitted to both. */
  readonly single: number
  readonly light: { readonly rate: number; readonly requests: number; readonly tpot: number }
  /** Measured at higher rates: requests per second, and time per output token in milliseconds. */
  readonly heavier: readonly (readonly [rate: number, tpot: number])[]
  /** 100 requests at once, output tokens per second. */
  readonly atOnce: number
  /** Largest accepted relative error of the predictions. */
  readonly band: number
}

const v0 = { max_model_len: 4096, gpu_memory_utilization: 0.9, max_num_seqs: 256, async_scheduling: false }
const llama8b = 'meta-llama/Meta-Llama-3-8B-Instruct'
/**
 * Source: `results/verified` of FreedomIntelligence/AccelMark, vLLM 0.7.3. All heavier loads are out of sample. Without a
 * calibration the simulation is 1.7 to 2.9 times too fast there.
 */
const runs: readonly Run[] = [
  {
    name: '8B H100',
    model: llama8b,
    gpu: h100,
    version: '0.15.0',
    args: v0,
    single: 7.74,
    light: { rate: 5, requests: 300, tpot: 9.52 },
    heavier: [
      [25, 24.5],
      [100, 30],
    ],
    atOnce: 5120,
    band: 0.35,
  },
  {
    name: '8B A100',
    model: llama8b,
    gpu: a100,
    version: '0.15.0',
    args: v0,
    single: 13.19,
    light: { rate: 5, requests: 300, tpot: 21.7 },
    heavier: [
      [10, 49.3],
      [25, 68.9],
    ],
    atOnce: 2700,
    band: 0.35,
  },
  {
    name: '70B TP8 A100 40 GB',
    model: 'meta-llama/Meta-Llama-3-70B-Instruct',
    gpu: 'NVIDIA A100-SXM4-40GB',
    version: '0.15.0',
    args: { ...v0, tensor_parallel_size: 8 },
    single: 20.93,
    light: { rate: 2, requests: 200, tpot: 34.79 },
    heavier: [
      [5, 62.2],
      [10, 75],
    ],
    atOnce: 1704,
    band: 0.35,
  },
]

test('two light loads predict the heavier ones of engines that the model of a step was not made for', () => {
  const rows = runs.flatMap((run): MeasuredRow[] => {
    const scenario = scenarioOf(run, benchmark(1, undefined, accelMark), 400)
    const { step_time, residual } = calibrateStepTime(scenario, [
      { load: benchmark(20, 0.05, accelMark), inter_token_s: run.single / 1000 },
      { load: benchmark(run.light.requests, run.light.rate, accelMark), inter_token_s: run.light.tpot / 1000 },
    ])
    console.log(
      `${run.name}: ${step_time.fixed_ms} ms, ${step_time.per_sequence_ms} ms per request, residual ${residual}`,
    )
    expect(residual).toBeLessThan(0.01)
    const at = (rate: number | undefined, count = run.light.requests) =>
      report({ ...scenarioOf(run, benchmark(count, rate, accelMark), 400), step_time })
    return [
      ...run.heavier.map(([rate, tpot]) => ({
        figure: `${run.name}, ${rate}/s, TPOT p50 ms`,
        measured: tpot,
        simulated: at(rate).tpot,
        band: run.band,
        outOfSample: true,
      })),
      {
        figure: `${run.name}, 100 at once, output tokens/s`,
        measured: run.atOnce,
        simulated: at(undefined, 100).outputPerS,
        band: run.band,
        outOfSample: true,
      },
    ]
  })
  expect(misses(rows)).toEqual([])
})

describe('calibrateStepTime', () => {
  const loads = [0.2, 6].map((rate) => exampleScenario({ rate, prompt: 300, output: 200 }).load)
  const scenario = exampleScenario({ durationS: 90 })

  test('finds the times that a deployment has', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -2, max: 20, noNaN: true }),
        fc.double({ min: 0, max: 0.4, noNaN: true }),
        (fixed_ms, per_sequence_ms) => {
          const observations = loads.map((load) => {
            const { interToken } = simulate({ ...scenario, load, step_time: { fixed_ms, per_sequence_ms } }).observed
            return { load, inter_token_s: interToken.sum / interToken.count }
          })
          const { step_time, residual } = calibrateStepTime(scenario, observations)
          expect(residual).toBeLessThan(0.01)
          expect(step_time.fixed_ms).toBeCloseTo(fixed_ms, 0)
          expect(step_time.per_sequence_ms).toBeCloseTo(per_sequence_ms, 1)
        },
      ),
      { numRuns: 15 },
    )
  })

  test('reports how far observations are that no time per request explains', () => {
    const [light, heavy] = loads
    if (light === undefined || heavy === undefined) throw new Error('two loads')
    const { step_time, residual, fit } = calibrateStepTime(scenario, [
      { load: light, inter_token_s: 0.03 },
      { load: heavy, inter_token_s: 0.028 },
    ])
    expect(step_time.per_sequence_ms).toBe(0)
    expect(residual).toBeGreaterThan(0.1)
    expect(fit.map(({ observed_s }) => observed_s)).toEqual([0.03, 0.028])
  })

  test('refuses observations that do not determine two times, and says what would help', () => {
    const [load = scenario.load] = loads
    const at = (inter_token_s: number) => ({ load, inter_token_s })
    expect(() => calibrateStepTime(scenario, [at(0.012)])).toThrow(
      /observations must be a list of two or more.*another request rate/,
    )
    expect(() => calibrateStepTime(scenario, [at(0.012), at(0.02)])).toThrow(/cannot be told apart/)
    expect(() => calibrateStepTime(scenario, [at(0.012), at(-1)])).toThrow(/observations\[1\]\.inter_token_s is -1/)
    expect(() => calibrateStepTime(scenario, [at(0.012), at(Number.NaN)])).toThrow(ConfigError)
    const tooLong = exampleScenario({ args: { max_model_len: 1_000_000 } })
    expect(() => calibrateStepTime(tooLong, [at(0.012), at(0.02)])).toThrow(
      /engine of the scenario does not start.*1000000/,
    )
    const silent = { ...load, phases: [{ start_s: 0, requests_per_s: 0 }] }
    expect(() => calibrateStepTime(scenario, [{ load: silent, inter_token_s: 0.01 }, at(0.02)])).toThrow(
      /observations\[0\]\.load gives no request/,
    )
  })
  const [light = scenario.load, heavy = scenario.load] = loads
  const observations = [
    { load: light, inter_token_s: 0.016 },
    { load: heavy, inter_token_s: 0.03 },
  ]
  test.each<[string, unknown, unknown, string, RegExp]>([
    ['milliseconds', scenario, changed({ inter_token_s: 30 }), 'observations[1].inter_token_s', /Divide it by 1000/],
    [
      'a time that no such GPU reaches',
      scenario,
      changed({ inter_token_s: 1e-4 }),
      'observations[1].inter_token_s',
      /GPU/,
    ],
    [
      'latencies of the other load',
      scenario,
      changed({ inter_token_s: 0.01 }),
      'observations[1].inter_token_s',
      /heavier/,
    ],
    ['no load', scenario, changed({ load: undefined }), 'observations[1].load', /schema/],
    ['a negative rate', scenario, changed({ load: withRate(-1) }), 'observations[1].load', /requests_per_s/],
    ['an observation that is null', scenario, [observations[0], null], 'observations[1]', /must be an object/],
    ['no observations', scenario, undefined, 'observations', /two or more/],
    ['no scenario', undefined, observations, 'scenario', /schema/],
    ['a scenario without deployment', { ...scenario, deployment: undefined }, observations, 'scenario', /deployment/],
  ])('%s: the error names the member', (_, given, measured, field, message) => {
    expect(() => Reflect.apply(calibrateStepTime, undefined, [given, measured])).toThrow(
      expect.objectContaining({ code: 'invalid_config', field, message: expect.stringMatching(message) }),
    )
  })

  function changed(change: object): object[] {
    return [observations[0] ?? {}, { ...observations[1], ...change }]
  }

  function withRate(requests_per_s: number): object {
    return { ...heavy, phases: [{ start_s: 0, requests_per_s }] }
  }
})
