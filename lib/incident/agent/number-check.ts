import { isObject, parseJson } from '../../../router/json/json.ts'
import type { Sources } from './grounding.ts'
import { type Dimension, factorsOf, type MeasuredUnit, unitOf, unitOfMember } from './number-units.ts'
import { shownByTool } from './own-words.ts'

// A number in the answer's words must occur in a tool result, in the telemetry, or in the plan. It may be rounded, written in
// another unit, or computed from two numbers of the same text: "37 of 206 requests (18 %)". Small whole numbers and times of
// day prove nothing and are not checked.
//
// A time, a share and a count are compared only with their own kind: with "p95": 36.7 seconds, "36.7 ms" is refused. What else a
// number counts is not compared: "97 °C" is accepted if a result has 97 requests. So the prompt promises only that numbers
// must occur.

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
  /** Its dimension; `undefined` if the text does not state one. */
  readonly dimension: Dimension | undefined
  /** Factor from the unit of {@link KnownNumbers} to the unit of the text. */
  readonly factor: number
  /** Factors from other units that a source without a unit may use. */
  readonly factors: readonly number[]
}

/** The numbers of all sources, sorted, for many look-ups. */
export interface KnownNumbers {
  /** All numbers, as they are written. */
  readonly all: Float64Array
  /** Those whose sources do not say what they measure. */
  readonly plain: Float64Array
  /** Times in seconds. */
  readonly time: Float64Array
  /** Shares from 0 to 1. */
  readonly share: Float64Array
}

/**
 * The numbers of all results, of the telemetry and of the plan. Words that the model wrote itself are not a source, also where a
 * result repeats them.
 *
 * @param plan the actions of the answer's plan: the model may name the values that it sets.
 */
export function knownNumbers({ results, preTelemetry }: Sources, plan: unknown): KnownNumbers {
  const numbers = {
    all: new Set<number>(),
    plain: new Set<number>(),
    time: new Set<number>(),
    share: new Set<number>(),
  }
  for (const result of results) {
    if (result.status !== 'ok') continue
    for (const source of shownByTool(result)) collectValue(source, undefined, numbers)
  }
  collectValue(preTelemetry, undefined, numbers)
  collectValue(withoutReasons(plan), undefined, numbers)
  const sorted = (set: ReadonlySet<number>) => Float64Array.from(set).sort()
  return {
    all: sorted(numbers.all),
    plain: sorted(numbers.plain),
    time: sorted(numbers.time),
    share: sorted(numbers.share),
  }
}

type Collected = { readonly [name in keyof KnownNumbers]: Set<number> }

/** The reason of no_change and the summaries of plans are words of the model. */
function withoutReasons(plan: unknown): unknown {
  if (Array.isArray(plan)) return plan.map(withoutReasons)
  if (!isObject(plan)) return typeof plan === 'string' && !/^\S{1,64}$/.test(plan) ? null : plan
  const { reason: _, summary: __, rationale: ___, risks: ____, ...rest } = plan
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, withoutReasons(value)]))
}

/** @param unit what the member that contains the value measures. */
function collectValue(value: unknown, unit: Unit, numbers: Collected): void {
  if (typeof value === 'number') collectNumber(value, unit, numbers)
  else if (typeof value === 'string') collectText(value, unit, numbers)
  else if (Array.isArray(value)) for (const item of value) collectValue(item, unit, numbers)
  else if (isObject(value)) {
    const stated = typeof value['unit'] === 'string' ? unitOf(value['unit']) : undefined
    for (const [name, member] of Object.entries(value)) {
      collectText(name, undefined, numbers)
      collectValue(member, unitOfMember(name) ?? stated ?? (name === 'count' ? undefined : unit), numbers)
    }
  }
}

type Unit = MeasuredUnit | undefined

function collectNumber(value: number, unit: Unit, numbers: Collected): void {
  const size = Math.abs(value)
  numbers.all.add(size)
  if (unit === undefined) numbers.plain.add(size)
  else if (unit.dimension !== 'count') numbers[unit.dimension].add(size / unit.factor)
}

/** A metrics page states the unit of a time in the name of the metric, at the start of the line. */
const timeMetric = /^vllm:\S*_seconds(?:_sum)?\b/

function collectText(text: string, unit: Unit, numbers: Collected): void {
  const parsed = text.startsWith('{') ? parseJson(text) : undefined
  if (isObject(parsed)) {
    collectValue(parsed, unit, numbers)
    return
  }
  for (const line of text.split('\n')) {
    const own = unit ?? (timeMetric.test(line) ? unitOf('s') : undefined)
    for (const found of line.matchAll(
      /(count )?(\d{1,3}(?:[ ,\u202f]\d{3})+(?!\d)|\d+)(\.\d+)?(e[-+]?\d+)?(?:[\s-]?([a-zµ]+|[%‰]))?/gi,
    )) {
      const [, counted, whole = '', fraction = '', exponent = '', word = ''] = found
      const value = Number(whole.replace(/\D/g, '') + fraction + exponent)
      collectNumber(value, counted === undefined ? (unitOf(word) ?? own) : undefined, numbers)
      // "4 701 requests" can be two numbers.
      const parts = whole.split(/\D/)
      if (parts.length > 1)
        for (const part of [...parts.slice(0, -1), `${parts.at(-1)}${fraction}`])
          collectNumber(Number(part), undefined, numbers)
    }
  }
}

/** The numbers of a text that no source has, as they are written. */
export function unknownNumbers(text: string, known: KnownNumbers): readonly string[] {
  const written = numbersIn(text)
  const unknown = new Set(written.filter((number) => !isSmall(number) && !isKnown(number, known)))
  if (unknown.size === 0) return []
  const certain = new Set(written.flatMap((number) => (unknown.has(number) || number.value === 0 ? [] : number.value)))
  const terms = Float64Array.from([...certain].slice(0, mostTerms)).sort()
  return [...unknown].filter((number) => !isComputed(number, terms)).map(({ text: asWritten }) => asWritten)
}

function isSmall({ value, unit }: WrittenNumber): boolean {
  return (Number.isInteger(value) && unit === 1 && value <= largestSmallNumber) || value === 100
}

function isKnown(number: WrittenNumber, known: KnownNumbers): boolean {
  const { dimension, factor, factors } = number
  if (dimension === undefined) return factors.some((one) => isAmong(number, known.all, one))
  const isPlain = factors.some((one) => isAmong(number, known.plain, one))
  return isPlain || (dimension !== 'count' && isAmong(number, known[dimension], factor))
}

/** Whether a number of a source is the written one, rounded or cut off. */
function isAmong(number: WrittenNumber, numbers: Float64Array, factor: number): boolean {
  const nearest = firstFrom(numbers, (number.value - number.unit / 2) / factor)
  return nearest !== undefined && isClose(number, nearest * factor)
}

/**
 * Different numbers of one text that a number can be computed from. From many numbers, any other one can be computed, and the
 * check of a long text must not take seconds.
 */
const mostTerms = 64

/** Whether the number is a sum, difference, product, ratio or share of two others. @param terms the others, sorted. */
function isComputed(number: WrittenNumber, terms: Float64Array): boolean {
  return terms.some((a) => computations(a).some(([compute, partner]) => hasPartner(number, terms, compute, partner)))
}

/** A number out of two, and the second one that a result needs. */
type Computation = readonly [compute: (b: number) => number, partner: (result: number) => number]

/** The computations that have a number as the first or the second one. They rise or fall with the partner. */
function computations(a: number): readonly Computation[] {
  return [
    [(b) => a + b, (x) => x - a],
    [(b) => a - b, (x) => a - x],
    [(b) => a * b, (x) => x / a],
    [(b) => a / b, (x) => a / x],
    [(b) => (100 * a) / b, (x) => (100 * a) / x],
    [(b) => (100 * (a - b)) / a, (x) => a * (1 - x / 100)],
    [(b) => (100 * (b - a)) / a, (x) => a * (1 + x / 100)],
  ]
}

/** Whether a number of the sorted ones gives the written number with a computation. */
function hasPartner(number: WrittenNumber, terms: Float64Array, ...[compute, partner]: Computation): boolean {
  const { value, unit } = number
  const ends = [partner(Math.max(0, value - unit / 2)), partner(value + unit)]
  const [from, to] = [Math.min(...ends), Math.max(...ends)]
  // The bounds are rounded, so one more number on each side is compared exactly.
  for (let index = Math.max(0, indexFrom(terms, from) - 1); index < terms.length; index++) {
    if (isClose(number, compute(terms[index] ?? 0))) return true
    if ((terms[index] ?? 0) > to) return false
  }
  return false
}

function isClose({ value, unit }: WrittenNumber, source: number): boolean {
  const error = source - value
  const tolerance = 1e-9 * Math.abs(value)
  return error >= -unit / 2 - tolerance && error < unit + tolerance
}

/** The first of the sorted numbers that is not below a bound. */
function firstFrom(numbers: Float64Array, bound: number): number | undefined {
  return numbers[indexFrom(numbers, bound * (1 - 1e-12))]
}

/** Index of the first of the sorted numbers that is not below a bound. */
function indexFrom(numbers: Float64Array, bound: number): number {
  let [low, high] = [0, numbers.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((numbers[middle] ?? 0) < bound) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Dates, times of day, versions, addresses and anything else whose digits do not count something. The name of a host has 253
 * characters at most.
 */
const notAmounts =
  /\d{4}-\d\d-\d\d(?:T\S*)?|\b\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?![\da-f:])|\d+(?:\.\d+){2,}|\S{0,253}[\w.]:\d[\w:.]*|`[^`]*`|(?<=\s)--?[a-z][\w-]*(?:[ =]\d+)?/gi

/** An amount with the word after it. Digits inside a word or a name belong to it, as in H100, fp8 and gpu-14. */
const amount =
  /(?<![\w.,/#:]|[a-z_]-)(\d{1,3}(?:[ ,\u202f]\d{3})+(?!\d)|\d+)(\.\d+)?(?:e([-+]?\d+))?(?!\.?\d)(?:([\s-]?)([a-zµ]+|[%‰×]))?/gi

function numbersIn(text: string): readonly WrittenNumber[] {
  return [...text.replace(notAmounts, ' ').matchAll(amount)].flatMap((found) => {
    const [asWritten, whole = '', fraction = '', exponent = '0', gap = '', word = ''] = found
    const factors = factorsOf(word)
    // Any suffix except a unit makes it a name: 3b, 95th.
    if (word !== '' && gap === '' && factors === undefined) return []
    const measured = unitOf(word)
    const digits = whole.replace(/\D/g, '')
    const scale = 10 ** Number(exponent)
    const unit = fraction === '' ? roundedUnit(digits) : 10 ** (1 - fraction.length)
    return [
      {
        text: asWritten,
        value: Number(digits + fraction) * scale,
        unit: unit * scale,
        // Any number can be followed by "requests", and "18 ×" is a ratio and not a time.
        dimension: /^[x×]$/i.test(word) ? 'count' : measured?.dimension === 'count' ? undefined : measured?.dimension,
        factor: measured?.factor ?? 1,
        factors: factors ?? [1],
      },
    ]
  })
}

/** A whole number that ends with zeros may be rounded, to two digits at most. */
function roundedUnit(digits: string): number {
  const zeros = /0*$/.exec(digits)?.[0].length ?? 0
  return 10 ** Math.max(0, Math.min(zeros, digits.length - 2))
}
