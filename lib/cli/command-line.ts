/**
 * The shared parts of all commands on the command line: the context it is registered with, its examples and exit codes in the
 * help, and errors of the parser as wrong usage.
 */
import type { Command, CommanderError } from 'commander'
import { type CommandIo, exitCode, UsageError } from './command-io.ts'

/** The context in which a command is registered. */
export interface CommandContext {
  /**
   * Runs a command and keeps its exit code. Call it in the action of the command.
   *
   * @param work gets the streams, and the values of `--json` and `--quiet`.
   */
  run(work: (io: CommandIo) => number | Promise<number>): Promise<void>
}

/** The part of a command's help that its options and arguments do not say. */
export interface CommandHelp {
  /** Command lines without the program's name, each with what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[]
  /** The meaning of exit code 0 for this command. */
  readonly ok: string
  /** The meaning of exit code 1 for this command. @defaultValue an unexpected error */
  readonly failed?: string
  /** More about the command, such as environment variables, or the form of its JSON. @defaultValue nothing */
  readonly notes?: readonly string[]
  /** Exit codes besides 0, 1, 2, 130 and 143. @defaultValue none */
  readonly others?: readonly (readonly [code: number, meaning: string])[]
}

/**
 * Adds a command to the program. Its options, arguments and action follow in the usual form of commander.
 *
 * @param name its name with its arguments, for example `check <folder>`.
 * @param description what it does, in one sentence without a full stop.
 */
export function addCommand(program: Command, name: string, description: string, help: CommandHelp): Command {
  const command = program.command(name).description(description)
  return command.exitOverride((error) => throwUsage(error, command)).addHelpText('after', () => helpText(help))
}

/**
 * Turns an error of the parser into wrong usage, in one line that names the next step.
 *
 * @throws {CommanderError} after help or the version was printed.
 * @throws {UsageError} for a wrong command line.
 */
export function throwUsage(error: CommanderError, command: Command): never {
  // Help that was asked for, and the version, end the parser in the same way as an error.
  if (error.exitCode === 0) throw error
  // The parser would print the whole help to stderr.
  if (error.code === 'commander.help') {
    throw new UsageError('No command was given, or it does not exist. Run "tenrounds help".')
  }
  const problem = error.message
    .replace(/^error: /, '')
    .replace(/\.?\n\(Did you mean (?!one of)([^\n]*)\?\)$/, '. Did you mean "$1"?')
    .replace(/\.?\n\((Did you mean [^\n]*\?)\)$/, '. $1')
    .replaceAll(/'([^'\n]*)'/g, '"$1"')
  const next = command.parent === null ? 'tenrounds help' : `${commandPath(command)} --help`
  throw new UsageError(`${sentence(problem)} Run "${next}".`)
}

/** The command as it is called: `tenrounds run`. */
function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`
}

/** A text with a capital letter and a full stop. */
export function sentence(text: string): string {
  const capitalised = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.?!]$/.test(capitalised) ? capitalised : `${capitalised}.`
}

/** Examples, notes and exit codes, under the options. */
function helpText({ examples, ok, failed = 'an unexpected error', notes = [], others = [] }: CommandHelp): string {
  const codes: readonly (readonly [number | string, string])[] = [
    [exitCode.ok, ok],
    [exitCode.failed, failed],
    [exitCode.usage, 'wrong command line or environment: nothing was done'],
    ...others,
    [`${exitCode.interrupted}, ${exitCode.terminated}`, 'stopped by Ctrl-C, by SIGTERM'],
  ]
  return [
    ...(notes.length === 0 ? [] : ['', ...notes]),
    '',
    'Examples:',
    ...examples.flatMap(([line, does]) => [`  # ${does}`, `  tenrounds ${line}`]),
    '',
    'Exit codes:',
    ...codes.map(([code, meaning]) => `  ${String(code).padEnd(8)}  ${meaning}`),
  ].join('\n')
}
