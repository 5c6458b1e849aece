import { availableParallelism } from 'node:os'
import { afterAll, expect, test } from 'vitest'
import { type Fault, faultTable } from '../../lib/testing/index.ts'
import { expectationOf, unknownFaults } from './support/fault-expectations.ts'
import { type Cell, runUnderFault, type Seen, wording } from './support/run-under-fault.ts'

const rejections: unknown[] = []
const onRejection = (reason: unknown) => rejections.push(reason)
process.on('unhandledRejection', onRejection)
afterAll(() => {
  process.off('unhandledRejection', onRejection)
})

/** Every fault × streamed or not × first, second and third round × one request or all later ones, too. */
const cells = faultTable.flatMap((fault): Cell[] =>
  modesOf(fault).flatMap((stream) =>
    ([1, 2, 3] as const).flatMap((round) => {
      const { once, always, slow = false } = expectationOf(fault)
      return [
        { fault, stream, round, slow, lasting: false, expected: once },
        ...(always === undefined ? [] : [{ fault, stream, round, slow, lasting: true, expected: always }]),
      ]
    }),
  ),
)

function modesOf({ mode }: Fault): readonly boolean[] {
  return mode === 'both' ? [false, true] : [mode === 'stream']
}

test('every fault in every round leads to its expected outcome in time, and nothing is left open', async () => {
  const rows: { cell: Cell; seen: Seen; problems: readonly string[] }[] = []
  const queue = [...cells]
  // A run mostly waits, so several at once are needed to keep all cores busy.
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

test('every fault has a unique name, a description of one line and an expectation', () => {
  const names = faultTable.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(faultTable.filter(({ description }) => !/^[^\n]{5,100}\.$/.test(description))).toEqual([])
  expect(unknownFaults()).toEqual([])
})

function problemsOf({ slow, round, expected, lasting }: Cell, seen: Seen): readonly string[] {
  // The last retry may end at the deadline or shortly before it.
  const stopReasons = expected === 'answered' ? ['answered'] : slow ? ['deadline', 'failed'] : ['failed']
  // A request that fails for good is sent once. A retryable one is sent at most twice more in each round.
  const isFinal = expected !== 'answered' && !expected.retryable
  return [
    seen.hit ? '' : 'the fault affected no request',
    seen.outcome === wording(expected) ? '' : `${seen.outcome} instead of ${wording(expected)}`,
    stopReasons.includes(seen.stopReason) ? '' : `stopped as ${seen.stopReason} instead of ${stopReasons.join(' or ')}`,
    seen.inTime ? '' : 'later than its deadline',
    seen.pendingRequests === 0 ? '' : `${seen.pendingRequests} requests left open`,
    // Idle connections, for any number of requests.
    seen.leftOpen <= 2 ? '' : `${seen.leftOpen} connections left open`,
    seen.openAfterClose === 0 ? '' : `${seen.openAfterClose} connections open although the client was closed`,
    seen.leaksToken ? 'the token is in the run' : '',
    isFinal && seen.requests !== round ? `${seen.requests} requests instead of ${round}` : '',
    lasting && seen.requests > 20 ? `${seen.requests} requests` : '',
  ].filter((problem) => problem !== '')
}

function nameOf({ fault, stream, round, lasting }: Cell): string {
  return `${fault.name}, ${stream ? 'streamed' : 'whole'}, ${lasting ? 'from' : 'in'} round ${round}`
}

/** One line for each fault, mode and duration, with the outcome of each round. */
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
