import type { Fail, ParsedSample } from './metrics-page.ts'
import { parseValue } from './number-token.ts'

/** Checks one histogram at one time: bounds and counts ascend, `+Inf` is there and equals the count, sum and count come together. */
export function checkHistogram(name: string, samples: readonly ParsedSample[], fail: Fail): void {
  const of = (suffix: string) => samples.filter((sample) => sample.name === name + suffix)
  const buckets = of('_bucket').map(({ labels, value }) => ({ bound: number(labels['le']), count: number(value) }))
  buckets.forEach(({ bound, count }, index) => {
    const before = buckets[index - 1]
    if (before === undefined) return
    if (bound <= before.bound) fail(`the bounds of ${name} are out of order`)
    if (count < before.count) fail(`the buckets of ${name} do not ascend`)
  })
  const last = buckets.at(-1)
  if (last?.bound !== Number.POSITIVE_INFINITY) fail(`${name} has no bucket +Inf`)
  const [count] = [...of('_count'), ...of('_gcount')]
  const [sum] = of('_sum')
  const [gaugeSum] = of('_gsum')
  if (count !== undefined && number(count.value) !== last.count)
    fail(`the count of ${name} is ${count.value}, its bucket +Inf is ${last.count}`)
  if ((count === undefined) !== (sum === undefined && gaugeSum === undefined))
    fail(`${name} has count or sum, not both`)
  const negative = buckets.some(({ bound }) => bound < 0)
  if (negative && sum !== undefined) fail(`${name} has negative bounds and a sum`)
  if (!negative && gaugeSum !== undefined && number(gaugeSum.value) < 0) fail(`the sum of ${name} cannot be negative`)
}

function number(value: number | string | undefined): number {
  return typeof value === 'number' ? value : (parseValue(value ?? '') ?? Number.NaN)
}
