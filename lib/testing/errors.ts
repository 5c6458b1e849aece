import { TenroundsError } from '../../router/errors.ts'

/** Code of a {@link ScriptError}. */
export type ScriptErrorCode =
  /** A request came for which the script has no step. */
  | 'unexpected_request'
  /** The run ended before every step was used. */
  | 'unused_steps'
  /** A step threw, for example because an `expect` in it failed. The cause is what it threw. */
  | 'step_failed'
  /** The script is not an array, or a step of it is not a text, a reply or an `Error`. */
  | 'invalid_step'

/** The run did not follow the script of a scripted model: a mistake in the test or in the tested code. */
export class ScriptError extends TenroundsError {
  override readonly name = 'ScriptError' as const
  /** Stable identifier of the mistake. */
  declare readonly code: ScriptErrorCode

  constructor(code: ScriptErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/** Code of a {@link CassetteError}. */
export type CassetteErrorCode =
  /** The file does not exist. */
  | 'cassette_not_found'
  /** A line of the file is not an entry of this version. */
  | 'invalid_cassette'

/** A cassette cannot be read. */
export class CassetteError extends TenroundsError {
  override readonly name = 'CassetteError' as const
  /** Stable identifier of the problem. */
  declare readonly code: CassetteErrorCode

  constructor(code: CassetteErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/** Code of a {@link FaultError}. */
export type FaultErrorCode =
  /** A fault or the name of a fault does not exist. */
  | 'unknown_fault'
  /** The number of a request is not a whole number from 1. */
  | 'invalid_request_number'

/** A fault of the mock server does not exist, or could never affect a request. */
export class FaultError extends TenroundsError {
  override readonly name = 'FaultError' as const
  /** Stable identifier of the mistake. */
  declare readonly code: FaultErrorCode

  constructor(code: FaultErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
