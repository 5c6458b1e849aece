import { LoopError } from './loop-error.ts'
import { shownOption } from './shown-option.ts'

/**
 * The bounds of a run, positive whole numbers. At `rounds`, `deadlineMs`, `tokens`, `calls` and `transcriptBytes` the model is
 * asked for its answer; the others make results and checkpoints smaller. None of them ends in an exception.
 */
export interface Limits {
  /** Model replies at most, the answer round included. @defaultValue 10 */
  readonly rounds: number
  /** Milliseconds for the whole run. @defaultValue 600000 */
  readonly deadlineMs: number
  /** Input and output tokens of all replies together. @defaultValue 2000000 */
  readonly tokens: number
  /** Tool calls executed out of one reply; the others get an error result. @defaultValue 16 */
  readonly callsPerRound: number
  /** Tool calls executed in the run. @defaultValue 100 */
  readonly calls: number
  /** Tool calls of one reply that run at the same time. @defaultValue 8 */
  readonly concurrency: number
  /** UTF-8 bytes of one tool result that the model is shown; at least 256. @defaultValue 16384 */
  readonly resultBytes: number
  /** UTF-8 bytes of the transcript. @defaultValue 4194304 */
  readonly transcriptBytes: number
  /** UTF-8 bytes of a checkpoint as JSON. @defaultValue 1048576 */
  readonly checkpointBytes: number
}

export const defaultLimits: Limits = {
  rounds: 10,
  deadlineMs: 600_000,
  tokens: 2_000_000,
  callsPerRound: 16,
  calls: 100,
  concurrency: 8,
  resultBytes: 16_384,
  transcriptBytes: 4_194_304,
  checkpointBytes: 1_048_576,
}

/** Less would leave no room for what says that something was left out. */
const minResultBytes = 256

/** @throws {LoopError} `invalid_option` that names the limit and the value. */
export function completeLimits(given: Partial<Limits> = {}): Limits {
  const limits: { -readonly [name in keyof Limits]: number } = { ...defaultLimits }
  for (const [name, value] of Object.entries(given)) {
    if (!isLimit(name)) {
      throw new LoopError(
        'invalid_option',
        `limits.${name} is unknown; there are ${Object.keys(defaultLimits).join(', ')}.`,
      )
    }
    if (value === undefined) continue
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new LoopError(
        'invalid_option',
        `limits.${name} is ${shownOption(value)}; it has to be a positive whole number.`,
      )
    }
    if (name === 'resultBytes' && value < minResultBytes) {
      throw new LoopError('invalid_option', `limits.resultBytes is ${value}; it has to be at least ${minResultBytes}.`)
    }
    limits[name] = value
  }
  return limits
}

function isLimit(name: string): name is keyof Limits {
  return Object.hasOwn(defaultLimits, name)
}
