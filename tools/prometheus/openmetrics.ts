import { jsonValue, LineReader, parseSeconds, parseValue } from './line-reader.ts'
import type { Exemplar, Fail, MetricFamily, MetricsPage, ParsedSample } from './metrics-page.ts'
import { OpenMetricsFamily, suffixesOf } from './openmetrics-family.ts'

/** OpenMetrics 1.0, line by line: families stand together, metadata before samples, `# EOF` at the end. */
export class OpenMetrics {
  readonly #families: OpenMetricsFamily[] = []
  /** Every name that a family lays claim to. */
  readonly #claimed = new Set<string>()
  #current: OpenMetricsFamily | undefined
  #ended = false

  line(line: string, fail: Fail): void {
    if (this.#ended) fail('nothing may follow "# EOF"')
    if (line === '') fail('OpenMetrics has no empty lines')
    if (line === '# EOF') {
      this.#close(fail)
      this.#ended = true
    } else if (line.startsWith('#')) this.#metadata(line, fail)
    else this.#sample(line, fail)
  }

  end(fail: Fail): MetricsPage {
    if (!this.#ended) fail('"# EOF" is missing: the page is cut off')
    const families = this.#families.map((family): MetricFamily => family.result())
    return { families, samples: families.flatMap(({ samples }): readonly ParsedSample[] => samples) }
  }

  #metadata(line: string, fail: Fail): void {
    const keyword = /^# (HELP|TYPE|UNIT) /.exec(line)
    if (keyword === null) fail('OpenMetrics has no comments besides HELP, TYPE, UNIT and EOF')
    const reader = new LineReader(line.slice(keyword[0].length), 'openmetrics', fail)
    const name = reader.rest.startsWith('"') ? reader.quoted('a metric name') : reader.metricName()
    if (name === undefined || !reader.take(' ')) {
      fail(`expected a metric name, a space and text after ${keyword[1]}, found ${JSON.stringify(line.slice(7, 40))}`)
    }
    const family = this.#current?.name === name ? this.#current : this.#open(name, fail)
    family.describe(keyword[1] ?? '', reader.rest, fail)
  }

  #sample(line: string, fail: Fail): void {
    const { sample, nanoseconds } = readOpenMetricsSample(new LineReader(line, 'openmetrics', fail))
    const family = this.#current?.accepts(sample.name) ? this.#current : this.#open(sample.name, fail)
    family.add(sample, nanoseconds, fail)
  }

  #open(name: string, fail: Fail): OpenMetricsFamily {
    this.#close(fail)
    if (this.#claimed.has(name)) fail(`${name} clashes with a family before it: the lines of a family stand together`)
    this.#current = new OpenMetricsFamily(name)
    this.#families.push(this.#current)
    return this.#current
  }

  #close(fail: Fail): void {
    const family = this.#current
    if (family === undefined) return
    for (const suffix of new Set(['', ...suffixesOf(family.type)])) {
      if (this.#claimed.has(family.name + suffix)) fail(`${family.name}${suffix} clashes with a family before it`)
      this.#claimed.add(family.name + suffix)
    }
    family.close(fail)
    this.#current = undefined
  }
}

/** Characters of all names and values in the labels of an exemplar together. */
const exemplarLimit = 128

/** One sample line: name, labels, value, and where they stand timestamp and exemplar, each after exactly one space. */
function readOpenMetricsSample(reader: LineReader): {
  readonly sample: ParsedSample
  /** For comparisons; `undefined` where the line has no timestamp. */
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

function readExemplar(reader: LineReader): Exemplar {
  if (!reader.take('{')) return reader.fail('expected "{" at the beginning of an exemplar')
  const { labels, name } = reader.labels(undefined)
  if (name !== undefined) return reader.fail('an exemplar has labels only, no metric name')
  const length = Object.entries(labels).reduce((sum, [label, text]) => sum + [...label].length + [...text].length, 0)
  if (length > exemplarLimit) {
    return reader.fail(`the labels of an exemplar have ${length} characters; at most ${exemplarLimit} are allowed`)
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
