/**
 * `npx tsx tests/bench/durability.bench.ts [runs] [word of a kind …]`: what becomes of runs when something fails. It needs
 * a `temporal` binary, because it kills the server. It exits with 1 if a promise is broken, and then keeps the ledger.
 */
import { cp, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findTemporal } from '../support/temporal-server.ts'
import { DurabilitySite } from '../temporal/support/durability-site.ts'
import { type FaultKind, faultKinds } from './durability/faults.ts'
import { brokenPromises, endingsOf, type Figures, figuresOf } from './durability/figures.ts'

const [first = '300', ...words] = process.argv.slice(2)
const runs = Number(first)
const kinds = faultKinds.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
if (!(runs >= kinds.length) || kinds.length === 0) {
  throw new Error(`${runs} runs of ${kinds.length} kinds: give at least one run for each. Kinds:\n${faultNames()}`)
}

const columns: readonly (readonly [string, (figures: Figures, hit: number) => string | number])[] = [
  ['runs', ({ runs }) => runs],
  ['hit', (_, hit) => hit],
  ['answered', ({ answered }) => answered],
  ['takeovers', ({ takeovers }) => takeovers],
  ['side effects', ({ effects, plannedEffects }) => `${effects} of ${plannedEffects}`],
  ['twice', ({ effectsTwice }) => effectsTwice],
  ['repeatable calls repeated', ({ repeatable }) => repeatable],
  [
    'error results',
    ({ errorResults }) =>
      Object.entries(errorResults)
        .map((entry) => entry.join(' '))
        .join(', '),
  ],
  ['model calls', ({ modelCalls }) => modelCalls],
  ['repeated', ({ modelCallsRepeated }) => modelCallsRepeated],
  ['most in one takeover', ({ mostInOneTakeover }) => mostInOneTakeover],
  ['acts of lost attempts', ({ actsOfLostAttempts }) => actsOfLostAttempts],
]
console.log(`| fault | ${columns.map(([title]) => title).join(' | ')} |\n|---|${'---|'.repeat(columns.length)}`)

const broken: string[] = []
const startedAt = performance.now()
await using site = await DurabilitySite.open(await findTemporal())
for (const [index, kind] of kinds.entries()) {
  const count = Math.floor(runs / kinds.length) + (index < runs % kinds.length ? 1 : 0)
  broken.push(...(await measure(kind, count)))
}
console.log(`\n${runs} runs in ${Math.round((performance.now() - startedAt) / 60_000)} minutes.`)
for (const promise of broken) console.log(`BROKEN ${promise}`)
if (broken.length > 0) process.exitCode = 1

/** Prints the row of a kind. Returns the broken promises. */
async function measure({ name, inject }: FaultKind, count: number): Promise<readonly string[]> {
  const { hit, recover, ...faulted } = await inject(site, count)
  const endings = await endingsOf(faulted)
  await recover?.()
  await site.killWorkers()
  const figures = figuresOf(faulted, endings)
  console.log(`| ${name} | ${columns.map(([, cell]) => cell(figures, hit)).join(' | ')} |`)
  const promises = brokenPromises(figures)
  if (promises.length === 0) return []
  const copy = join(await mkdtemp(join(tmpdir(), 'tenrounds-ledger-')), 'ledger.jsonl')
  await cp(faulted.ledger, copy)
  return promises.map((promise) => `${name}: ${promise} Ledger: ${copy}`)
}

function faultNames(): string {
  return faultKinds.map(({ name }) => `  ${name}`).join('\n')
}
