import { expect, test } from 'vitest'
import { readArguments } from '../../router/arguments.ts'
import { redact } from '../../router/text/redact.ts'
import { assistant, router } from './support/exchange.ts'
import { repeated } from './support/hostile.ts'

const kib = 1024
const large = 256 * kib
const small = large / 4

/** Contexts in which a token means more: a call, a value, thinking, an object. */
const starts = [
  '',
  '<minimax:tool_call><invoke name="write_file"><parameter name="path">',
  ']<]minimax[>[<invoke name="write_file">',
  '{"a":',
  '<think>',
]

const fill = (start: string, part: string, length: number) => start + part.repeat(length / part.length)

/** Milliseconds of processor time, which other processes on the machine do not lengthen. */
function cost(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const leastCost = (work: () => unknown) => Math.min(cost(work), cost(work), cost(work))

/**
 * Quadratic work grows sixteenfold from a quarter to the whole, linear work fourfold. What is done in no time is not
 * looked at more closely: at this length nothing that is quadratic is.
 */
function expectLinear(label: string, work: (length: number) => unknown): void {
  if (cost(() => work(large)) < 50) return
  const ratio = () => leastCost(() => work(large)) / leastCost(() => work(small))
  // A garbage collection may fall into only one of the two measurements, so the smallest of three ratios counts.
  expect(Math.min(ratio(), ratio(), ratio()), label).toBeLessThan(10)
}

test.each(starts)(
  'a long reply that repeats one token after %j is read in linear time',
  (start) => {
    for (const part of repeated) {
      expectLinear(`${start}${part}…`, (length) => router.read(assistant({ content: fill(start, part, length) })))
    }
  },
  120_000,
)

test('long arguments that repeat one token are read in linear time', () => {
  for (const start of ['', '{', "{'a':[", '{"a":[', '{"a":"', '```\n{']) {
    for (const part of [...repeated, "'a',", '"a",', "'a' ", '1,', 'a:1,', "'\\n',", '"\\n",']) {
      for (const end of ['', ']}']) {
        expectLinear(`${start}${part}…${end}`, (length) => readArguments(fill(start, part, length) + end))
      }
    }
  }
}, 120_000)

test('secrets are masked in linear time', () => {
  for (const part of repeated) expectLinear(part, (length) => redact(fill('', part, length)))
}, 120_000)
