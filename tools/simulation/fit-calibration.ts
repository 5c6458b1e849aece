import type { Calibration } from './step-time.ts'

const parameters = ['fixed_ms', 'per_sequence_ms'] as const
/** Differences for the derivatives, in milliseconds. */
const differences = { fixed_ms: 0.2, per_sequence_ms: 0.02 } as const
const iterations = 8
const halvings = 4

/** Input of {@link fitCalibration}. */
interface FitInput {
  /** Measured mean inter-token latencies, in seconds. */
  readonly observed: readonly number[]
  /** The same latencies as the simulation gives them with a calibration. */
  readonly simulate: (calibration: Calibration) => readonly number[]
  /** Whether the time per request is fitted too. It needs loads with different numbers of running requests. */
  readonly fitsPerSequence: boolean
  /** The fit ends if no simulated latency differs by a larger share. Default: 0, so that it ends when it has converged. */
  readonly tolerance?: number
  /** Where the fit begins. A time per request that is not fitted keeps its value. Default: zeros. */
  readonly start?: Calibration
}

/**
 * Fits a calibration by the method of Gauss and Newton, with relative errors.
 *
 * @returns `undefined` if the two times cannot be told apart, because all loads have the same number of running requests.
 */
export function fitCalibration(input: FitInput): Calibration | undefined {
  const { observed, simulate, fitsPerSequence, tolerance = 0, start = { fixed_ms: 0, per_sequence_ms: 0 } } = input
  let fitted = start
  let simulated = simulate(fitted)
  for (let iteration = 0; iteration < iterations; iteration++) {
    const errors = observed.map((latency, index) => 1 - (simulated[index] ?? 0) / latency)
    if (errors.every((error) => Math.abs(error) < tolerance)) break
    const slopesOf = (parameter: (typeof parameters)[number]) => {
      const moved = simulate({ ...fitted, [parameter]: fitted[parameter] + differences[parameter] })
      return observed.map(
        (latency, index) => ((moved[index] ?? 0) - (simulated[index] ?? 0)) / latency / differences[parameter],
      )
    }
    const fixed = slopesOf('fixed_ms')
    let next = fitsPerSequence
      ? solve(fixed, slopesOf('per_sequence_ms'), errors, fitted)
      : { ...fitted, fixed_ms: fitted.fixed_ms + dot(fixed, errors) / dot(fixed, fixed) }
    if (next === undefined) return undefined
    let reached = simulate(next)
    // Slower steps make queues longer, which makes steps slower still: a step of the fit can be much too long.
    for (
      let halving = 0;
      halving < halvings && distance(observed, reached) > distance(observed, simulated);
      halving++
    ) {
      next = between(fitted, next)
      reached = simulate(next)
    }
    const change = parameters.reduce((sum, name) => sum + Math.abs(next[name] - fitted[name]), 0)
    fitted = next
    simulated = reached
    if (change < 1e-4) break
  }
  return { fixed_ms: round(fitted.fixed_ms), per_sequence_ms: round(fitted.per_sequence_ms) }
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
): Calibration | undefined {
  const [aa, ab, bb] = [dot(fixed, fixed), dot(fixed, perSequence), dot(perSequence, perSequence)]
  const [ae, be] = [dot(fixed, errors), dot(perSequence, errors)]
  const determinant = aa * bb - ab * ab
  // The slopes of both parameters are proportional if every load has the same number of running requests.
  if (determinant < 1e-4 * aa * bb) return undefined
  const perRequest = from.per_sequence_ms + (aa * be - ab * ae) / determinant
  if (perRequest >= 0) {
    return { fixed_ms: from.fixed_ms + (bb * ae - ab * be) / determinant, per_sequence_ms: perRequest }
  }
  return { fixed_ms: from.fixed_ms + (ae + ab * from.per_sequence_ms) / aa, per_sequence_ms: 0 }
}

function between(one: Calibration, other: Calibration): Calibration {
  return {
    fixed_ms: (one.fixed_ms + other.fixed_ms) / 2,
    per_sequence_ms: (one.per_sequence_ms + other.per_sequence_ms) / 2,
  }
}

/** Sum of the squared relative errors. */
function distance(observed: readonly number[], simulated: readonly number[]): number {
  return observed.reduce((sum, latency, index) => sum + (1 - (simulated[index] ?? 0) / latency) ** 2, 0)
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0)
}

/** Rounds to microseconds. */
function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
