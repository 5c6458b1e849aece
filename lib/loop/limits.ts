import { isPlain } from '../../router/json/json.ts'
import { excerpt } from '../../router/text/clip.ts'
import { LoopError } from './errors.ts'

/**
 * The bounds of a run, positive whole numbers. At `rounds`, `deadlineMs`, `tokens`, `calls` and `messageBytes` the model is
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
  readonly messageBytes: number
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
  messageBytes: 4_194_304,
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

/** Why a run ended. */
export type StopReason = (typeof stopReasons)[number]

/** All stop reasons, for schemas. */
export const stopReasons = ['answered', 'rounds', 'tokens', 'deadline', 'repetition', 'cancelled', 'failed'] as const

/** The bound that turned a round into the answer round; `calls` and `messageBytes` are limits by their option's name. */
export type LimitReason = (typeof limitReasons)[number]

/** All limit reasons, for schemas. */
export const limitReasons = ['rounds', 'tokens', 'deadline', 'repetition', 'calls', 'messageBytes'] as const

/** The stop reason of a run that ended at a bound without an accepted answer. */
export const stopReasonOf: Readonly<Record<LimitReason, StopReason>> = {
  rounds: 'rounds',
  tokens: 'tokens',
  deadline: 'deadline',
  repetition: 'repetition',
  calls: 'rounds',
  messageBytes: 'tokens',
}

/** The value of a wrong option, as far as it can be shown in a line: a text may be a token in the wrong place. */
export function shownOption(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) {
    return isPlain(value) ? 'an object' : `an object of the class ${value.constructor?.name}`
  }
  if (typeof value === 'string') return JSON.stringify(excerpt(value, 40))
  return typeof value === 'function' ? 'a function' : String(value)
}
