import { defaultConcurrency, defaultInputBytes, defaultResultBytes, minResultBytes } from '../../router/router.ts'
import { suggestName } from '../../router/text/closest.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { LoopError } from './errors.ts'

/**
 * The limits of a run. Each is a positive whole number.
 *
 * Reaching a limit never throws. At `rounds`, `deadlineMs`, `tokens`, `calls` and `messageBytes` the loop turns tools off
 * and asks the model for its answer once more. The other limits refuse single calls, or make results and checkpoints
 * smaller.
 */
export interface Limits {
  /** Model replies, including the one that must be the answer. @defaultValue 10 */
  readonly rounds: number
  /** Milliseconds for the whole run. @defaultValue 600000 */
  readonly deadlineMs: number
  /** Input and output tokens of all replies together. @defaultValue 2000000 */
  readonly tokens: number
  /** Tool calls that are executed from one reply. Further calls get an error result, up to 4 times the limit. @defaultValue 16 */
  readonly callsPerRound: number
  /** Tool calls that are executed in the run. @defaultValue 100 */
  readonly calls: number
  /** Tool calls of one reply that run at the same time. @defaultValue 8 */
  readonly concurrency: number
  /** UTF-8 bytes of one tool result that the model is shown; at least 256. @defaultValue 16384 */
  readonly resultBytes: number
  /**
   * UTF-8 bytes of the input of one tool call as JSON, with its references resolved. A call with a larger input gets an
   * error result. @defaultValue 16777216
   */
  readonly inputBytes: number
  /** UTF-8 bytes of all messages together. @defaultValue 4194304 */
  readonly messageBytes: number
  /**
   * UTF-8 bytes of a checkpoint as JSON; at least 1024. Four times `messageBytes` has room for all messages of a run. Full values of
   * results are left out before a checkpoint becomes larger. @defaultValue 16777216, or 4 × `messageBytes` if that is more
   */
  readonly checkpointBytes: number
}

/** The limits of a run that sets none. */
export const defaultLimits: Limits = {
  rounds: 10,
  deadlineMs: 600_000,
  tokens: 2_000_000,
  callsPerRound: 16,
  calls: 100,
  concurrency: defaultConcurrency,
  resultBytes: defaultResultBytes,
  inputBytes: defaultInputBytes,
  messageBytes: 4_194_304,
  checkpointBytes: 16_777_216,
}

/** Limits with less would refuse everything. A checkpoint of a run with one short message has about 1000 bytes. */
const minimums: Partial<Limits> = { resultBytes: minResultBytes, checkpointBytes: 1024 }

/**
 * Fills in the defaults.
 *
 * @throws {LoopError} `invalid_option` that names the limit and the value.
 */
export function completeLimits(given: Partial<Limits> = {}): Limits {
  const limits: { -readonly [name in keyof Limits]: number } = { ...defaultLimits }
  for (const [name, value] of Object.entries(given)) {
    if (!isLimit(name)) {
      const hint = suggestName(name, Object.keys(defaultLimits), 'The limits are')
      throw new LoopError('invalid_option', `limits.${name} is not a limit. ${hint}`)
    }
    if (value === undefined) continue
    if (!Number.isSafeInteger(value) || value < 1) {
      const message = `limits.${name} is ${describeOption(value)}; it must be a positive whole number.`
      throw new LoopError('invalid_option', message)
    }
    const least = minimums[name] ?? 1
    if (value < least) {
      throw new LoopError('invalid_option', `limits.${name} is ${value}; it must be at least ${least}.`)
    }
    limits[name] = value
  }
  if (given.checkpointBytes === undefined) {
    limits.checkpointBytes = Math.max(defaultLimits.checkpointBytes, 4 * limits.messageBytes)
  }
  return limits
}

function isLimit(name: string): name is keyof Limits {
  return Object.hasOwn(defaultLimits, name)
}

/** The stop reasons of runs without an accepted answer. */
export const unansweredStopReasons = [
  'rounds',
  'tokens',
  'deadline',
  'repetition',
  'paused',
  'cancelled',
  'failed',
] as const

/** All stop reasons. */
export const stopReasons = ['answered', ...unansweredStopReasons] as const

/**
 * Reason why a run ended.
 *
 * - `answered`: the answer was accepted. It is in `run.answer`, even if a limit was reached before.
 * - `rounds`: the limit `rounds` or `calls` was reached, and no answer was accepted.
 * - `tokens`: the limit `tokens` or `messageBytes` was reached, and no answer was accepted.
 * - `deadline`: `deadlineMs` elapsed, or no further reply would have fitted into it.
 * - `repetition`: the model kept asking for the same call, and no answer was accepted.
 * - `paused`: calls wait for a decision. They are in `run.pending`, and `run.checkpoint` continues the run.
 * - `cancelled`: the caller aborted `signal`.
 * - `failed`: a model call failed, or `approve` or `answer.check` threw. The reason is in `run.error`.
 */
export type StopReason = (typeof stopReasons)[number]

/** Stop reason of a run without an accepted answer. */
export type UnansweredStopReason = (typeof unansweredStopReasons)[number]

/** All limits at which the loop asks for the answer. */
export const limitReasons = ['rounds', 'tokens', 'deadline', 'repetition', 'calls', 'messageBytes'] as const

/**
 * The limit at which tools were turned off. `rounds`, `tokens`, `calls` and `messageBytes` are the options of these names;
 * `deadline` is `deadlineMs`; `repetition` means that the model asked for the same call three times.
 */
export type LimitReason = (typeof limitReasons)[number]

/** The stop reason of a run that reached a limit and has no accepted answer. */
export const stopReasonOf: Readonly<Record<LimitReason, UnansweredStopReason>> = {
  rounds: 'rounds',
  tokens: 'tokens',
  deadline: 'deadline',
  repetition: 'repetition',
  calls: 'rounds',
  messageBytes: 'tokens',
}

/** All reasons why a call waits. */
export const waitReasons = ['no_execute', 'approve'] as const

/** Why a call waits for a decision: its tool has no `execute`, or `approve` returned `pause`. */
export type WaitReason = (typeof waitReasons)[number]
