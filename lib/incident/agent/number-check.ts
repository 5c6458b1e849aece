import type { Sources } from './grounding.ts'

// A number in the answer's words must occur in a tool result, in the telemetry, or in the plan. It may be rounded, written in
// another unit, or computed from two numbers of the same text: "37 of 206 requests (18 %)". Small whole numbers and times of
// day prove nothing and are not checked. What a number counts is not compared: "97 °C" is accepted if a result has 97
// requests. So the prompt promises only that numbers must occur.

/** Whole numbers up to this one are counts that anybody can make, such as "2 workers". */
const largestSmallNumber = 10

/** A number in a text. */
interface WrittenNumber {
  /** The number with its unit, as it is written. */
  readonly text: string
  /** Its value, in its own unit. */
  readonly value: number
  /** Half of the difference that rounding to the written digits can make, at least; the text may be cut off, too. */
  readonly unit: number
  /** Factors from units that sources may use to the unit of the text. */
  readonly factors: readonly number[]
}

/** The numbers of all sources, sorted, for many look-ups. */
export type KnownNumbers = Float64Array

/**
 * The numbers of all results, of the telemetry and of the plan.
 *
 * @param plan the actions of the answer's plan: the model may name the values that it sets.
 */
export function knownNumbers({ results, preTelemetry }: Sources, plan: unknown): KnownNumbers {
  const numbers = new Set<number>()
  const collect = (text: string): void => {
    for (const [found] of text.matchAll(/\d+(?:\.\d+)?(?:e[-+]?\d+)?/gi)) numbers.add(Number(found))
    // Thousands are grouped in texts for people.
    for (const [found] of text.matchAll(/\d{1,3}(?:[ ,\u202f]\d{3})+(?!\d)/g))
      numbers.add(Number(found.replace(/\D/g, '')))
  }
  for (const result of results) {
    if (result.status !== 'ok') continue
    collect(result.content)
    collect(JSON.stringify(result.value) ?? '')
  }
  collect(JSON.stringify(preTelemetry) ?? '')
  collect(JSON.stringify(plan) ?? '')
  return Float64Array.from(numbers).sort()
}

/** The numbers of a text that no source has, as they are written. */
export function unknownNumbers(text: string, known: KnownNumbers): readonly string[] {
  const written = numbersIn(text)
  const unknown = written.filter((number) => !isSmall(number) && !isKnown(number, known))
  if (unknown.length === 0) return []
  const certain = written.filter((number) => !unknown.includes(number)).map(({ value }) => value)
  return unknown.filter((number) => !isComputed(number, certain)).map(({ text: asWritten }) => asWritten)
}

function isSmall({ value, unit }: WrittenNumber): boolean {
  return (Number.isInteger(value) && unit === 1 && value <= largestSmallNumber) || value === 100
}

function isKnown(number: WrittenNumber, known: KnownNumbers): boolean {
  return number.factors.some((factor) => {
    // People round, and they cut digits off.
    const nearest = firstFrom(known, (number.value - number.unit / 2) / factor)
    return nearest !== undefined && isClose(number, nearest * factor)
  })
}

/** Whether the number is a sum, difference, product, ratio or share of two others. */
function isComputed(number: WrittenNumber, others: readonly number[]): boolean {
  return others.some((a) =>
    others.some((b) =>
      [a + b, a - b, a * b, a / b, (100 * a) / b, (100 * (a - b)) / b].some((x) => isClose(number, Math.abs(x))),
    ),
  )
}

function isClose({ value, unit }: WrittenNumber, source: number): boolean {
  const error = source - value
  const tolerance = 1e-9 * Math.abs(value)
  return error >= -unit / 2 - tolerance && error < unit + tolerance
}

/** The first of the sorted numbers that is not below a bound. */
function firstFrom(numbers: KnownNumbers, bound: number): number | undefined {
  let [low, high] = [0, numbers.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((numbers[middle] ?? 0) < bound * (1 - 1e-12)) low = middle + 1
    else high = middle
  }
  return numbers[low]
}

/** Dates, times of day, versions, addresses and anything else whose digits do not count something. */
const notAmounts =
  /\d{4}-\d\d-\d\d(?:T\S*)?|\b\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?![\da-f:])|\d+(?:\.\d+){2,}|\S*[\w.]:\d[\w:.]*|`[^`]*`|(?<=\s)--?[a-z][\w-]*(?:[ =]\d+)?/gi

/** An amount with the word after it. Digits inside a word or a name belong to it, as in H100, fp8 and gpu-14. */
const amount =
  /(?<![\w.,/#:]|[a-z_]-)(\d{1,3}(?:[ ,\u202f]\d{3})+(?!\d)|\d+)(\.\d+)?(?:e([-+]?\d+))?(?!\.?\d)(?:([\s-]?)([a-zµ]+|[%‰×]))?/gi

function numbersIn(text: string): readonly WrittenNumber[] {
  return [...text.replace(notAmounts, ' ').matchAll(amount)].flatMap((found) => {
    const [asWritten, whole = '', fraction = '', exponent = '0', gap = '', word = ''] = found
    const factors = unitFactors[word.toLowerCase()]
    // Any suffix except a unit makes it a name: 3b, 95th.
    if (word !== '' && gap === '' && factors === undefined) return []
    const digits = whole.replace(/\D/g, '')
    const scale = 10 ** Number(exponent)
    const unit = fraction === '' ? roundedUnit(digits) : 10 ** (1 - fraction.length)
    return [{ text: asWritten, value: Number(digits + fraction) * scale, unit: unit * scale, factors: factors ?? [1] }]
  })
}

/** A whole number that ends with zeros may be rounded, to two digits at most. */
function roundedUnit(digits: string): number {
  const zeros = /0*$/.exec(digits)?.[0].length ?? 0
  return 10 ** Math.max(0, Math.min(zeros, digits.length - 2))
}

const share = [1, 100]
const binary = (power: number) => [1, 1e-3, 1e-6, 1e-9, ...[1, 2, 3].slice(0, power).map((n) => 1024 ** -n), 1024]
const times = [1]

/** Factors from other units to a unit, by its name in lower case. */
const unitFactors: { readonly [unit: string]: readonly number[] } = {
  '%': share,
  percent: share,
  '‰': [1, 1000],
  us: [1, 1e6, 1e3],
  µs: [1, 1e6, 1e3],
  ms: [1, 1000],
  milliseconds: [1, 1000],
  s: [1, 1e-3],
  sec: [1, 1e-3],
  second: [1, 1e-3],
  seconds: [1, 1e-3],
  min: [1, 1 / 60],
  minute: [1, 1 / 60],
  minutes: [1, 1 / 60],
  h: [1, 1 / 3600, 1 / 60],
  hour: [1, 1 / 3600, 1 / 60],
  hours: [1, 1 / 3600, 1 / 60],
  k: [1, 1e-3, 1 / 1024],
  thousand: [1e-3],
  m: [1, 1e-6],
  million: [1e-6],
  kb: binary(1),
  kib: binary(1),
  mb: binary(2),
  mib: binary(2),
  g: binary(3),
  gb: binary(3),
  gib: binary(3),
  tb: binary(3),
  tib: binary(3),
  x: times,
  '×': times,
}
