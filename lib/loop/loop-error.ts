/** `invalid_option`: an option of `runLoop` is wrong. `invalid_checkpoint`: `resumeFrom` is no checkpoint of this version. */
export type LoopErrorCode = 'invalid_option' | 'invalid_checkpoint'

/** Misuse of the loop: the only thing `runLoop` rejects with. Everything that happens in a run is in its result. */
export class LoopError extends Error {
  override readonly name = 'LoopError' as const
  readonly code: LoopErrorCode

  constructor(code: LoopErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
