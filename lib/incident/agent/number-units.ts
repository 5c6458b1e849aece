// Units of numbers in the answer's words, in texts of results, and in the names of their members.

/** The quantity that a number measures. */
export type Dimension = 'time' | 'share' | 'count'

/** A unit. */
export interface MeasuredUnit {
  /** The quantity that it measures. */
  readonly dimension: Dimension
  /** Its numbers are seconds, shares from 0 to 1, or counts times this factor. */
  readonly factor: number
}

const time = (factor: number): MeasuredUnit => ({ dimension: 'time', factor })
const share = (factor: number): MeasuredUnit => ({ dimension: 'share', factor })
const counted: MeasuredUnit = { dimension: 'count', factor: 1 }

const seconds = [1, 1e-3]
const binary = (power: number) => [1, 1e-3, 1e-6, 1e-9, ...[1, 2, 3].slice(0, power).map((n) => 1024 ** -n), 1024]

/** Units by name in lower case, with the factors from other units that a source without a unit may use. */
const units: {
  readonly [name: string]: readonly [unit: MeasuredUnit | undefined, factors: readonly number[]]
} = {
  '%': [share(100), [1, 100]],
  percent: [share(100), [1, 100]],
  '‰': [share(1000), [1, 1000]],
  us: [time(1e6), [1, 1e6, 1e3]],
  µs: [time(1e6), [1, 1e6, 1e3]],
  ms: [time(1e3), [1, 1000]],
  milliseconds: [time(1e3), [1, 1000]],
  s: [time(1), seconds],
  sec: [time(1), seconds],
  second: [time(1), seconds],
  seconds: [time(1), seconds],
  min: [time(1 / 60), [1, 1 / 60]],
  minute: [time(1 / 60), [1, 1 / 60]],
  minutes: [time(1 / 60), [1, 1 / 60]],
  h: [time(1 / 3600), [1, 1 / 3600, 1 / 60]],
  hour: [time(1 / 3600), [1, 1 / 3600, 1 / 60]],
  hours: [time(1 / 3600), [1, 1 / 3600, 1 / 60]],
  requests: [counted, [1]],
  reqs: [counted, [1]],
  tokens: [counted, [1]],
  preemptions: [counted, [1]],
  k: [undefined, [1, 1e-3, 1 / 1024]],
  thousand: [undefined, [1e-3]],
  m: [undefined, [1, 1e-6]],
  million: [undefined, [1e-6]],
  kb: [undefined, binary(1)],
  kib: [undefined, binary(1)],
  mb: [undefined, binary(2)],
  mib: [undefined, binary(2)],
  g: [undefined, binary(3)],
  gb: [undefined, binary(3)],
  gib: [undefined, binary(3)],
  tb: [undefined, binary(3)],
  tib: [undefined, binary(3)],
  x: [undefined, [1]],
  '×': [undefined, [1]],
}

/** The unit with a name, in any case; `undefined` for other words, and for units whose sources rarely state them. */
export function unitOf(name: string): MeasuredUnit | undefined {
  return entryOf(name)?.[0]
}

/** Factors from other units to the unit with a name; `undefined` if the word is not a unit. */
export function factorsOf(name: string): readonly number[] | undefined {
  return entryOf(name)?.[1]
}

function entryOf(name: string) {
  const key = name.toLowerCase()
  return Object.hasOwn(units, key) ? units[key] : undefined
}

/** Members that count requests, tokens or workers. */
const counts =
  /^(?:arrived|served|failed|unfinished|preemptions|running|waiting|aborted|errored|rejected|queue_depth|(?:running|waiting)_max|(?:healthy|stuck)(?:_workers)?|\w*_tokens|max_num_\w+|restarts)$/

/** The unit that the name of a member states, for example seconds in `ttft_p95_s`. */
export function unitOfMember(name: string): MeasuredUnit | undefined {
  if (/_per_s$/.test(name)) return undefined
  if (/_s$/.test(name)) return time(1)
  if (/_ms$/.test(name)) return time(1e3)
  return counts.test(name) ? counted : undefined
}
