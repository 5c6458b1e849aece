import type { Load, Scenario } from '../../fixtures/scenario.ts'
import { ConfigError } from '../errors.ts'
import { simulate } from './simulate.ts'
import type { Calibration } from './step-time.ts'

/** A measurement of a deployment under one load. */
export interface LoadObservation {
  /** The load of the measurement, as in a scenario. A rate so low that requests never overlap gives a single stream. */
  readonly load: Load
  /** Mean inter-token latency in seconds: `_sum` by `_count` of `vllm:inter_token_latency_seconds`. */
  readonly inter_token_s: number
}

/** The result of {@link calibrateStepTime}: a member of a scenario, and how well it fits. */
export interface StepTimeCalibration {
  /** For `step_time` of the scenario. */
  readonly step_time: Calibration
  /** Largest relative difference between an observation and its simulation; 0.02 means 2 %. */
  readonly residual: number
  /** The mean inter-token latency of each observation and of its simulation, in seconds. */
  readonly fit: readonly { readonly observed_s: number; readonly simulated_s: number }[]
}

const parameters = ['fixed_ms', 'per_sequence_ms'] as const
/** Differences for the derivatives, in milliseconds. */
const steps = { fixed_ms: 0.2, per_sequence_ms: 0.02 } as const
const iterations = 8

/**
 * Fits the step time of the simulation to inter-token latencies that were measured on a deployment, at two loads or more.
 *
 * The model of a step knows the kernels of a GPU, but not the host: an older engine or a slow CPU adds time to every step
 * and for every request of a step. Those two times are fitted, so that the simulation of each load has the measured mean.
 * Choose light loads that differ, e.g. a single stream and some requests per second; heavier loads are then predicted.
 *
 *     const { step_time, residual } = calibrateStepTime(scenario, [
 *       { load: { ...scenario.load, phases: [{ start_s: 0, requests_per_s: 0.05 }] }, inter_token_s: 0.0077 },
 *       { load: { ...scenario.load, phases: [{ start_s: 0, requests_per_s: 5 }] }, inter_token_s: 0.0095 },
 *     ])
 *     const calibrated = { ...scenario, step_time }
 *
 * @param scenario the deployment. Its impairments do not act, because they are not part of the measurement.
 * @throws {ConfigError} `invalid_config` if there are fewer than two observations, a latency is not positive, the engine
 * does not start, or the loads have the same number of running requests, so that the two times cannot be told apart.
 */
export function calibrateStepTime(scenario: Scenario, observations: readonly LoadObservation[]): StepTimeCalibration {
  checkObservations(observations)
  const windows = (step_time: Calibration) =>
    observations.map(({ load }) => simulate({ ...scenario, load, impairments: [], step_time }))
  const interToken = (step_time: Calibration) =>
    windows(step_time).map(({ observed, engine }, index) => {
      const { count, sum } = observed.interToken
      if (count > 0) return sum / count
      if (!engine.started) {
        throw new ConfigError(
          `The engine of the scenario does not start, so nothing can be compared: ${engine.reason ?? 'no reason'}`,
          { field: 'deployment' },
        )
      }
      throw new ConfigError(
        `observations[${index}].load gives no request with two tokens within the ${scenario.window.duration_s} s of the ` +
          'window. Raise requests_per_s or the duration of the window.',
        { field: `observations[${index}].load` },
      )
    })
  let fitted: Calibration = { fixed_ms: 0, per_sequence_ms: 0 }
  for (let iteration = 0; iteration < iterations; iteration++) {
    const simulated = interToken(fitted)
    const errors = observations.map(({ inter_token_s }, index) => 1 - (simulated[index] ?? 0) / inter_token_s)
    const slopes = parameters.map((parameter) => {
      const moved = interToken({ ...fitted, [parameter]: fitted[parameter] + steps[parameter] })
      return observations.map(
        ({ inter_token_s }, index) =>
          ((moved[index] ?? 0) - (simulated[index] ?? 0)) / inter_token_s / steps[parameter],
      )
    })
    const [fixed = [], perSequence = []] = slopes
    const next = solve(fixed, perSequence, errors, fitted)
    const change = parameters.reduce((sum, name) => sum + Math.abs(next[name] - fitted[name]), 0)
    fitted = next
    if (change < 1e-4) break
  }
  const step_time = { fixed_ms: round(fitted.fixed_ms), per_sequence_ms: round(fitted.per_sequence_ms) }
  const simulated = interToken(step_time)
  const fit = observations.map(({ inter_token_s }, index) => ({
    observed_s: inter_token_s,
    simulated_s: simulated[index] ?? 0,
  }))
  const residual = Math.max(...fit.map(({ observed_s, simulated_s }) => Math.abs(simulated_s / observed_s - 1)))
  return { step_time, residual, fit }
}

function checkObservations(observations: readonly LoadObservation[]): void {
  if (observations.length < 2) {
    throw new ConfigError(
      `observations has ${observations.length} element(s), but two unknown times need two loads: add an observation with ` +
        'another request rate.',
      { field: 'observations' },
    )
  }
  for (const [index, { inter_token_s }] of observations.entries()) {
    if (!(Number.isFinite(inter_token_s) && inter_token_s > 0)) {
      throw new ConfigError(
        `observations[${index}].inter_token_s is ${inter_token_s}, but it must be a positive number of seconds, e.g. 0.012.`,
        { field: `observations[${index}].inter_token_s` },
      )
    }
  }
}

/**
 * One step of Gauss-Newton for two parameters. The time per request cannot be negative: where it would be, only the fixed
 * time is fitted.
 */
function solve(
  fixed: readonly number[],
  perSequence: readonly number[],
  errors: readonly number[],
  from: Calibration,
): Calibration {
  const [aa, ab, bb] = [dot(fixed, fixed), dot(fixed, perSequence), dot(perSequence, perSequence)]
  const [ae, be] = [dot(fixed, errors), dot(perSequence, errors)]
  const determinant = aa * bb - ab * ab
  // The slopes of both parameters are proportional if every load has the same number of running requests.
  if (determinant < 1e-4 * aa * bb) {
    throw new ConfigError(
      'observations have loads with the same number of running requests, so the fixed time and the time per request cannot ' +
        'be told apart. Replace one by an observation with another request rate.',
      { field: 'observations' },
    )
  }
  const perRequest = from.per_sequence_ms + (aa * be - ab * ae) / determinant
  if (perRequest >= 0) {
    return { fixed_ms: from.fixed_ms + (bb * ae - ab * be) / determinant, per_sequence_ms: perRequest }
  }
  return { fixed_ms: from.fixed_ms + (ae + ab * from.per_sequence_ms) / aa, per_sequence_ms: 0 }
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0)
}

/** Rounds to microseconds. */
function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
