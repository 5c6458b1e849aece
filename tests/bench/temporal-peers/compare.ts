/**
 * `node tests/bench/temporal-peers/compare.ts`: tenrounds next to a hand-written workflow and the two integrations that
 * Temporal publishes, on the same server, in one Markdown table. See README.md in tests/bench.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type CostCell, costCells, type FaultCell, faultCells } from './cells.ts'
import { comparisonTable } from './comparison-table.ts'
import { type ContenderName, contenderNames } from './contender.ts'
import { measureCost } from './cost.ts'
import { measureFault, stageSettingsOf } from './faults.ts'
import { installProduct } from './install-product.ts'
import type { Measurement } from './measurement.ts'
import { openStage, type Stage, startRun } from './stage.ts'

const { values } = parseArgs({
  options: {
    contenders: { type: 'string', default: contenderNames.join(',') },
    cells: { type: 'string', default: [...Object.keys(costCells), ...faultCells].join(',') },
    runs: { type: 'string', default: '12' },
    outage: { type: 'string', default: '31' },
    results: { type: 'string' },
    'read-only': { type: 'boolean', default: false },
  },
})
const known: readonly string[] = [...contenderNames, ...Object.keys(costCells), ...faultCells]
const unknown = [...values.contenders.split(','), ...values.cells.split(',')].filter((name) => !known.includes(name))
if (unknown.length > 0) throw new Error(`Unknown: ${unknown.join(', ')}. Known: ${known.join(', ')}.`)
const contenders = chosen(values.contenders, contenderNames)
const costs = chosen(values.cells, Object.keys(costCells) as CostCell[])
const faults = chosen(values.cells, faultCells)
const faultSettings = { runs: Number(values.runs), outageMs: Number(values.outage) * 1_000 }
const earlier = values.results !== undefined && existsSync(values.results) ? readFileSync(values.results, 'utf8') : ''
const measurements: Measurement[] = earlier
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line))

if (contenders.includes('tenrounds')) installProduct()
for (const name of contenders) {
  if (costs.length > 0) await measureCosts(name)
  const withOwnStage = faults.filter(endsItsStage)
  for (const cell of withOwnStage) await measureFaults(name, [cell])
  const others = faults.filter((cell) => !endsItsStage(cell))
  if (others.length > 0) await measureFaults(name, others)
}
console.log(comparisonTable(measurements))
process.exit()

/** Whether a fault leaves a stage on which nothing else can be measured. */
function endsItsStage(cell: FaultCell): boolean {
  return cell === 'worker-killed' || cell === 'server-away'
}

/** The names in a list that are among these; `cells` has names of two kinds. */
function chosen<Name extends string>(list: string, names: readonly Name[]): readonly Name[] {
  return names.filter((name) => list.split(',').includes(name))
}

async function measureCosts(name: ContenderName): Promise<void> {
  await onStage(await openStage(name, { countsTools: false, isReadOnly: values['read-only'] }), async (stage) => {
    await warmUp(stage)
    for (const cell of costs) {
      note({ contender: name, kind: 'cost', cell, figures: await measureCost(stage, cell, costCells[cell]) })
    }
  })
}

async function measureFaults(name: ContenderName, cells: readonly FaultCell[]): Promise<void> {
  const [first] = cells
  if (first === undefined) return
  await onStage(
    await openStage(name, { ...stageSettingsOf(first), isReadOnly: values['read-only'] }),
    async (stage) => {
      for (const cell of cells) {
        note({ contender: name, kind: 'fault', cell, figures: await measureFault(stage, cell, faultSettings) })
      }
    },
  )
}

async function onStage(stage: Stage, use: (stage: Stage) => Promise<void>): Promise<void> {
  try {
    await use(stage)
  } finally {
    await stage.close()
  }
}

/** Eight runs at once, so that no cell pays for loading and compiling. */
async function warmUp(stage: Stage): Promise<void> {
  const names = Array.from({ length: 8 }, (_, index) => `warm-up-${index}`)
  await Promise.all(
    names.map(async (run) => (await startRun(stage, { run, bytes: 1_024, latencyMs: 0, fault: 'none' })).result()),
  )
}

function note(measurement: Measurement): void {
  measurements.push(measurement)
  const line = JSON.stringify(measurement)
  console.error(line)
  if (values.results !== undefined) appendFileSync(values.results, `${line}\n`)
}
