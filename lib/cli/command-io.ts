/**
 * The parts that all commands share: the process as they see it, exit codes, and the error for wrong usage.
 *
 * Results go to stdout and everything else to stderr, so a script can read `tenrounds start` or `tenrounds scenarios`.
 */
import { TenroundsError } from '../../router/errors.ts'
import { TerminalOutput, type TextStream } from './terminal-output.ts'
import { reflow } from './text-layout.ts'

/** Everything of the process that the command uses. It lets tests call `main` without a process. */
export interface ProcessIo {
  /** Results: the verdict, ids, lines to copy. */
  readonly stdout: TextStream
  /** Progress and errors. */
  readonly stderr: TextStream
  /** Input that an argument `-` means. @defaultValue empty */
  readonly stdin?: AsyncIterable<string | Uint8Array>
  /** Environment variables. */
  readonly env: NodeJS.ProcessEnv
  /**
   * Aborted by the first Ctrl-C or SIGTERM. A command reads it when it has something to stop in an orderly way; until
   * then Ctrl-C ends the process as usual.
   */
  readonly signal: AbortSignal
}

/** The process as a single command sees it: both streams clean the text that is written to them. */
export interface CommandIo extends ProcessIo {
  /** Results: the verdict, ids, lines to copy. */
  readonly stdout: TerminalOutput
  /** Progress and errors. */
  readonly stderr: TerminalOutput
  /** Input that an argument `-` means. */
  readonly stdin: AsyncIterable<string | Uint8Array>
  /** Print exactly one JSON document to stdout instead of text: `--json`. */
  readonly json: boolean
  /** Print only results, ids and errors: `--quiet`. */
  readonly quiet: boolean
}

/** Global options of the command line. */
export interface OutputOptions {
  /** See {@link CommandIo.json}. @defaultValue false */
  readonly json?: boolean
  /** See {@link CommandIo.quiet}. @defaultValue false */
  readonly quiet?: boolean
}

const noInput: AsyncIterable<string> = {
  async *[Symbol.asyncIterator]() {},
}

/** Puts a filter before both streams. */
export function commandIo(io: ProcessIo, { json = false, quiet = false }: OutputOptions = {}): CommandIo {
  return {
    stdout: new TerminalOutput(io.stdout, io.env),
    stderr: new TerminalOutput(io.stderr, io.env),
    get stdin() {
      return io.stdin ?? noInput
    },
    env: io.env,
    json,
    quiet,
    // Reading the signal starts to catch Ctrl-C, so it is read only when a command does.
    get signal() {
      return io.signal
    },
  }
}

/** Writes a line for a person to stderr: a hint or a next step, not an error. `--quiet` leaves it out. */
export function hint(io: CommandIo, text: string): void {
  if (!io.quiet) writeLine(io.stderr, text)
}

/** Writes a line, which is wrapped on a terminal. */
export function writeLine(output: TerminalOutput, text: string): void {
  output.write(`${reflow(text, output.listColumns)}\n`)
}

/** Exit codes of the `tenrounds` command. */
export const exitCode = {
  /** The run ended with an accepted answer. */
  ok: 0,
  /** The run ended without one, and the report says why; or an unexpected error occurred. */
  failed: 1,
  /** Wrong command line or environment: nothing was run. */
  usage: 2,
  /** The Temporal server did not answer for minutes, or while a worker shut down. Workflows may still be running. */
  unreachable: 3,
  /** Stopped by Ctrl-C: what shells report for SIGINT. */
  interrupted: 130,
  /** Stopped by SIGTERM, as a container runtime does: what shells report for it. */
  terminated: 143,
} as const

/** The reason of {@link ProcessIo.signal}. */
export class StoppedError extends DOMException {
  /** Exit code of a command that was stopped. */
  readonly exitCode: number

  /** @param signal the signal that the process got. */
  constructor(signal: NodeJS.Signals) {
    super(`Stopped by ${signal === 'SIGINT' ? 'Ctrl-C' : signal}.`, 'AbortError')
    this.exitCode = signal === 'SIGTERM' ? exitCode.terminated : exitCode.interrupted
  }
}

/** Exit code of a command whose signal was aborted. */
export function stoppedCode({ reason }: AbortSignal): number {
  return reason instanceof StoppedError ? reason.exitCode : exitCode.interrupted
}

/** Wrong command line or environment. Only the message is printed, and the command ends with {@link exitCode}`.usage`. */
export class UsageError extends TenroundsError {
  override readonly name = 'UsageError' as const

  /** @param message what is wrong and what to do, in one line. */
  constructor(message: string) {
    super('wrong_usage', message)
  }
}
