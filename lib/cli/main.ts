#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { exitCode, UsageError } from './exit-code.ts'
import { runCommand } from './run-command.ts'

const help = `tenrounds: a bounded tool loop for MiniMax

  tenrounds run [scenario] [--live] [--reports <folder>]   analyse, fix and validate one incident
  tenrounds scenarios                                      list the scenarios

  --live      fail instead of falling back to the stand-in when ANTHROPIC_AUTH_TOKEN is not set
  --reports   where reports go (default: reports)
`

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args)
  const [command = 'help', ...rest] = positionals
  if (values.help || command === 'help') {
    process.stdout.write(help)
    return exitCode.ok
  }
  if (rest.length > 1) throw new UsageError(`Too many arguments: ${rest.slice(1).join(' ')}. See tenrounds help.`)
  switch (command) {
    case 'run': {
      const { live, reports } = values
      return runCommand({ scenario: rest[0] ?? 'kv_cache_pressure', live, reports })
    }
    case 'scenarios':
      process.stdout.write(`${listScenarios().join('\n')}\n`)
      return exitCode.ok
    default:
      throw new UsageError(`There is no command "${command}". See tenrounds help.`)
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        live: { type: 'boolean', default: false },
        reports: { type: 'string', default: 'reports' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    throw new UsageError(`${(error as Error).message} See tenrounds help.`)
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = error instanceof UsageError ? exitCode.usage : exitCode.failed
  process.stderr.write(`tenrounds: ${error instanceof Error ? error.message : String(error)}\n`)
}
