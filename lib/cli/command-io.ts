/**
 * The parts that all commands share: the process as they see it, exit codes, and the error for wrong usage.
 *
 * Results go to stdout and everything else to stderr, so a script can read `tenrounds start` or `tenrounds scenarios`.
 */
import { TenroundsError } from '../../router/errors.ts'

/** Where a command writes text. Node's streams fit, and so does an object that collects the text in a test. */
export interface TextOutput {
  /** Whether a terminal shows the text, so that colours and a status line make sense. */
  readonly isTTY?: boolean
  /** Writes text as it is, without adding a line break. */
  write(text: string): unknown
}

/** Everything of the process that a command uses. It lets tests call `main` without a process. */
export interface CommandIo {
  /** Results: the verdict, ids, lines to copy. */
  readonly stdout: TextOutput
  /** Progress and errors. */
  readonly stderr: TextOutput
  /** Environment variables. */
  readonly env: NodeJS.ProcessEnv
  /**
   * Aborted by the first Ctrl-C or SIGTERM. A command reads it when it has something to stop in an orderly way; until
   * then Ctrl-C ends the process as usual.
   */
  readonly signal: AbortSignal
}

/** Exit codes of the `tenrounds` command. */
export const exitCode = {
  /** The run ended with an accepted answer. */
  ok: 0,
  /** The run ended without one, and the report says why; or an unexpected error occurred. */
  failed: 1,
  /** Wrong command line or environment: nothing was run. */
  usage: 2,
  /** Stopped by Ctrl-C or SIGTERM; 130 is what shells report for Ctrl-C. */
  interrupted: 130,
} as const

/** Wrong command line or environment. Only the message is printed, and the command ends with {@link exitCode}`.usage`. */
export class UsageError extends TenroundsError {
  override readonly name = 'UsageError' as const

  /** @param message what is wrong and what to do, in one line. */
  constructor(message: string) {
    super('wrong_usage', message)
  }
}
