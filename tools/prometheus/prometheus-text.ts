import type { MetricSample } from '../types.ts'
import { jsonValue, LineReader, parseMilliseconds, parseValue } from './line-reader.ts'
import type { Fail, MetricFamily, MetricsPage } from './metrics-page.ts'

/** A family that can still get lines. */
interface OpenFamily {
  readonly name: string
  type: string | undefined
  help: string | undefined
  readonly samples: MetricSample[]
}

/** Accepted spellings of types, in lower case. */
const types: { readonly [spelling: string]: string } = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  summary: 'summary',
  untyped: 'untyped',
  gaugehistogram: 'gaugehistogram',
  gauge_histogram: 'gaugehistogram',
}
/** Further types of OpenMetrics. */
const openMetricsTypes: { readonly [spelling: string]: string } = {
  unknown: 'untyped',
  info: 'gauge',
  stateset: 'gauge',
}
/** Suffixes of the samples of a family, by type. */
const suffixes: { readonly [type: string]: readonly string[] } = {
  histogram: ['_bucket', '_count', '_sum'],
  gaugehistogram: ['_bucket', '_count', '_sum'],
  summary: ['_count', '_sum'],
}

/**
 * Parser of Prometheus text format 0.0.4, line by line.
 *
 *     # HELP vllm:num_requests_running Number of requests in model execution batches.
 *     # TYPE vllm:num_requests_running gauge
 *     vllm:num_requests_running{engine="0",model_name="m"} 4.0
 *
 * It is as strict as the parser of prometheus/common: the lines of a family need not be adjacent, and a histogram need
 * not be complete.
 *
 * In OpenMetrics timestamps are in seconds, and a sample can end with an exemplar, which is left out:
 *
 *     h_bucket{le="0.5"} 4 1771336800.5 # {trace_id="a"} 0.3
 */
export class PrometheusTextParser {
  readonly #families = new Map<string, OpenFamily>()
  readonly #samples: MetricSample[] = []
  readonly #openMetrics: boolean

  /** @param openMetrics whether the page is in the OpenMetrics format. */
  constructor(openMetrics: boolean) {
    this.#openMetrics = openMetrics
  }

  /** Reads the next line, without its line feed. */
  line(line: string, fail: Fail): void {
    const text = line.replace(/^[ \t]+/, '')
    if (text.startsWith('#')) this.#comment(text.slice(1), fail)
    else if (text !== '') this.#sample(text, fail)
  }

  /** Ends the page and returns it. */
  end(): MetricsPage {
    // A family without samples is not part of the result.
    const families = [...this.#families.values()]
      .filter(({ samples }) => samples.length > 0)
      .map((family): MetricFamily => ({ ...family, type: family.type ?? 'untyped' }))
    return { families, samples: this.#samples }
  }

  /** Reads a HELP or TYPE line, without its `#`. */
  #comment(text: string, fail: Fail): void {
    const keyword = /^[ \t]*(HELP|TYPE)[ \t]+(?=[^ \t])/.exec(text)
    // Other comments, and keywords without a name, are ignored.
    if (keyword === null) return
    const reader = new LineReader(text.slice(keyword[0].length), fail)
    const name = reader.rest.startsWith('"') ? reader.quoted('a metric name') : reader.metricName()
    if (name === undefined || !/^(?:[ \t]|$)/.test(reader.rest)) {
      fail(`expected a metric name after ${keyword[1]}, found ${JSON.stringify(reader.rest.slice(0, 20))}`)
    }
    const content = reader.rest.replace(/^[ \t]+/, '')
    if (content === '') return
    if (keyword[1] === 'HELP') this.#help(name, content, fail)
    else this.#type(name, content, fail)
  }

  /** Stores a HELP text. In HELP a quotation mark can be escaped as well. */
  #help(name: string, content: string, fail: Fail): void {
    const family = this.#open(name)
    if (family.help !== undefined) fail(`a second HELP for ${name}`)
    family.help = content.replace(/\\(.?)/g, (sequence, character: string) => {
      if (character === 'n') return '\n'
      return character === '\\' || character === '"' ? character : fail(`unknown escape ${sequence} in HELP`)
    })
  }

  /** Stores a TYPE. It must come before the samples of the family. */
  #type(name: string, content: string, fail: Fail): void {
    const family = this.#open(name)
    if (family.type !== undefined) fail(`a second TYPE for ${name}`)
    if (family.samples.length > 0) fail(`TYPE of ${name} comes after its samples`)
    // Only spaces and tabs are trimmed. The carriage return of a CRLF page makes the type invalid.
    const spelling = content.replace(/[ \t]+$/, '')
    const type = spelling.toLowerCase()
    const known = this.#openMetrics ? { ...types, ...openMetricsTypes } : types
    family.type = Object.hasOwn(known, type)
      ? known[type]
      : fail(`${JSON.stringify(spelling)} is not a type; it is one of ${Object.keys(types).join(', ')}`)
  }

  /** The family with a name; a new one if it is not known. */
  #open(name: string): OpenFamily {
    let family = this.#families.get(name)
    if (family === undefined) {
      family = { name, type: undefined, help: undefined, samples: [] }
      this.#families.set(name, family)
    }
    return family
  }

  /** Reads a sample line. */
  #sample(text: string, fail: Fail): void {
    const sample = readSample(new LineReader(text, fail), this.#openMetrics)
    const family = this.#familyOf(sample.name)
    checkSample(sample, family, fail)
    family.samples.push(sample)
    this.#samples.push(sample)
  }

  /** A sample such as `h_bucket` belongs to the histogram `h` if a TYPE line declares it, otherwise to its own family. */
  #familyOf(name: string): OpenFamily {
    const suffix = /_(?:bucket|count|sum)$/.exec(name)?.[0]
    if (suffix !== undefined && !this.#families.has(name)) {
      const stem = this.#families.get(name.slice(0, -suffix.length))
      if (stem?.type !== undefined && suffixes[stem.type]?.includes(suffix)) return stem
    }
    return this.#open(name)
  }
}

/** Reads name, labels, value and optionally a timestamp. */
function readSample(reader: LineReader, openMetrics: boolean): MetricSample {
  const { fail } = reader
  const outside = reader.metricName()
  reader.blanks()
  const { labels, name } = reader.take('{') ? reader.labels(outside) : { labels: {}, name: outside }
  if (name === undefined) return fail(`expected a metric name, found ${JSON.stringify(reader.rest.slice(0, 20))}`)
  const numbers = openMetrics ? reader.rest.replace(/ # \{.*$/, '') : reader.rest
  const [token, time, ...more] = numbers.split(/[ \t]+/).filter((part) => part !== '')
  if (token === undefined) return fail(`expected a value after ${name}`)
  const value = parseValue(token) ?? fail(`${JSON.stringify(token)} is not a number`)
  if (time === undefined) return { name, labels, value: jsonValue(value) }
  const timestamp = openMetrics
    ? (parseSeconds(time) ?? fail(`timestamp ${JSON.stringify(time)} is not a number of seconds`))
    : (parseMilliseconds(time) ?? fail(`timestamp ${JSON.stringify(time)} is not an integer number of milliseconds`))
  if (more.length > 0) fail(`expected the end of the line, found ${JSON.stringify(more[0])}`)
  return { name, labels, value: jsonValue(value), timestamp_ms: timestamp }
}

/** A timestamp of OpenMetrics in milliseconds; `undefined` if it is not a number. */
function parseSeconds(token: string): number | undefined {
  const seconds = parseValue(token)
  return Number.isFinite(seconds) ? Math.round(Number(seconds) * 1000) : undefined
}

/** Buckets and quantiles need a numeric label, and counts must not be negative. */
function checkSample({ name, labels, value }: MetricSample, family: OpenFamily, fail: Fail): void {
  const histogram = family.type === 'histogram' || family.type === 'gaugehistogram'
  if (histogram && name === `${family.name}_bucket`) {
    checkNumericLabel(labels, 'le', fail)
    if (typeof value === 'number' && value < 0) fail(`a negative bucket of histogram ${family.name}`)
  }
  if (histogram && name === `${family.name}_count` && typeof value === 'number' && value < 0)
    fail(`a negative count of histogram ${family.name}`)
  if (family.type === 'summary' && name === family.name && labels['quantile'] !== undefined)
    checkNumericLabel(labels, 'quantile', fail)
}

/** Checks the label `le` of a bucket or `quantile` of a summary. */
function checkNumericLabel(labels: MetricSample['labels'], label: string, fail: Fail): void {
  const text = labels[label]
  if (text === undefined) fail(`a bucket has no label ${label}`)
  if (parseValue(text) === undefined) fail(`label ${label} is ${JSON.stringify(text)}, not a number`)
}
