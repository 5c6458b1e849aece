import { expect } from 'vitest'

const large = 128 * 1024
const small = large / 4

/** Milliseconds of CPU time. Other processes do not lengthen it as they lengthen wall-clock time. */
function cost(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const leastCost = (work: () => unknown) => Math.min(cost(work), cost(work), cost(work))

/**
 * Runs work on a text of one repeated part: quadratic work grows sixteenfold from a quarter to the whole, linear work fourfold.
 * Work that takes under 50 ms passes at once: at this length, quadratic work takes longer.
 */
export function expectLinearTime(part: string, work: (text: string) => unknown): void {
  const textOf = (length: number) => part.repeat(length / part.length)
  const whole = textOf(large)
  if (cost(() => work(whole)) < 50) return
  const quarter = textOf(small)
  const ratio = () => leastCost(() => work(whole)) / leastCost(() => work(quarter))
  expect(Math.min(ratio(), ratio(), ratio()), JSON.stringify(part)).toBeLessThan(10)
}
