/**
 * `npx tsx tests/support/print-matrix.ts` tries every fix of every oracle. It prints the status that the tools report and marks
 * each one that differs from the oracle. Exit code 1 if any differs.
 */
import { oracleOf, scenariosWithOracle, tryFix } from './matrix.ts'

let differences = 0
for (const scenario of scenariosWithOracle()) {
  const { cause, fixes } = oracleOf(scenario)
  process.stdout.write(`\n${scenario}: ${cause}\n`)
  for (const fix of fixes) {
    const tried = await tryFix(scenario, fix)
    const expected = fix.status ?? 'rejected'
    const agrees = tried.status === expected && (fix.slo_met === undefined || fix.slo_met === tried.slo_met)
    if (!agrees) differences++
    const row = [agrees ? '  ' : '!!', fix.role.padEnd(17), fix.name.padEnd(48), tried.status.padEnd(10)]
    process.stdout.write(
      `${row.join(' ')} ${tried.slo_met ? 'objective met' : ''}${agrees ? '' : `, expected ${expected}: ${tried.summary}`}\n`,
    )
  }
}
process.stdout.write(
  `\n${differences === 0 ? 'All outcomes are as expected.' : `${differences} outcomes differ from the oracles.`}\n`,
)
process.exitCode = differences === 0 ? 0 : 1
