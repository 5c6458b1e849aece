const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const infinity = /^([+-]?)inf(?:inity)?$/i

/** What Go's `ParseFloat` reads, without hexadecimal numbers and underscores; `undefined` for anything else. */
export function parseValue(token: string): number | undefined {
  if (decimal.test(token)) {
    const value = Number(token)
    return Number.isFinite(value) ? value : undefined
  }
  if (/^nan$/i.test(token)) return Number.NaN
  const found = infinity.exec(token)
  if (found === null) return undefined
  return found[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

/** JSON has no NaN or infinity: those are written as texts. */
export function jsonValue(value: number): number | string {
  if (Number.isFinite(value)) return value
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

export interface Timestamp {
  readonly milliseconds: number
  /** For comparisons: a double does not hold the nanoseconds of a present-day time. */
  readonly nanoseconds: bigint
}

const int64 = 2n ** 63n

/** Whole milliseconds, as the text format has them; `undefined` for anything that is no 64-bit integer. */
export function parseMilliseconds(token: string): Timestamp | undefined {
  if (!/^[+-]?\d+$/.test(token)) return undefined
  const value = BigInt(token.replace(/^\+/, ''))
  return value < -int64 || value >= int64 ? undefined : { milliseconds: Number(value), nanoseconds: value * 1_000_000n }
}

/** Seconds, as OpenMetrics has them; digits beyond the nanosecond are cut off. */
export function parseSeconds(token: string): Timestamp | undefined {
  if (!decimal.test(token)) return undefined
  const [, sign, whole = '', fraction = ''] = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(token) ?? []
  if (whole === '') {
    const nanoseconds = Math.round(Number(token) * 1e9)
    if (!Number.isFinite(nanoseconds)) return undefined
    return { milliseconds: Number(token) * 1000, nanoseconds: BigInt(nanoseconds) }
  }
  const nanoseconds = BigInt(whole + fraction.slice(0, 9).padEnd(9, '0'))
  return { milliseconds: Number(token) * 1000, nanoseconds: sign === '-' ? -nanoseconds : nanoseconds }
}
