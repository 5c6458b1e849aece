/**
 * The command line: reads the arguments, runs the command and turns errors into exit codes.
 *
 * To add a command, write a function that registers it with `addCommand`, and add the function to `registrations`. Wrong
 * usage is a `UsageError` whose message says what to do next.
 */
import { Command, CommanderError } from 'commander'
import { errorMessage } from '../../router/errors.ts'
import { MissingPackageError } from '../../workflows/temporal-packages.ts'
import { ownVersion } from '../incident/own-version.ts'
import { type CommandIo, commandIo, exitCode, type ProcessIo, UsageError, writeLine } from './command-io.ts'
import { addHelpCommand, type CommandContext, helpLayout, sentence, throwUsage } from './command-line.ts'
import { registerDoctor } from './doctor-command.ts'
import { registerEval } from './eval-command.ts'
import { registerIncidentCommands } from './incident-commands.ts'
import { registerMockServer } from './mock-server-command.ts'
import { registerReport } from './report-command.ts'
import { registerRun } from './run-command.ts'
import { registerTemporalCommands } from './temporal-commands.ts'
import { reflow } from './text-layout.ts'
import { registerToolCommands } from './tool-commands.ts'

/** The functions that register the commands, in the order of the help. */
const registrations: readonly ((program: Command, context: CommandContext) => void)[] = [
  registerRun,
  registerIncidentCommands,
  registerToolCommands,
  registerReport,
  registerEval,
  registerDoctor,
  registerMockServer,
  registerTemporalCommands,
]

const afterHelp = `
"tenrounds help <command>" has examples and the exit codes of a command.

Model endpoint:
  ANTHROPIC_AUTH_TOKEN is the API key. MINIMAX_BASE_URL and MINIMAX_MODEL choose another endpoint or model.
  Without a token and an address, a mock server with fixed rules answers.

Temporal:
  TEMPORAL_ADDRESS (default: 127.0.0.1:7233), TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_* and
  profiles of temporal.toml (TEMPORAL_PROFILE). The task queue is TEMPORAL_TASK_QUEUE (default: tenrounds).

Output:
  Results go to stdout, and progress and errors to stderr. NO_COLOR and FORCE_COLOR are respected.

Exit codes:
  0         success: the run ended with an accepted answer
  1         it ended without one, a check failed, or an unexpected error
  2         wrong command line or environment: nothing was done
  3         the Temporal server did not answer; workflows may still be running
  130, 143  stopped by Ctrl-C, by SIGTERM`

/**
 * The `tenrounds` command. It never ends the process and uses it only through its parameters, so tests call it
 * directly.
 *
 * @param args arguments after the name of the command, for example `['run', '--live']`.
 * @param process streams, environment and signal. All text for the streams is cleaned; see {@link TerminalOutput}.
 * @returns the exit code; see {@link exitCode}. Errors are printed to `stderr` in one line and never thrown.
 */
export async function main(args: readonly string[], process: ProcessIo): Promise<number> {
  const io = commandIo(process)
  try {
    return await runCommandLine(args, process, io)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    writeLine(io.stderr, `tenrounds: ${errorMessage(error)}`)
    return error instanceof UsageError || error instanceof MissingPackageError ? exitCode.usage : exitCode.failed
  }
}

/** @throws {UsageError} if the command line is wrong. @throws {CommanderError} after help or the version was printed. */
async function runCommandLine(args: readonly string[], process: ProcessIo, io: CommandIo): Promise<number> {
  let code: number = exitCode.ok
  const program = createProgram(io, {
    run: async (work) => {
      const { json = false, quiet = false } = program.opts<{ readonly json?: boolean; readonly quiet?: boolean }>()
      code = await work(commandIo(process, { json, quiet }))
    },
  })
  await program.parseAsync(args.length === 0 ? ['help'] : args, { from: 'user' })
  return code
}

function createProgram({ stdout }: CommandIo, context: CommandContext): Command {
  const program = new Command('tenrounds')
    .description('A bounded tool loop for MiniMax, and an agent for latency incidents of vLLM.')
    .version(ownVersion(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .option('--json', 'print one JSON document to stdout instead of text')
    .option('--quiet', 'print only results, ids and errors')
    .configureHelp({
      showGlobalOptions: true,
      commandDescription: (command) => sentence(command.description()),
      ...helpLayout,
    })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      // `main` prints errors, in one line.
      writeErr: () => {},
      getOutHelpWidth: () => stdout.columns,
      getOutHasColors: () => false,
    })
    .addHelpText('after', () => reflow(afterHelp, stdout.columns))
  program.exitOverride((error) => throwUsage(error, program))
  for (const register of registrations) register(program, context)
  addHelpCommand(program)
  return program
}
