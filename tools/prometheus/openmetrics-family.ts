import { parseValue } from './line-reader.ts'
import type { Fail, MetricFamily, ParsedSample } from './metrics-page.ts'

/** Types of OpenMetrics 1.0. */
const types = ['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset', 'unknown']
/** Suffixes of the samples of a family, by type. Types that are not listed have no suffix. */
const suffixes: { readonly [type: string]: readonly string[] } = {
  counter: ['_total', '_created'],
  summary: ['', '_count', '_sum', '_created'],
  histogram: ['_count', '_sum', '_bucket', '_created'],
  gaugehistogram: ['_gcount', '_gsum', '_bucket'],
  info: ['_info'],
}

/** Suffixes that the samples of a family of this type can have. */
export function suffixesOf(type: string | undefined): readonly string[] {
  return suffixes[type ?? ''] ?? ['']
}

/** A family of an OpenMetrics page. It checks the rules for its samples (OpenMetrics 1.0, "Metric types"). */
export class OpenMetricsFamily {
  /** Name without suffixes. */
  readonly name: string
  #type: string | undefined
  #help: string | undefined
  #unit: string | undefined
  readonly #samples: ParsedSample[] = []
  /** Samples with their time, for the checks that need all of them. */
  readonly #timed: {
    /** The sample itself. */
    readonly sample: ParsedSample
    /** Key of its metric: the labels that all samples of the metric have in common. */
    readonly group: string
    /** Its timestamp. */
    readonly nanoseconds: bigint | undefined
  }[] = []
  /** Metrics that have samples; the samples of a metric must be adjacent. */
  readonly #groups = new Set<string>()
  #group: string | undefined
  #groupTime: bigint | undefined
  /** Series of the current metric and timestamp, to find duplicates. */
  readonly #seen = new Set<string>()

  /** @param name without suffixes. */
  constructor(name: string) {
    this.name = name
  }

  /** Type from the TYPE line; `undefined` without such a line. */
  get type(): string | undefined {
    return this.#type
  }

  /** Whether a sample with this name belongs to the family. */
  accepts(sampleName: string): boolean {
    return suffixesOf(this.#type).some((suffix) => sampleName === this.name + suffix)
  }

  /** Adds the text of a HELP, TYPE or UNIT line. */
  describe(keyword: string, text: string, fail: Fail): void {
    if (this.#samples.length > 0) fail(`${keyword} of ${this.name} comes after its samples`)
    if (keyword === 'HELP') {
      if (this.#help !== undefined) fail(`a second HELP for ${this.name}`)
      this.#help = text.replace(/\\([\\n"])/g, (_, character: string) => (character === 'n' ? '\n' : character))
    } else if (keyword === 'UNIT') {
      if (this.#unit !== undefined) fail(`a second UNIT for ${this.name}`)
      if (text !== '' && !this.name.endsWith(`_${text}`)) fail(`${this.name} does not end with its unit _${text}`)
      this.#unit = text
    } else {
      if (this.#type !== undefined) fail(`a second TYPE for ${this.name}`)
      if (!types.includes(text)) fail(`${JSON.stringify(text)} is not a type; it is one of ${types.join(', ')}`)
      this.#type = text
    }
    if (this.#unit && (this.#type === 'info' || this.#type === 'stateset'))
      fail(`${this.#type} ${this.name} has a unit`)
  }

  /** Adds a sample. @param nanoseconds its timestamp, for comparisons. */
  add(sample: ParsedSample, nanoseconds: bigint | undefined, fail: Fail): void {
    this.#checkLabels(sample, fail)
    this.#checkValue(sample, fail)
    this.#checkExemplar(sample, fail)
    const group = JSON.stringify(this.#groupOf(sample))
    if (this.#group === group) {
      if ((nanoseconds === undefined) !== (this.#groupTime === undefined))
        fail(`some samples of a metric of ${this.name} have timestamps, others have none`)
      const backwards = nanoseconds !== undefined && this.#groupTime !== undefined && nanoseconds < this.#groupTime
      if (backwards && this.#type !== 'info') fail(`timestamps of ${this.name} go backwards`)
    } else {
      if (this.#groups.has(group)) fail(`the samples of a metric of ${this.name} are not adjacent`)
      this.#seen.clear()
    }
    if (this.#groupTime !== nanoseconds) this.#seen.clear()
    this.#group = group
    this.#groupTime = nanoseconds
    this.#groups.add(group)
    const series = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
    if (this.#seen.has(series)) {
      if (nanoseconds === undefined) fail(`a second sample of ${sample.name} with the same labels`)
      // The timestamps differ only in digits below the nanosecond, which are ignored.
      return
    }
    this.#seen.add(series)
    this.#samples.push(sample)
    this.#timed.push({ sample, group, nanoseconds })
  }

  /** Checks the rules that concern all samples of the family. */
  close(fail: Fail): void {
    if (this.#type === 'counter') this.#checkTotals(fail)
    if (this.#type !== 'histogram' && this.#type !== 'gaugehistogram') return
    const points = new Map<string, ParsedSample[]>()
    for (const { sample, group, nanoseconds } of this.#timed) {
      const key = `${group} ${nanoseconds}`
      const point = points.get(key)
      if (point === undefined) points.set(key, [sample])
      else point.push(sample)
    }
    for (const point of points.values()) checkHistogram(this.name, point, fail)
  }

  /** Every metric of a counter needs a `_total`. */
  #checkTotals(fail: Fail): void {
    const counted = this.#timed.filter(({ sample }) => sample.name === `${this.name}_total`)
    const totals = new Set(counted.map(({ group }) => group))
    const missing = this.#timed.find(({ group }) => !totals.has(group))
    if (missing !== undefined) fail(`${missing.sample.name} has no ${this.name}_total`)
  }

  /** The family with all its samples. */
  result(): MetricFamily {
    return {
      name: this.name,
      type: this.#type ?? 'unknown',
      help: this.#help,
      unit: this.#unit,
      samples: this.#samples,
    }
  }

  /** The labels `le`, `quantile` and the name of a state set have fixed meanings. */
  #checkLabels({ name, labels }: ParsedSample, fail: Fail): void {
    if (this.#type === 'stateset' && labels[this.name] === undefined)
      fail(`a state of ${this.name} has no label ${this.name}`)
    if (this.#suffix(name) === '_bucket') {
      const upper = parseValue(labels['le'] ?? '')
      if (upper === undefined || Number.isNaN(upper)) fail(`label le of a bucket of ${this.name} is not a number`)
      if (upper === Number.POSITIVE_INFINITY && labels['le'] !== '+Inf')
        fail('the infinite limit must be written as "+Inf"')
    }
    if (this.#type === 'summary' && name === this.name) {
      const quantile = parseValue(labels['quantile'] ?? '') ?? Number.NaN
      if (!(quantile >= 0 && quantile <= 1)) fail(`label quantile of ${this.name} is not a number from 0 to 1`)
    }
  }

  /** Counts must be integers; totals, counts and sums must not be NaN, and most must not be negative. */
  #checkValue({ name, value }: ParsedSample, fail: Fail): void {
    const suffix = this.#suffix(name)
    const number = typeof value === 'number' ? value : (parseValue(value) ?? Number.NaN)
    if (
      /^_(bucket|g?count)$/.test(suffix) &&
      !Number.isInteger(number) &&
      Math.abs(number) !== Number.POSITIVE_INFINITY
    )
      fail(`${name} is ${value}; it must be an integer`)
    if (/^_(total|bucket|count|sum|gcount|gsum)$/.test(suffix) && Number.isNaN(number)) fail(`${name} is NaN`)
    if (/^_(total|bucket|count|sum|gcount)$/.test(suffix) && number < 0) fail(`${name} is negative`)
    if (this.#type === 'stateset' && number !== 0 && number !== 1)
      fail(`a state of ${this.name} is ${value}; it must be 0 or 1`)
    if (this.#type === 'info' && number !== 1) fail(`${name} is ${value}; an info must be 1`)
    if (this.#type === 'summary' && suffix === '' && number < 0) fail(`a quantile of ${this.name} is negative`)
  }

  /** Only buckets and counters can have exemplars. */
  #checkExemplar({ name, exemplar }: ParsedSample, fail: Fail): void {
    if (exemplar === undefined) return
    const suffix = this.#suffix(name)
    const bucket = suffix === '_bucket' && (this.#type === 'histogram' || this.#type === 'gaugehistogram')
    if (!bucket && !(suffix === '_total' && this.#type === 'counter'))
      fail(`${name} has an exemplar; only buckets and counters can have one`)
  }

  /** Suffix of a sample's name; empty in a family without a type. */
  #suffix(sampleName: string): string {
    return this.#type === undefined ? '' : sampleName.slice(this.name.length)
  }

  /** Labels that all samples of one metric have in common. All infos of a family form one metric. */
  #groupOf({ name, labels }: ParsedSample): unknown {
    if (this.#type === 'info') return []
    const own =
      this.#type === 'stateset'
        ? this.name
        : this.#suffix(name) === '_bucket'
          ? 'le'
          : this.#type === 'summary' && name === this.name
            ? 'quantile'
            : undefined
    return Object.entries(labels)
      .filter(([label]) => label !== own)
      .sort()
  }
}

/** Checks one histogram at one time: bounds and counts ascend, `+Inf` is there and equals the count, sum and count come together. */
/** Buckets must be ascending and cumulative, end with `+Inf`, and agree with the count. */
function checkHistogram(name: string, samples: readonly ParsedSample[], fail: Fail): void {
  const of = (suffix: string) => samples.filter((sample) => sample.name === name + suffix)
  const buckets = of('_bucket').map(({ labels, value }) => ({ upper: number(labels['le']), count: number(value) }))
  buckets.forEach(({ upper, count }, index) => {
    const before = buckets[index - 1]
    if (before === undefined) return
    if (upper <= before.upper) fail(`the bucket limits of ${name} are out of order`)
    if (count < before.count) fail(`the buckets of ${name} are not cumulative`)
  })
  const last = buckets.at(-1)
  if (last?.upper !== Number.POSITIVE_INFINITY) fail(`${name} has no bucket +Inf`)
  const [count] = [...of('_count'), ...of('_gcount')]
  const [sum] = of('_sum')
  const [gaugeSum] = of('_gsum')
  if (count !== undefined && number(count.value) !== last.count)
    fail(`the count of ${name} is ${count.value}, its bucket +Inf is ${last.count}`)
  if ((count === undefined) !== (sum === undefined && gaugeSum === undefined))
    fail(`${name} must have both count and sum, or none of them`)
  const negative = buckets.some(({ upper }) => upper < 0)
  if (negative && sum !== undefined) fail(`${name} has negative bucket limits and a sum`)
  if (!negative && gaugeSum !== undefined && number(gaugeSum.value) < 0) fail(`the sum of ${name} cannot be negative`)
}

/** A value or a label as a number; NaN if it is missing. */
function number(value: number | string | undefined): number {
  return typeof value === 'number' ? value : (parseValue(value ?? '') ?? Number.NaN)
}
