import { memoryRows } from './loop/memory.ts'
import { roundRows } from './loop/rounds.ts'
import { startServer } from './loop/server.ts'
import { printTable } from './table.ts'

/** Result sizes in KiB, and the most that a run may cost of what the naive loop costs. */
const sizes: readonly (readonly [kilobytes: number, mostOfNaive: number])[] = [
  [1, 1.25],
  [16, 0.9],
  [128, 0.7],
]

const asked = process.argv.slice(2)
const isAsked = (name: string) => asked.length === 0 || asked.includes(name)
const server = await startServer()
try {
  for (const [kilobytes, mostOfNaive] of sizes) {
    if (!isAsked(String(kilobytes))) continue
    const rows = await roundRows(server, kilobytes * 1024, mostOfNaive)
    printTable(`Ten rounds, tool results of ${kilobytes} KiB`, rows)
  }
} finally {
  server.close()
}
if (isAsked('memory')) printTable('1 000 runs at once', await memoryRows())
