import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { statisticOf } from './harness.ts'
import { buildProduct } from './product.ts'
import { atMost, printTable, shown } from './table.ts'

const samples = 21
const built = buildProduct()

/** CPU time of a fresh process that runs one module, in milliseconds. */
function cpuOf(name: string, source: string): number {
  const file = join(built, `import-${name}.mjs`)
  writeFileSync(file, `${source}\nconst { user, system } = process.cpuUsage()\nconsole.log(user + system)\n`)
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
  const microseconds = Number(stdout)
  if (!(microseconds > 0)) throw new Error(`The import failed: ${stderr}`)
  return microseconds / 1000
}

const sources = {
  empty: '',
  product: `import './lib/index.js'`,
  bare: `import 'undici'\nimport 'ajv/dist/2020.js'\nimport 'ajv-formats'`,
}

type Sample = Readonly<Record<keyof typeof sources, number>>
const measured: Sample[] = []
for (let sample = 0; sample <= samples; sample++) {
  const names = (['empty', 'product', 'bare'] as const).toSorted(() => (sample % 2 === 0 ? 1 : -1))
  const costs = { empty: 0, product: 0, bare: 0 }
  for (const name of names) costs[name] = cpuOf(name, sources[name])
  // The first sample fills the file cache.
  if (sample > 0) measured.push(costs)
}

const median = (pick: (sample: Sample) => number) => statisticOf(measured.map(pick)).median
const ratio = statisticOf(measured.map(({ empty, product, bare }) => (product - empty) / (bare - empty)))
printTable('Import of the root entry', [
  {
    what: 'tenrounds / (undici + ajv + ajv-formats)',
    figure: shown(ratio, 'x'),
    aside: `${median(({ product, empty }) => product - empty).toFixed(1)} ms / ${median(({ bare, empty }) => bare - empty).toFixed(1)} ms CPU`,
    goal: atMost(ratio.median, 1.3, 'x'),
  },
])
