import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Load, Scenario } from '../../fixtures/scenario.ts'
import { engineSettings } from '../../tools/simulation/engine-settings.ts'
import { gpuOf } from '../../tools/simulation/hardware.ts'
import { asLoaded } from '../../tools/simulation/loaded-weights.ts'
import { planMemory } from '../../tools/simulation/memory.ts'
import { modelOf } from '../../tools/simulation/model-names.ts'
import { simulate } from '../../tools/simulation/simulate.ts'
import { exampleScenario } from './example-scenario.ts'

/** A figure that was measured on a real engine, with the one of the simulation. */
export interface MeasuredRow {
  readonly figure: string
  readonly measured: number
  readonly simulated: number
  /** Largest accepted relative difference; `null` for a known miss, which the comment of the row explains. */
  readonly band: number | null
  /** Whether no constant of the simulation was fitted to the figure or to another one of the same run. */
  readonly outOfSample: boolean
}

/** A deployment of the measurements. */
export interface Deployment {
  readonly model: string
  readonly gpu: string
  readonly gpus?: number
  readonly version: string
  readonly args: DeploymentConfig['engine_args']
}

/** The 500 prompts of AccelMark's `sharegpt_standard_v1`; of the answers only the mean and the cap of 512 are known. */
export const accelMark: Pick<Load, 'prompt_tokens' | 'output_tokens'> = {
  prompt_tokens: { median: 200, sigma: 0.65, min: 64, max: 592 },
  output_tokens: { median: 365, sigma: 0.7, min: 16, max: 512 },
}

export const a100 = 'NVIDIA A100-SXM4-80GB'
export const h100 = 'NVIDIA H100 80GB HBM3'

/** Prints the rows, and returns those that miss their band. */
export function misses(rows: readonly MeasuredRow[]): string[] {
  console.table(
    rows.map(({ figure, measured, simulated, band, outOfSample }) => ({
      figure,
      measured,
      simulated: Number(simulated.toPrecision(4)),
      ratio: (simulated / measured).toFixed(2),
      band: band === null ? 'known miss' : `${Math.round(band * 100)} %`,
      sample: outOfSample ? 'out' : 'in',
    })),
  )
  return rows
    .filter(({ measured, simulated, band }) => band !== null && !(Math.abs(simulated / measured - 1) <= band))
    .map(({ figure }) => figure)
}

/** A scenario of a deployment and a load. */
export function scenarioOf(
  { model, gpu, gpus = 8, version, args }: Deployment,
  load: Load,
  durationS: number,
): Scenario {
  const scenario = exampleScenario({ model, gpu, load, durationS })
  const { deployment } = scenario
  return {
    ...scenario,
    deployment: {
      ...deployment,
      vllm_version: version,
      engine_args: args,
      placement: { ...deployment.placement, gpus: Array.from({ length: gpus }, (_, id) => id) },
    },
  }
}

/** Lengths and arrivals of a benchmark: `count` requests at `rate` per second, or all at once without a rate. */
export function benchmark(
  count: number,
  rate: number | undefined,
  lengths: Pick<Load, 'prompt_tokens' | 'output_tokens'>,
): Load {
  const perSecond = rate ?? count * 1000
  return {
    seed: 11,
    phases: [
      { start_s: 0, requests_per_s: perSecond },
      { start_s: count / perSecond, requests_per_s: 0 },
    ],
    shared_prefix_tokens: 0,
    ...lengths,
  }
}

/** What a benchmark reports. Latencies are in milliseconds. */
export function report(scenario: Scenario) {
  const { observed, finished, counts } = simulate(scenario)
  const elapsedS = Math.max(...finished.map(({ atS }) => atS))
  return {
    tpot: (observed.timePerOutputToken.quantile(0.5) ?? Number.NaN) * 1000,
    meanTpot: (observed.timePerOutputToken.sum / observed.timePerOutputToken.count) * 1000,
    ttft: (observed.ttft.quantile(0.5) ?? Number.NaN) * 1000,
    /** For as many requests as the real run had, because the simulated number is random. */
    elapsedS: (requests: number) => (elapsedS * requests) / finished.length,
    outputPerS: counts.generationTokens / elapsedS,
    totalPerS: (counts.generationTokens + counts.promptTokens) / elapsedS,
  }
}

/** The memory of a deployment's GPUs at startup; a text if the engine does not start. */
export function memoryOf({ model: name, gpu: gpuName, gpus = 8, version, args }: Deployment) {
  const { deployment } = scenarioOf({ model: name, gpu: gpuName, version, args }, exampleScenario().load, 60)
  const model = asLoaded(modelOf(deployment), deployment)
  const gpu = gpuOf(gpuName)
  const startup = planMemory(model, gpu, engineSettings(deployment, model, gpu), gpus)
  return startup.kind === 'started' ? startup.memory : startup.reason
}
