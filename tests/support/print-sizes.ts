/**
 * `npx tsx tests/support/print-sizes.ts [scenario …]` runs each built-in incident with the rules of the mock server, and prints
 * what the requests cost. Sizes are in bytes. A token is about four of them.
 */
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { measureCourse } from '../incident/support/measure-course.ts'

const row = (cells: readonly (string | number)[]) =>
  `${cells.map((cell, column) => (column === 0 ? String(cell).padEnd(32) : String(cell).padStart(10))).join('')}\n`

process.stdout.write(row(['scenario', 'rounds', 'status', 'first', 'tools', 'results', 'total / 4', 'clipped']))
const chosen = process.argv.slice(2)
const totals: number[] = []
for (const scenario of chosen.length > 0 ? chosen : listScenarios()) {
  const { result, firstRequest, tools, results, total, clipped } = await measureCourse(scenario, incidentResponder())
  totals.push(total)
  const quarter = Math.round(total / 4)
  const { rounds } = result.run
  const cells = [scenario, rounds, result.validation.status, firstRequest, tools, results, quarter, clipped.length]
  process.stdout.write(row(cells))
}
const mean = totals.reduce((sum, total) => sum + total, 0) / totals.length / 4
process.stdout.write(`\nMean of total / 4: ${Math.round(mean)}.\n`)
