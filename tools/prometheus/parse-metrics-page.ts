import type { MetricSample } from '../documents.ts'
import { MetricsPageError } from './metrics-page-error.ts'
import { type MetricsFormat, SampleLine } from './sample-line.ts'

export interface MetricFamily {
  readonly name: string
  readonly type: string
  readonly help: string | undefined
  readonly unit: string | undefined
  readonly samples: readonly MetricSample[]
}

export interface MetricsPage {
  readonly families: readonly MetricFamily[]
  /** All samples, in the order of the page. */
  readonly samples: readonly MetricSample[]
}

interface OpenFamily {
  name: string
  type: string | undefined
  help: string | undefined
  unit: string | undefined
  samples: MetricSample[]
}

const types = {
  prometheus: ['counter', 'gauge', 'histogram', 'summary', 'untyped'],
  openmetrics: ['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset', 'unknown'],
}
/** What a family of a type may append to its name. */
const suffixes: { readonly [type: string]: readonly string[] } = {
  histogram: ['_bucket', '_count', '_sum'],
  summary: ['_count', '_sum'],
}
const openMetricsSuffixes: { readonly [type: string]: readonly string[] } = {
  counter: ['_total', '_created'],
  histogram: ['_bucket', '_count', '_sum', '_created'],
  gaugehistogram: ['_bucket', '_gcount', '_gsum'],
  summary: ['_count', '_sum', '_created'],
  info: ['_info'],
}

/**
 * Parses a metrics page: Prometheus text format 0.0.4, or OpenMetrics 1.0.
 *
 * Strict: a page that is cut off, a bad number, a second TYPE, a TYPE after samples are errors with their line.
 *
 * @throws {MetricsPageError}
 */
export function parseMetricsPage(
  text: string,
  { format = 'prometheus' }: { format?: MetricsFormat } = {},
): MetricsPage {
  const parser = new PageParser(format)
  if (text === '' && format === 'prometheus') return { families: [], samples: [] }
  const lines = text.split('\n')
  if (lines.pop() !== '' && !(format === 'openmetrics' && text.endsWith('# EOF'))) {
    throw new MetricsPageError(lines.length + 1, 'the last line does not end with a line feed: the page is cut off')
  }
  if (format === 'openmetrics' && text.endsWith('# EOF')) lines.push('# EOF')
  lines.forEach((line, index) => {
    parser.line(line, index + 1)
  })
  return parser.end(lines.length)
}

class PageParser {
  readonly #format: MetricsFormat
  readonly #families = new Map<string, OpenFamily>()
  readonly #samples: MetricSample[] = []
  #current: OpenFamily | undefined
  #ended = false

  constructor(format: MetricsFormat) {
    this.#format = format
  }

  line(line: string, number: number): void {
    const fail = (problem: string): never => {
      throw new MetricsPageError(number, problem)
    }
    if (this.#ended) fail('nothing may follow "# EOF"')
    if (this.#format === 'openmetrics') {
      if (line === '# EOF') {
        this.#ended = true
        return
      }
      if (line === '') fail('OpenMetrics has no empty lines')
    }
    const trimmed = line.replace(/^[ \t]+/, '')
    if (trimmed === '') return
    if (trimmed.startsWith('#')) this.#comment(trimmed, fail)
    else this.#sample(new SampleLine(trimmed, this.#format, fail).read(), fail)
  }

  end(lines: number): MetricsPage {
    if (this.#format === 'openmetrics' && !this.#ended) {
      throw new MetricsPageError(lines + 1, '"# EOF" is missing: the page is cut off')
    }
    const untyped = this.#format === 'prometheus' ? 'untyped' : 'unknown'
    const families = [...this.#families.values()].map((family) => ({ ...family, type: family.type ?? untyped }))
    return { families, samples: this.#samples }
  }

  #comment(line: string, fail: (problem: string) => never): void {
    const parts = /^#[ \t]+(HELP|TYPE|UNIT)[ \t]+(?:"((?:[^"\\]|\\.)*)"|([^ \t]+))(?:[ \t]+(.*))?$/.exec(line)
    const keyword = parts?.[1]
    if (parts === null || (keyword === 'UNIT' && this.#format === 'prometheus')) {
      if (this.#format === 'openmetrics') fail('OpenMetrics has no comments besides HELP, TYPE, UNIT and EOF')
      if (/^#[ \t]+(HELP|TYPE)[ \t]*$/.test(line)) fail('expected a metric name after HELP or TYPE')
      return
    }
    const name = parts[2] ?? parts[3] ?? ''
    if (parts[2] === undefined && !/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name))
      fail(`${JSON.stringify(name)} is not a metric name`)
    const family = this.#open(name, fail)
    const text = parts[4] ?? ''
    if (keyword === 'HELP') {
      if (family.help !== undefined) fail(`a second HELP for ${name}`)
      family.help = text.replace(/\\([\\n"])/g, (_, character: string) => (character === 'n' ? '\n' : character))
    } else if (keyword === 'UNIT') family.unit = text
    else {
      const type = text.trim()
      if (family.type !== undefined) fail(`a second TYPE for ${name}`)
      if (family.samples.length > 0) fail(`TYPE of ${name} comes after its samples`)
      if (!types[this.#format].includes(type))
        fail(`${JSON.stringify(type)} is not a type; it is one of ${types[this.#format].join(', ')}`)
      family.type = type
    }
  }

  #open(name: string, fail: (problem: string) => never): OpenFamily {
    let family = this.#families.get(name)
    if (family === undefined) {
      family = { name, type: undefined, help: undefined, unit: undefined, samples: [] }
      this.#families.set(name, family)
    } else if (family !== this.#current && this.#format === 'openmetrics')
      fail(`the lines of ${name} do not stand together`)
    this.#current = family
    return family
  }

  #sample(sample: MetricSample, fail: (problem: string) => never): void {
    const family =
      this.#current !== undefined && belongs(sample.name, this.#current, this.#format)
        ? this.#current
        : this.#owner(sample.name, fail)
    this.#current = family
    if (family.type === 'histogram' && sample.name === `${family.name}_bucket` && sample.labels['le'] === undefined) {
      fail(`a bucket of ${family.name} has no label le`)
    }
    if (this.#format === 'openmetrics' && family.type === 'counter' && sample.name === family.name) {
      fail(`counter ${family.name} has to end with _total`)
    }
    family.samples.push(sample)
    this.#samples.push(sample)
  }

  #owner(name: string, fail: (problem: string) => never): OpenFamily {
    for (const family of this.#families.values()) {
      if (family.name !== name && belongs(name, family, this.#format)) return this.#open(family.name, fail)
    }
    return this.#open(name, fail)
  }
}

function belongs(name: string, family: OpenFamily, format: MetricsFormat): boolean {
  if (name === family.name) return true
  const table = format === 'prometheus' ? suffixes : openMetricsSuffixes
  return (table[family.type ?? ''] ?? []).some((suffix) => name === family.name + suffix)
}
