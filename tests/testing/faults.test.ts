import { availableParallelism } from 'node:os'
import { afterAll, expect, test } from 'vitest'
import { type Fault, faultTable } from '../../lib/testing/index.ts'
import { type Cell, runUnderFault, type Seen, wording } from './support/run-under-fault.ts'

const rejections: unknown[] = []
const onRejection = (reason: unknown) => rejections.push(reason)
process.on('unhandledRejection', onRejection)
afterAll(() => {
  process.off('unhandledRejection', onRejection)
})

/** Every fault × streamed or not × first, middle and last round × one request or all from there on. */
const cells = faultTable.flatMap((fault): Cell[] =>
  modesOf(fault).flatMap((stream) =>
    ([1, 2, 3] as const).flatMap((round) => {
      const { once, always } = fault.expected
      return [
        { fault, stream, round, lasting: false, expected: once },
        ...(always === undefined ? [] : [{ fault, stream, round, lasting: true, expected: always }]),
      ]
    }),
  ),
)

function modesOf({ mode }: Fault): readonly boolean[] {
  return mode === 'both' ? [false, true] : [mode === 'stream']
}

test('whatever goes wrong, in whichever round: the run ends in time, as the table says, and nothing is left behind', async () => {
  const rows: { cell: Cell; seen: Seen; problems: readonly string[] }[] = []
  const queue = [...cells]
  // Most of a run is waiting; servers of several runs at once keep two cores busy.
  const workers = Array.from({ length: 6 * availableParallelism() }, async () => {
    for (let cell = queue.shift(); cell !== undefined; cell = queue.shift()) {
      const seen = await runUnderFault(cell)
      rows.push({ cell, seen, problems: problemsOf(cell, seen) })
    }
  })
  await Promise.all(workers)
  console.log(tableOf(rows.map(({ cell, seen }) => ({ cell, seen }))))
  expect(
    rows.filter(({ problems }) => problems.length > 0).map(({ cell, problems }) => `${nameOf(cell)}: ${problems}`),
  ).toEqual([])
  expect(rows).toHaveLength(cells.length)
  expect(rejections).toEqual([])
}, 120_000)

test('every fault has a name of its own', () => {
  const names = faultTable.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})

function problemsOf({ fault, round, expected, lasting }: Cell, seen: Seen): readonly string[] {
  const stopReason = expected === 'answered' ? 'answered' : fault.slow ? 'deadline' : 'failed'
  // A failure that trying again cannot mend is sent once; one that it may mend, twice more at most in each round.
  const isFinal = expected !== 'answered' && !expected.retryable
  return [
    seen.hit ? '' : 'the fault did not happen',
    seen.outcome === wording(expected) ? '' : `${seen.outcome} in place of ${wording(expected)}`,
    seen.stopReason === stopReason ? '' : `stopped as ${seen.stopReason} in place of ${stopReason}`,
    seen.inTime ? '' : 'later than its deadline',
    seen.underWay === 0 ? '' : `${seen.underWay} requests left open`,
    // Idle ones, however many requests there were.
    seen.leftOpen <= 2 ? '' : `${seen.leftOpen} connections left open`,
    seen.openAfterClose === 0 ? '' : `${seen.openAfterClose} connections open although the client was closed`,
    seen.leaksToken ? 'the token is in the run' : '',
    isFinal && seen.requests !== round ? `${seen.requests} requests in place of ${round}` : '',
    lasting && seen.requests > 20 ? `${seen.requests} requests` : '',
  ].filter((problem) => problem !== '')
}

function nameOf({ fault, stream, round, lasting }: Cell): string {
  return `${fault.name}, ${stream ? 'streamed' : 'whole'}, ${lasting ? 'from' : 'in'} round ${round}`
}

/** One line for each fault, mode and duration, with what came of it in the three rounds. */
function tableOf(rows: readonly { readonly cell: Cell; readonly seen: Seen }[]): string {
  const lines = new Map<string, string[]>()
  for (const { cell, seen } of rows) {
    const { fault, stream, round, lasting } = cell
    const key = [
      fault.name.padEnd(28),
      (stream ? 'streamed' : 'whole').padEnd(8),
      lasting ? 'lasting' : 'once   ',
    ].join(' ')
    const line = lines.get(key) ?? []
    line[round - 1] = seen.outcome + (seen.stopReason === 'deadline' ? ', deadline' : '')
    lines.set(key, line)
  }
  const same = (line: readonly string[]) =>
    new Set(line).size === 1
      ? `in every round: ${line[0]}`
      : line.map((text, index) => `${index + 1}: ${text}`).join('; ')
  return [`Faults (${rows.length} runs)`, ...[...lines].map(([key, line]) => `  ${key}  ${same(line)}`).sort()].join(
    '\n',
  )
}
