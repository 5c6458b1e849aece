import { LineReader } from './line-reader.ts'
import type { Fail, MetricFamily, MetricsPage, ParsedSample } from './metrics-page.ts'
import { OpenMetricsFamily, suffixesOf } from './openmetrics-family.ts'
import { readOpenMetricsSample } from './openmetrics-sample.ts'

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
