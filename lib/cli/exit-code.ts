/** What the process tells its caller. */
export const exitCode = {
  /** The run ended with an accepted answer. */
  ok: 0,
  /** It did not; the report says why. */
  failed: 1,
  /** The command line or the environment is wrong: nothing was run. */
  usage: 2,
  /** Ended by Ctrl-C, as shells count it. */
  interrupted: 130,
} as const

/** Wrong usage: the message is printed without a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError' as const
}
