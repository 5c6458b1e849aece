/**
 * `npx tsx tests/support/print-matrix.ts` tries every fix of every oracle. It prints the status that the tools report and marks
 * each one that differs from the oracle. Exit code 1 if any differs.
 */
import { acceptedStatuses, type ExpectedFix, oracleOf, scenariosWithOracle, tryFix } from './matrix.ts'

/** The roles in words. */
const words: Readonly<Record<ExpectedFix['role'], string>> = {
  right: 'right',
  half_right: 'half right',
  useless: 'useless',
  harmful: 'harmful',
  popular_but_wrong: 'popular, but wrong',
}

const row = (cells: readonly [scenario: string, expected: string, fix: string, verdict: string, objective: string]) =>
  `${cells.map((cell, column) => cell.padEnd([27, 20, 50, 11, 0][column] ?? 0)).join('')}`.trimEnd()

let differences = 0
process.stdout.write(
  `improved without "objective met" = better, but not enough; rejected = the plan cannot be applied; !! = not as expected\n\n${row(['scenario', 'expected', 'fix', 'verdict', 'objective'])}\n`,
)
for (const scenario of scenariosWithOracle()) {
  for (const fix of oracleOf(scenario).fixes) {
    const tried = await tryFix(scenario, fix)
    const expected = acceptedStatuses(fix)
    const agrees = expected.includes(tried.status) && (fix.slo_met === undefined || fix.slo_met === tried.slo_met)
    if (!agrees) differences++
    const objective = tried.slo_met ? 'objective met' : ''
    const cells = row([scenario, words[fix.role], fix.name, tried.status, objective])
    process.stdout.write(`${cells}${agrees ? '' : ` !! expected ${expected.join(' or ')}: ${tried.summary}`}\n`)
  }
}
process.stdout.write(
  `\n${differences === 0 ? 'All outcomes are as expected.' : `${differences} outcomes differ from the oracles.`}\n`,
)
process.exitCode = differences === 0 ? 0 : 1
