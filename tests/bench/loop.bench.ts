import { firstRunsRow, steadyRows } from './loop/against-naive.ts'
import { delayRows } from './loop/event-loop-delay.ts'
import { longestBlockRows } from './loop/longest-block.ts'
import { memoryRows } from './loop/memory.ts'
import { pauseRows } from './loop/pause.ts'
import { peerRows } from './loop/peers.ts'
import { startServer } from './loop/server.ts'
import { printTable } from './table.ts'

/** Result sizes in KiB, with the goal for CPU time as a multiple of the naive loop's: in steady state, in the first 150 runs. */
const sizes: readonly (readonly [kilobytes: number, steady: number, firstRuns: number | undefined])[] = [
  [1, 1.2, 1.35],
  [16, 0.85, 1.35],
  [128, 0.6, undefined],
]

const asked = process.argv.slice(2)
const isAsked = (name: string) => asked.length === 0 || asked.includes(name)
const server = await startServer()
try {
  for (const [kilobytes, steady, firstRuns] of sizes) {
    if (!isAsked(String(kilobytes))) continue
    const bytes = kilobytes * 1024
    printTable(`Ten rounds, tool results of ${kilobytes} KiB, against the naive loop`, [
      ...(await steadyRows(server, bytes, steady)),
      await firstRunsRow(server, bytes, firstRuns),
    ])
    if (isAsked('peers'))
      printTable(`Ten rounds, tool results of ${kilobytes} KiB, against peers`, await peerRows(server, bytes))
  }
  if (isAsked('delay')) printTable('Many runs in one process', await delayRows(server))
} finally {
  server.close()
}
if (isAsked('memory')) printTable('1 000 runs at once', await memoryRows())
if (isAsked('pause')) printTable('Pauses and follow-up questions', await pauseRows())
if (isAsked('gap')) printTable('Longest block of a run with hostile input', await longestBlockRows())
