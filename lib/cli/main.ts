/**
 * The command line: reads the arguments, selects the command and turns errors into exit codes.
 *
 * To add a command, write a function that takes a `CommandIo` and returns an exit code, and add it to `commands` and
 * `help` below. Wrong usage is a `UsageError` whose message says what to do next.
 */
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { listScenarios, loadScenario } from '../../fixtures/load-scenario.ts'
import { errorMessage } from '../../router/errors.ts'
import { closest } from '../../router/text/closest.ts'
import { MissingPackageError } from '../../workflows/temporal-packages.ts'
import { type CommandIo, commandIo, exitCode, type ProcessIo, UsageError } from './command-io.ts'
import { checkCommand, initCommand } from './folder-commands.ts'
import { mockServerCommand } from './mock-server-command.ts'
import { longest } from './progress.ts'
import { runCommand } from './run-command.ts'
import { startCommand, watchCommand, workerCommand } from './temporal-commands.ts'

const help = `tenrounds: a bounded tool loop for MiniMax

  tenrounds run [scenario] [--live] [--reports <folder>]   analyse, fix and validate one incident
  tenrounds run <folder>                                   the same for a folder of your own logs and metrics pages
  tenrounds init <folder>                                  write a commented template into an incident folder
  tenrounds check <folder>                                 say what an incident folder has, and what is missing
  tenrounds scenarios                                      list the scenarios with their symptoms
  tenrounds mock-server [--port <n>] [--faults <names>]    run the mock server, which speaks MiniMax's protocol

With Temporal:
  tenrounds worker [--live] [--reports <folder>]           run a worker for the incident workflow, until Ctrl-C or SIGTERM
  tenrounds start <scenario> [--wait]                      start a workflow and print its id
  tenrounds start <folder> [--send] [--wait]               the same for a folder of your own
  tenrounds watch <workflow id>                            show the rounds of a workflow as they happen, then the verdict

  --live      require a real model: fail if ANTHROPIC_AUTH_TOKEN is not set, instead of using the mock server
  --reports   folder for the reports (default: reports)
  --incident  incident folder that the worker can analyse, too; "start <folder>" starts its workflow
  --send      send what was read from the folder with the workflow, so that the worker does not need the folder
  --port      port of the mock server (default: a free one)
  --faults    faults of the mock server, on every request, separated by commas; "list" shows them all
  --strict    the mock server also refuses what only some sources say that MiniMax refuses
  --wait      watch the workflow until it ends
  --version   print the version

Without a scenario, "run" takes kv_cache_pressure.
Temporal's address is TEMPORAL_ADDRESS (default: 127.0.0.1:7233). TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_* and
profiles of temporal.toml (TEMPORAL_PROFILE) are supported. The task queue is TEMPORAL_TASK_QUEUE (default: tenrounds).
`

/** All options of all commands. A command accepts only those that it lists. */
const options = {
  live: { type: 'boolean', default: false },
  reports: { type: 'string', default: 'reports' },
  incident: { type: 'string', default: '' },
  port: { type: 'string', default: '0' },
  faults: { type: 'string', default: '' },
  strict: { type: 'boolean', default: false },
  wait: { type: 'boolean', default: false },
  send: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', short: 'v', default: false },
} as const

/** Values of all options; the defaults are filled in. */
type Values = ReturnType<typeof parse>['values']

/** One subcommand. */
interface Command {
  /** Name of the positional argument; square brackets mark it as optional. */
  readonly argument?: 'scenario' | '[scenario]' | 'workflow id' | 'folder'
  /** Options that the command accepts, besides `--help` and `--version`. */
  readonly options: readonly (keyof typeof options)[]
  /** @returns the exit code. */
  run(io: CommandIo, argument: string, values: Values): number | Promise<number>
}

/** Commands by name. Those that need Temporal import its packages only when they run. */
const commands: Readonly<Record<string, Command>> = {
  run: {
    argument: '[scenario]',
    options: ['live', 'reports'],
    run: (io, scenario, values) => runCommand(io, { ...values, scenario: scenario || 'kv_cache_pressure' }),
  },
  init: { argument: 'folder', options: [], run: (io, folder) => initCommand(io, folder) },
  check: { argument: 'folder', options: [], run: (io, folder) => checkCommand(io, folder) },
  scenarios: { options: [], run: (io) => print(io, scenarioList()) },
  'mock-server': { options: ['port', 'faults', 'strict'], run: (io, _, values) => mockServerCommand(io, values) },
  worker: { options: ['live', 'reports', 'incident'], run: (io, _, values) => workerCommand(io, values) },
  start: {
    argument: 'scenario',
    options: ['wait', 'send'],
    run: (io, scenario, values) => startCommand(io, { ...values, scenario }),
  },
  watch: { argument: 'workflow id', options: [], run: (io, id) => watchCommand(io, id) },
}

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
    return await runCommandLine(args, io)
  } catch (error) {
    io.stderr.write(`tenrounds: ${errorMessage(error)}\n`)
    return error instanceof UsageError || error instanceof MissingPackageError ? exitCode.usage : exitCode.failed
  }
}

/** @throws {UsageError} if the command line is wrong. */
async function runCommandLine(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals, tokens } = parse(args)
  if (values.version) return print(io, ownVersion())
  const [name = 'help', ...rest] = positionals
  if (values.help || name === 'help') return print(io, help.trimEnd())
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    const similar = closest(name, Object.keys(commands))
    throw wrong(`Unknown command "${name}"${similar === undefined ? '' : `. Did you mean "${similar}"?`}`)
  }
  // parseArgs knows the options of all commands, so those of another command must be found here.
  const unknown = tokens.find((token) => token.kind === 'option' && !command.options.some((own) => own === token.name))
  if (unknown?.kind === 'option') throw wrong(`"tenrounds ${name}" has no option ${unknown.rawName}`)
  const maxArguments = command.argument === undefined ? 0 : 1
  if (rest.length > maxArguments) throw wrong(`Too many arguments: ${rest.slice(maxArguments).join(' ')}`)
  const isRequired = command.argument !== undefined && !command.argument.startsWith('[')
  if (isRequired && rest.length === 0) throw wrong(`"tenrounds ${name}" needs a ${command.argument}`)
  return command.run(io, rest[0] ?? '', values)
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, tokens: true, options })
  } catch (error) {
    // After the first sentence Node explains arguments that begin with a dash, which is not the problem here.
    const [problem = ''] = errorMessage(error).split('. ')
    throw wrong(problem.replace(/\.$/, ''))
  }
}

/** Every message about the command line ends with the same next step. */
function wrong(problem: string): UsageError {
  return new UsageError(`${problem}${problem.endsWith('?') ? '' : '.'} Run "tenrounds help".`)
}

/** One line per scenario: its id and the complaint of its users, which does not say the cause. */
function scenarioList(): string {
  const ids = listScenarios()
  const width = longest(ids)
  return ids.map((id) => `${id.padEnd(width)}  ${loadScenario(id).description}`).join('\n')
}

function print(io: CommandIo, text: string): number {
  io.stdout.write(`${text}\n`)
  return exitCode.ok
}

/** The package finds its own manifest by its name, in the repository as well as in the built package. */
function ownVersion(): string {
  const { version }: { readonly version: string } = createRequire(import.meta.url)('tenrounds/package.json')
  return version
}
