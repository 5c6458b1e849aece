/**
 * The shared parts of all commands on the command line: the context it is registered with, its examples and exit codes in the
 * help, and errors of the parser as wrong usage.
 */
import type { Command, CommanderError, Help } from 'commander'
import { suggestName } from '../../router/text/closest.ts'
import { type CommandIo, exitCode, UsageError } from './command-io.ts'
import { hanging, reflow, wrap } from './text-layout.ts'

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
  /** The meaning of exit code 2 for this command. @defaultValue wrong command line or environment */
  readonly usage?: string
  /** Exit codes besides 0, 1, 2, 130 and 143. @defaultValue none */
  readonly others?: readonly (readonly [code: number, meaning: string])[]
  /** Whether Ctrl-C is the usual end of the command, with exit code 0. @defaultValue false */
  readonly endsWhenStopped?: boolean
}

/**
 * Adds a command to the program. Its options, arguments and action follow in the usual form of commander.
 *
 * @param name its name with its arguments, for example `check <folder>`.
 * @param description what it does, in one sentence without a full stop.
 */
export function addCommand(program: Command, name: string, description: string, help: CommandHelp): Command {
  const command = program.command(name).description(description)
  return command
    .exitOverride((error) => throwUsage(error, command))
    .addHelpText('after', () => helpText(help, widthOf(command)))
}

/** Adds `help`. The parser's own one ignores further arguments, and has no suggestion for an unknown command. */
export function addHelpCommand(program: Command): void {
  const help = program.command('help [command]').description('show the help of a command')
  help
    .exitOverride((error) => throwUsage(error, help))
    .action((name: string | undefined) => {
      if (name === undefined) return program.help()
      const command = program.commands.find((known) => known.name() === name)
      if (command !== undefined) return command.help()
      const names = program.commands.map((known) => known.name())
      throw new UsageError(
        `Unknown command "${name}". ${suggestName(name, names, 'The commands are')} Run "tenrounds help".`,
      )
    })
}

/** Layout of options and commands in the help: the parser's own one does not wrap in a narrow terminal. */
export const helpLayout: Partial<Help> = {
  commandUsage: (command) =>
    hanging('Usage: ', `${commandPath(command)} ${command.usage()}`, widthOf(command))
      .join('\n')
      .slice('Usage: '.length),
  formatItem: (term, termWidth, description, { helpWidth = 80 }) =>
    hanging(`  ${description === '' ? term : term.padEnd(termWidth)}  `, description, helpWidth)
      .join('\n')
      .trimEnd(),
  boxWrap: (text, width) => wrap(text, width).join('\n'),
}

/** Width of the help of a command. */
function widthOf(command: Command): number {
  return command.configureOutput().getOutHelpWidth?.() ?? 80
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
    throw new UsageError('No command was given. Run "tenrounds help".')
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
function helpText(
  {
    examples,
    ok,
    failed = 'an unexpected error',
    usage = 'wrong command line or environment: nothing was done',
    notes = [],
    others = [],
    endsWhenStopped = false,
  }: CommandHelp,
  width: number,
): string {
  const codes: readonly (readonly [number | string, string])[] = [
    [exitCode.ok, ok],
    [exitCode.failed, failed],
    [exitCode.usage, usage],
    ...others,
    ...(endsWhenStopped
      ? []
      : [[`${exitCode.interrupted}, ${exitCode.terminated}`, 'stopped by Ctrl-C, by SIGTERM'] as const]),
  ]
  const text = [
    // A sentence that the source divides into two lines is one paragraph.
    ...(notes.length === 0 ? [] : ['', notes.join('\n').replaceAll(/(?<![.:])\n(?! )/g, ' ')]),
    '',
    'Examples:',
    ...examples.flatMap(([line, does]) => [`  # ${does}`, `  tenrounds ${line}`]),
    '',
    'Exit codes:',
    ...codes.map(([code, meaning]) => `  ${String(code).padEnd(8)}  ${meaning}`),
  ].join('\n')
  // Examples are copied, so they stay whole.
  return reflow(text, width, (line) => line.startsWith('  tenrounds '))
}
