import { jsonValue, LineReader, parseSeconds, parseValue } from './line-reader.ts'
import type { Exemplar, Fail, MetricFamily, MetricsPage, ParsedSample } from './metrics-page.ts'
import { OpenMetricsFamily, suffixesOf } from './openmetrics-family.ts'

/**
 * Parser of OpenMetrics 1.0, line by line.
 *
 *     # TYPE requests counter
 *     requests_total{path="/"} 17 1771336800.5 # {trace_id="a1"} 0.2 1771336799.9
 *     # EOF
 *
 * The lines of a family must be adjacent, metadata comes before samples, and the page ends with `# EOF`.
 */
export class OpenMetrics {
  readonly #families: OpenMetricsFamily[] = []
  /** Every name that belongs to a family, including those with suffixes. */
  readonly #claimed = new Set<string>()
  #current: OpenMetricsFamily | undefined
  #ended = false

  /** Reads the next line, without its line feed. */
  line(line: string, fail: Fail): void {
    if (this.#ended) fail('text after "# EOF"')
    if (line === '') fail('OpenMetrics does not allow empty lines')
    if (line === '# EOF') {
      this.#close(fail)
      this.#ended = true
    } else if (line.startsWith('#')) this.#metadata(line, fail)
    else this.#sample(line, fail)
  }

  /** Ends the page and returns it. */
  end(fail: Fail): MetricsPage {
    if (!this.#ended) fail('"# EOF" is missing: the page is cut off')
    const families = this.#families.map((family): MetricFamily => family.result())
    return { families, samples: families.flatMap(({ samples }): readonly ParsedSample[] => samples) }
  }

  /** Reads a HELP, TYPE or UNIT line. It starts a new family if the name is new. */
  #metadata(line: string, fail: Fail): void {
    const keyword = /^# (HELP|TYPE|UNIT) /.exec(line)
    if (keyword === null) fail('OpenMetrics allows no comments except HELP, TYPE, UNIT and EOF')
    const reader = new LineReader(line.slice(keyword[0].length), 'openmetrics', fail)
    const name = reader.rest.startsWith('"') ? reader.quoted('a metric name') : reader.metricName()
    if (name === undefined || !reader.take(' ')) {
      fail(`expected a metric name, a space and text after ${keyword[1]}, found ${JSON.stringify(line.slice(7, 40))}`)
    }
    const family = this.#current?.name === name ? this.#current : this.#open(name, fail)
    family.describe(keyword[1] ?? '', reader.rest, fail)
  }

  /** Adds a sample to the current family, or starts a new family of type unknown. */
  #sample(line: string, fail: Fail): void {
    const { sample, nanoseconds } = readOpenMetricsSample(new LineReader(line, 'openmetrics', fail))
    const family = this.#current?.accepts(sample.name) ? this.#current : this.#open(sample.name, fail)
    family.add(sample, nanoseconds, fail)
  }

  /** Ends the current family and starts a new one. */
  #open(name: string, fail: Fail): OpenMetricsFamily {
    this.#close(fail)
    if (this.#claimed.has(name)) fail(`${name} clashes with an earlier family: the lines of a family must be adjacent`)
    this.#current = new OpenMetricsFamily(name)
    this.#families.push(this.#current)
    return this.#current
  }

  /** Ends the current family and reserves all its names, with and without suffixes. */
  #close(fail: Fail): void {
    const family = this.#current
    if (family === undefined) return
    for (const suffix of new Set(['', ...suffixesOf(family.type)])) {
      if (this.#claimed.has(family.name + suffix)) fail(`${family.name}${suffix} clashes with an earlier family`)
      this.#claimed.add(family.name + suffix)
    }
    family.close(fail)
    this.#current = undefined
  }
}

/** Largest total length of the label names and values of an exemplar, in characters (OpenMetrics 1.0, "Exemplars"). */
const exemplarLimit = 128

/** Reads a sample line: name, labels, value, and optionally a timestamp and an exemplar, separated by single spaces. */
function readOpenMetricsSample(reader: LineReader): {
  readonly sample: ParsedSample
  /** For comparisons; `undefined` if the line has no timestamp. */
  readonly nanoseconds: bigint | undefined
} {
  const { fail } = reader
  const outside = reader.metricName()
  const { labels, name } = reader.take('{') ? reader.labels(outside) : { labels: {}, name: outside }
  if (name === undefined) return fail(`expected a metric name, found ${JSON.stringify(reader.rest.slice(0, 20))}`)
  const at = reader.rest.indexOf(' # ')
  const exemplarText = at === -1 ? undefined : reader.rest.slice(at + 3)
  const { value, timestamp } = numbers(reader, at === -1 ? reader.rest : reader.rest.slice(0, at))
  const base = { name, labels, value }
  const timed = timestamp === undefined ? base : { ...base, timestamp_ms: timestamp.milliseconds }
  if (exemplarText === undefined) return { sample: timed, nanoseconds: timestamp?.nanoseconds }
  reader.take(reader.rest.slice(0, at + 3))
  return { sample: { ...timed, exemplar: readExemplar(reader) }, nanoseconds: timestamp?.nanoseconds }
}

/** Reads the part of a sample line after ` # `: labels, value and optionally a timestamp. */
function readExemplar(reader: LineReader): Exemplar {
  if (!reader.take('{')) return reader.fail('expected "{" at the start of an exemplar')
  const { labels, name } = reader.labels(undefined)
  if (name !== undefined) return reader.fail('an exemplar must not have a metric name')
  const length = Object.entries(labels).reduce((sum, [label, text]) => sum + [...label].length + [...text].length, 0)
  if (length > exemplarLimit) {
    return reader.fail(`the labels of an exemplar have ${length} characters; the limit is ${exemplarLimit}`)
  }
  const { value, timestamp } = numbers(reader, reader.rest)
  return { labels, value, ...(timestamp === undefined ? {} : { timestamp_ms: timestamp.milliseconds }) }
}

/** ` value` or ` value timestamp`. */
function numbers({ fail }: LineReader, text: string) {
  const [before, token, time, ...more] = text.split(' ')
  if (before !== '' || token === undefined || token === '')
    return fail(`expected one space and a value, found ${JSON.stringify(text.slice(0, 20))}`)
  if (more.length > 0) return fail(`expected the end of the line, found ${JSON.stringify(more.join(' '))}`)
  const value = jsonValue(parseValue(token) ?? fail(`${JSON.stringify(token)} is not a number`))
  if (time === undefined) return { value, timestamp: undefined }
  const timestamp = parseSeconds(time) ?? fail(`timestamp ${JSON.stringify(time)} is not in seconds`)
  return { value, timestamp }
}
