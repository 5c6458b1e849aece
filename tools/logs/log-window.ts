import { DurationError } from '../errors.ts'

/** A span of time, in Unix milliseconds, both ends included. */
export interface TimeSpan {
  /** Start. */
  readonly start: number
  /** End. */
  readonly end: number
}

/**
 * Parses the `window` of a log tool: a duration before the end (`10m`), or two times with a slash, as ISO 8601 has
 * intervals: `10:00/10:05:30` or `2026-03-03T10:00:00Z/2026-03-03T10:05:30Z`. A first time without a date is the latest one
 * that is not after the end. A second one is on the same day or, up to the end, on the next. A time without seconds includes
 * its minute.
 *
 * @param end the end of the incident, in Unix milliseconds.
 * @throws {DurationError} if the text is neither, or if the first time is after the second.
 */
export function parseWindow(text: string, end: number): TimeSpan {
  const parts = text.split('/')
  if (parts.length !== 2) return { start: end - parseDuration(text), end }
  const [first = '', second = ''] = parts.map((part) => part.trim())
  const from = timeIn(first, end)
  if (from === undefined) throw notAWindow(text)
  // The second time can be after the end of the incident, so its day is that of the first one.
  const to = timeIn(second, startOfDay(from.start) + day - 1)
  const next = timeIn(second, end)
  const last = [to, next].find((one) => one !== undefined && one.end >= from.start)
  if (last === undefined) throw to === undefined ? notAWindow(text) : endsBeforeItStarts(text, first, second)
  return { start: from.start, end: last.end }
}

/** `10:00`, `2026-03-03T10:00:35.250Z`; zones other than UTC are offsets. */
const time = /^(\d{4}-\d\d-\d\d)?[T ]?(\d\d:\d\d)(:\d\d(?:\.\d{1,3})?)?(Z|[+-]\d\d:?\d\d)?$/
const minute = 60_000
const day = 86_400_000

/** Midnight in UTC before a time. */
function startOfDay(milliseconds: number): number {
  return Math.floor(milliseconds / day) * day
}

/** The span that a time names: a millisecond, a second or a minute. */
function timeIn(text: string, end: number): TimeSpan | undefined {
  const [whole, date, clock, seconds = '', zone = 'Z'] = time.exec(text) ?? []
  if (whole === undefined) return undefined
  const stated = Date.parse(`${date ?? new Date(end).toISOString().slice(0, 10)}T${clock}${seconds || ':00'}${zone}`)
  if (Number.isNaN(stated)) return undefined
  const start = date === undefined && stated > end ? stated - day : stated
  const length = seconds === '' ? minute : seconds.includes('.') ? 1 : 1000
  return { start, end: start + length - 1 }
}

/** Milliseconds per unit. */
const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: minute, h: 3_600_000, d: day }

/**
 * Parses a duration such as `90s`, `10m` or `1h30m`.
 *
 * @returns milliseconds.
 * @throws {DurationError} if the text is not a duration, or is 0 or longer than a year.
 */
export function parseDuration(text: string): number {
  const whole = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)
  let milliseconds = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    milliseconds += Number(amount) * (units[unit ?? ''] ?? 0)
  }
  // No log covers a year, and a much longer duration would give an invalid date.
  if (whole && milliseconds > 0 && milliseconds <= 366 * day) return milliseconds
  throw notAWindow(text)
}

function notAWindow(text: string): DurationError {
  return new DurationError(
    `window ${JSON.stringify(text).slice(0, 90)} is not a duration or a pair of times; use for example "90s", "10m", ` +
      '"1h30m", or "10:00/10:05:30" for the time between two times in UTC.',
  )
}

function endsBeforeItStarts(text: string, first: string, second: string): DurationError {
  return new DurationError(
    `window ${JSON.stringify(text).slice(0, 90)} has its times in the wrong order: ${first} is after ${second}. Give the ` +
      `earlier time first: "${second}/${first}".`,
  )
}
