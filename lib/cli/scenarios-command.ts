import type { Command } from 'commander'
import { listScenarios, loadScenario } from '../../fixtures/load-scenario.ts'
import { type CommandIo, exitCode } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { hanging, longest } from './text-layout.ts'

/** Registers `scenarios`. */
export function registerScenarios(program: Command, context: CommandContext): void {
  addCommand(program, 'scenarios', 'list the built-in incidents with the complaints of their users', {
    examples: [
      ['scenarios', 'ids and descriptions'],
      ['scenarios --quiet', 'ids only'],
      ['scenarios --json', 'a list of { id, description }'],
    ],
    ok: 'the list was printed',
  }).action(() => context.run(scenariosCommand))
}

/** Prints the id of each scenario and the complaint of its users, which does not say the cause. */
function scenariosCommand(io: CommandIo): number {
  const scenarios = listScenarios().map((id) => ({ id, description: loadScenario(id).description }))
  const width = longest(scenarios.map(({ id }) => id))
  if (io.json) io.stdout.json(scenarios)
  else if (io.quiet) io.stdout.write(scenarios.map(({ id }) => `${id}\n`).join(''))
  else {
    // Other programs read a list line by line, so only a terminal gets wrapped lines.
    const listWidth = io.stdout.isTTY ? io.stdout.columns : Number.POSITIVE_INFINITY
    const lines = scenarios.flatMap(({ id, description }) => hanging(`${id.padEnd(width)}  `, description, listWidth))
    io.stdout.write(`${lines.join('\n')}\n`)
  }
  return exitCode.ok
}
