import { type Load, type Scenario, scenarioSchema } from '../../fixtures/scenario.ts'
import { describeValidationErrors } from '../../router/feedback.ts'
import { isObject } from '../../router/json/json.ts'
import { compileSchema } from '../../router/validation.ts'
import { ConfigError } from '../errors.ts'
import { fitCalibration } from './fit-calibration.ts'
import { simulate } from './simulate.ts'
import { type Calibration, fastestShare } from './step-time.ts'

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

/** A latency above this many times the modelled one has another unit. Slow hosts were measured at three times. */
const slowestShare = 100

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
 * @param scenario the deployment, as in a file of `fixtures/scenarios`. Its impairments do not act, because they are not
 *   part of the measurement.
 * @throws {ConfigError} `invalid_config` if the scenario or a load does not match its schema, there are fewer than two
 *   observations, a latency is far from anything that the GPU can do, a heavier load has a lower latency, the engine does
 *   not start, or the loads have the same number of running requests, so that the two times cannot be told apart.
 */
export function calibrateStepTime(scenario: Scenario, observations: readonly LoadObservation[]): StepTimeCalibration {
  checkInput(scenario, observations)
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
  checkLatencies(observations, interToken({ fixed_ms: 0, per_sequence_ms: 0 }))
  const step_time = fitCalibration({
    observed: observations.map(({ inter_token_s }) => inter_token_s),
    simulate: interToken,
    fitsPerSequence: true,
  })
  if (step_time === undefined) {
    throw problem(
      'observations',
      'have loads with the same number of running requests, so the fixed time and the time per request cannot ' +
        'be told apart. Replace one by an observation with another request rate.',
    )
  }
  const calibrated = interToken(step_time)
  const fit = observations.map(({ inter_token_s }, index) => ({
    observed_s: inter_token_s,
    simulated_s: calibrated[index] ?? 0,
  }))
  const residual = Math.max(...fit.map(({ observed_s, simulated_s }) => Math.abs(simulated_s / observed_s - 1)))
  return { step_time, residual, fit }
}

/** @throws {ConfigError} if an argument has the wrong form. Callers without types pass anything. */
function checkInput(scenario: Scenario, observations: readonly LoadObservation[]): void {
  if (!Array.isArray(observations) || observations.length < 2) {
    throw problem(
      'observations',
      'must be a list of two or more measurements, because two unknown times need two loads. Add an observation with ' +
        'another request rate.',
    )
  }
  const validate = compileSchema(scenarioSchema)
  const errors = validate(scenario)
  if (errors.length > 0) {
    throw problem('scenario', describeValidationErrors(errors, scenarioSchema, 'does not match its schema:'))
  }
  for (const [index, observation] of observations.entries()) {
    const at = `observations[${index}]`
    if (!isObject(observation)) throw problem(at, 'must be an object with load and inter_token_s.')
    const { load, inter_token_s } = observation
    const ofLoad = validate({ ...scenario, load })
    if (ofLoad.length > 0) {
      throw problem(`${at}.load`, describeValidationErrors(ofLoad, scenarioSchema, 'does not match its schema:'))
    }
    if (!(Number.isFinite(inter_token_s) && Number(inter_token_s) > 0)) {
      throw problem(
        `${at}.inter_token_s`,
        `is ${String(inter_token_s)}, but it must be a positive number of seconds, e.g. 0.012.`,
      )
    }
  }
}

/**
 * Compares the latencies with those of the model without a calibration.
 *
 * @throws {ConfigError} if no calibration can explain them.
 */
function checkLatencies(observations: readonly LoadObservation[], modelled: readonly number[]): void {
  for (const [index, { inter_token_s }] of observations.entries()) {
    const at = `observations[${index}].inter_token_s`
    const model = modelled[index] ?? 0
    const expected = `the model of this GPU gives ${model.toPrecision(2)}`
    if (inter_token_s > model * slowestShare) {
      throw problem(at, `is ${inter_token_s} seconds, but ${expected}. Divide it by 1000 if it is in milliseconds.`)
    }
    if (inter_token_s < model * fastestShare) {
      throw problem(
        at,
        `is ${inter_token_s} seconds, but ${expected}. Correct the GPU, the model or the number of GPUs of the deployment.`,
      )
    }
    const lighter = observations.findIndex(
      (other, position) => (modelled[position] ?? 0) < model * 0.95 && other.inter_token_s > inter_token_s * 1.1,
    )
    if (lighter >= 0) {
      throw problem(
        at,
        `is ${inter_token_s} seconds, less than the ${observations[lighter]?.inter_token_s} of observations[${lighter}], ` +
          'although its load is heavier. Check that each latency belongs to its load.',
      )
    }
  }
}

function problem(field: string, message: string): ConfigError {
  return new ConfigError(`${field} ${message}`, { field })
}
