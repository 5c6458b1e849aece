#!/usr/bin/env node
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { errorMessage } from '../../router/errors.ts'
import { exitCode, UsageError } from './exit-code.ts'
import { mockServerCommand } from './mock-server-command.ts'
import { loadTemporal } from './optional-packages.ts'
import { runCommand } from './run-command.ts'

const help = `tenrounds: a bounded tool loop for MiniMax

  tenrounds run [scenario] [--live] [--reports <folder>]   analyse, fix and validate one incident
  tenrounds scenarios                                      list the scenarios
  tenrounds mock-server [--port <n>] [--faults <names>]       the local mock server for MiniMax, as a server

With Temporal:
  tenrounds worker [--live] [--reports <folder>]           work for the incident workflow, until SIGTERM or Ctrl-C
  tenrounds start <scenario> [--wait]                      start a workflow; prints its id
  tenrounds watch <workflow id>                            show its rounds as they happen, then the verdict

  --live      fail instead of falling back to the mock server when ANTHROPIC_AUTH_TOKEN is not set
  --reports   where reports go (default: reports)
  --port      where the mock server listens (default: a free port)
  --faults    what goes wrong at every request of the mock server, names between commas; "list" explains them
  --wait      watch the workflow to its end
  --version   print the version

Temporal is found by TEMPORAL_ADDRESS (default 127.0.0.1:7233), TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and TEMPORAL_TLS_*, or by a
profile of temporal.toml (TEMPORAL_PROFILE); the task queue is TEMPORAL_TASK_QUEUE (default tenrounds).
`

const options = {
  live: { type: 'boolean', default: false },
  reports: { type: 'string', default: 'reports' },
  port: { type: 'string', default: '0' },
  faults: { type: 'string', default: '' },
  wait: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', short: 'v', default: false },
} as const

type Values = ReturnType<typeof parse>['values']

interface Command {
  /** What it takes besides options; the square brackets say that it may be left out. */
  readonly argument?: 'scenario' | '[scenario]' | 'workflow id'
  readonly options: readonly (keyof typeof options)[]
  run(argument: string, values: Values): number | Promise<number>
}

/** Temporal's packages are optional, so what needs them is loaded late. */
const commands: Readonly<Record<string, Command>> = {
  run: {
    argument: '[scenario]',
    options: ['live', 'reports'],
    run: (scenario, { live, reports }) => runCommand({ scenario: scenario || 'kv_cache_pressure', live, reports }),
  },
  scenarios: {
    options: [],
    run: () => {
      process.stdout.write(`${listScenarios().join('\n')}\n`)
      return exitCode.ok
    },
  },
  'mock-server': { options: ['port', 'faults'], run: (_, { port, faults }) => mockServerCommand(port, faults) },
  worker: {
    options: ['live', 'reports'],
    run: async (_, { live, reports }) => {
      const { workerCommand } = await loadTemporal('worker', () => import('./temporal-commands.ts'))
      return workerCommand({ live, reports })
    },
  },
  start: {
    argument: 'scenario',
    options: ['wait'],
    run: async (scenario, { wait }) => {
      const { startCommand } = await loadTemporal('start', () => import('./temporal-commands.ts'))
      return startCommand({ scenario, wait })
    },
  },
  watch: {
    argument: 'workflow id',
    options: [],
    run: async (workflowId) => {
      const { watchCommand } = await loadTemporal('watch', () => import('./temporal-commands.ts'))
      return watchCommand(workflowId)
    },
  },
}

function main(args: readonly string[]): number | Promise<number> {
  const { values, positionals, tokens } = parse(args)
  if (values.version) {
    const { version }: { readonly version: string } = createRequire(import.meta.url)('tenrounds/package.json')
    process.stdout.write(`${version}\n`)
    return exitCode.ok
  }
  const [name = 'help', ...rest] = positionals
  if (values.help || name === 'help') {
    process.stdout.write(help)
    return exitCode.ok
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) throw new UsageError(`There is no command "${name}". See tenrounds help.`)
  const foreign = tokens.find((token) => token.kind === 'option' && !command.options.some((own) => own === token.name))
  if (foreign?.kind === 'option')
    throw new UsageError(`"tenrounds ${name}" has no ${foreign.rawName}. See tenrounds help.`)
  const room = command.argument === undefined ? 0 : 1
  if (rest.length > room) throw new UsageError(`Too many arguments: ${rest.slice(room).join(' ')}. See tenrounds help.`)
  const isNeeded = command.argument !== undefined && !command.argument.startsWith('[')
  if (isNeeded && rest.length === 0)
    throw new UsageError(`"tenrounds ${name}" needs a ${command.argument}. See tenrounds help.`)
  return command.run(rest[0] ?? '', values)
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, tokens: true, options })
  } catch (error) {
    // Behind its first sentence Node explains what to do with arguments that begin with a dash.
    const [what] = (error as Error).message.split('. ')
    throw new UsageError(`${what?.replace(/\.$/, '')}. See tenrounds help.`)
  }
}

// Whoever reads the output may leave, as `head -3` does: the work is done all the same.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = error instanceof UsageError ? exitCode.usage : exitCode.failed
  process.stderr.write(`tenrounds: ${errorMessage(error)}\n`)
}
