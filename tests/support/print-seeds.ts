/**
 * `npm run seeds` prints what each scenario and each row of its oracle gives for ten independent draws of its load: the
 * figures of its story, and how often each verdict is reached. `npm run seeds -- kv_cache_pressure 5` takes one scenario
 * and five draws. Exit code 1 if a row is neither stable nor says `either`.
 */
import { formatFigure } from '../../tools/validation/deltas.ts'
import { acceptedStatuses, oracleOf, scenariosWithOracle } from './matrix.ts'
import { drawOf, statusOf, telemetryBefore } from './seed-stability.ts'

const [only, count = '10'] = process.argv.slice(2)
const draws = Array.from({ length: Number(count) }, (_, draw) => draw)

for (const id of scenariosWithOracle().filter((scenario) => only === undefined || scenario === only)) {
  process.stdout.write(`\n${id}: ${oracleOf(id).hotspot}\n`)
  const scenarios = draws.map((draw) => drawOf(id, draw))
  for (const { requests, latency, health, missing } of scenarios.map(telemetryBefore)) {
    const figures =
      missing === undefined
        ? `served ${requests.served} of ${requests.arrived}, failed ${requests.failed}, preemptions ${requests.preemptions}, ` +
          `TTFT p95 ${formatFigure(latency.ttft_s.p95, 's')}, inter-token p99 ${formatFigure(latency.inter_token_s.p99, 's')}`
        : 'not observed'
    process.stdout.write(`  ${figures}${health.engine_up ? '' : ', engine down'}\n`)
  }
  const { fixes } = oracleOf(id)
  // All fixes of a draw at once, because the simulation remembers the windows before the fix.
  const judged = scenarios.map((scenario) => fixes.map(({ actions }) => statusOf(scenario, actions)))
  for (const [index, fix] of fixes.entries()) {
    const statuses = judged.flatMap((row) => row[index] ?? [])
    const counts = [...new Set(statuses)].map((status) => `${status} ${statuses.filter((s) => s === status).length}`)
    const accepted = acceptedStatuses(fix)
    const agrees = statuses.every((status) => accepted.includes(status))
    if (!agrees) process.exitCode = 1
    process.stdout.write(
      `  ${agrees ? '  ' : '!!'} ${fix.name.padEnd(48)} ${counts.join(', ').padEnd(30)} expected ${accepted.join(' or ')}\n`,
    )
  }
}
