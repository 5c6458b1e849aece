import { closest } from '../../router/text/closest.ts'
import { ascendingBuckets, type Histogram, histogramOf, meanOf, quantileOf } from '../prometheus/metric-samples.ts'
import { isoTime, startOf } from '../prometheus/metric-values.ts'
import type { MetricSample } from '../types.ts'
import { shownFigure } from '../validation/deltas.ts'

// The view of a metrics page for a model: state, counts and the figures of each histogram, without the buckets.
//
//     vllm:num_requests_waiting 49
//     vllm:request_success_total{finished_reason="stop"} 685, {finished_reason="length"} 16
//     vllm:time_to_first_token_seconds count 790 sum 7395 mean 9.36 p50 ~8.3 p95 ~20 p99 ~20
//     Zero: vllm:prefix_cache_hits_total; vllm:request_success_total{finished_reason="abort"}, {finished_reason="error"}

/** The members of a result of `fetch_prometheus_metrics` that the view shows. */
export interface ShownPage {
  /** URL of the page; `null` if it is not known. */
  readonly endpoint: string | null
  /** Number of the page, from 1. Absent: the only page. */
  readonly page?: number
  /** Number of pages of the incident. Absent: one. */
  readonly page_count?: number
  /** Time of the scrape, ISO 8601. Absent: not known. */
  readonly time?: string
  /** Times of all pages, in order. Absent: one page, or many. */
  readonly page_times?: readonly string[]
  /** If the page is empty: the last page that the engine answered. Absent: none. */
  readonly last_answered_page?: number
  /** Parts of files that were left out. Absent: none. */
  readonly notes?: readonly string[]
  /** The page as scraped. */
  readonly raw_text: string
  /** Its samples; none if the engine did not answer. */
  readonly samples: readonly MetricSample[]
}

/**
 * The view of a metrics page: gauges, counters, and count, sum, mean and quantiles of each histogram. Series that are zero
 * and histograms without observations are only named.
 *
 * @param names parts of names. With them the view is those series as scraped, with all buckets.
 */
export function metricPageView(page: ShownPage, names: readonly string[] = []): string {
  const notes = (page.notes ?? []).map((note) => `Note: ${note}`)
  const body = names.length === 0 ? summary(page) : asScraped(page.raw_text, names)
  return [place(page), ...notes, ...body].join('\n')
}

/** Address, time and place of the page among all pages. */
function place({ endpoint, time, page, page_count: count = 1, page_times: times = [] }: ShownPage): string {
  const address = endpoint ?? 'Metrics page'
  const scraped = time === undefined ? '' : ` at ${time}`
  if (page === undefined || count === 1) return `${address}${scraped}.`
  const first = times[0] === undefined ? '' : `; page 1 is of ${times[0]}`
  return `${address}${scraped}: page ${page} of ${count}${first}.`
}

function summary(page: ShownPage): string[] {
  const { samples, page: number = 1 } = page
  if (samples.length === 0) return [unanswered(page)]
  const common = commonLabels(samples)
  const families = familiesOf(samples).sort((a, b) => rank(a.name) - rank(b.name))
  const hasEngine = samples.some(({ name }) => name.startsWith('vllm:'))
  const shown = families.filter(({ name }) => !chatter.test(name) && !(hasEngine && httpTimes.test(name)))
  const plain = (kind: Family['kind']) => shown.filter((family) => family.kind === kind).map((one) => line(one, common))
  const gauges = plain('gauge')
  const counters = plain('counter')
  const distributions = shown.filter(({ kind }) => kind === 'distribution').map(distributionOf)
  const zero = [...gauges, ...counters].flatMap((one) => one.zero)
  const empty = distributions.filter(({ figures }) => figures === undefined).map(({ name }) => name)
  const start = startOf(samples)
  const labels = Object.entries(common).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return [
    ...(hasEngine ? [] : [withoutStatistics]),
    ...(labels.length === 0 ? [] : [`All series of vLLM have ${labels.join(', ')}.`]),
    ...section('Gauges, at the time of the page', texts(gauges)),
    ...section(
      `Counters and histograms count since ${start === undefined ? 'the start of the process' : isoTime(start)}`,
      texts(counters),
    ),
    ...section('Histograms (~: estimated from buckets)', distributionLines(distributions)),
    ...(zero.length === 0 ? [] : [`Zero: ${zero.join('; ')}`]),
    ...(empty.length === 0 ? [] : [`Without observations: ${empty.join(', ')}`]),
    `Left out: buckets, _created, python_*, ${hasEngine ? 'sizes and times' : 'sizes'} of HTTP messages, options that are not used. Give names to see series in full; #/samples and #/raw_text of this result are complete.`,
    ...(number > 1
      ? ['To see what changed, fetch an earlier page and pass both pages to analyze_metrics (earlier_samples).']
      : []),
  ]
}

const withoutStatistics =
  'The page has no vllm: metrics: the engine was started with --disable-log-stats, or this is another server.'

/** A page without samples is one that nobody answered. */
function unanswered({ page_count: count, page_times: times, last_answered_page: last }: ShownPage): string {
  const nothing = 'The page is empty: the engine did not answer, so there are no samples to analyse.'
  if (last === undefined) return `${nothing}${(count ?? 1) > 1 ? ' It answered on no earlier page.' : ''}`
  const time = times?.[last - 1]
  return `${nothing} It last answered on page ${last}${time === undefined ? '' : `, of ${time}`}: fetch that with page.`
}

/** Families that say nothing about serving. */
const chatter =
  /^python_|^process_(?:virtual_memory_bytes|max_fds|start_time_seconds)$|^http_re(?:quest|sponse)_size_bytes$/

/** The server's own times, in wide buckets. Those of the engine say more. */
const httpTimes = /^http_request_duration_/

/** The metrics of vLLM come first. */
function rank(name: string): number {
  return name.startsWith('vllm:') ? 0 : name.startsWith('http_') ? 1 : 2
}

/** All series of one metric. */
interface Family {
  readonly name: string
  readonly kind: 'gauge' | 'counter' | 'distribution'
  readonly samples: MetricSample[]
}

/** The families of a page in its order, without start times. */
function familiesOf(samples: readonly MetricSample[]): Family[] {
  const names = new Set(samples.map(({ name }) => name))
  const families = new Map<string, Family>()
  for (const sample of samples) {
    if (sample.name.endsWith('_created')) continue
    const stem = sample.name.replace(/_(?:bucket|count|sum)$/, '')
    const isPart = stem !== sample.name && names.has(`${stem}_count`) && names.has(`${stem}_sum`)
    const name = isPart ? stem : sample.name
    const kind = isPart ? 'distribution' : name.endsWith('_total') ? 'counter' : 'gauge'
    const family = families.get(name) ?? { name, kind, samples: [] }
    family.samples.push(sample)
    families.set(name, family)
  }
  return [...families.values()]
}

/** Labels of which a page has one value only. They are said once. */
function commonLabels(samples: readonly MetricSample[]): Readonly<Record<string, string>> {
  const found = ['engine', 'model_name'].flatMap((label) => {
    const values = new Set(samples.flatMap(({ labels }) => labels[label] ?? []))
    const [value] = values
    return values.size === 1 && value !== undefined ? [[label, value] as const] : []
  })
  return Object.fromEntries(found)
}

/** More series of one family are counted. */
const listedSeries = 12

/** The series of a gauge or counter. */
interface Line {
  /** The series that are not zero; `undefined` if all are. */
  readonly text: string | undefined
  /** The series that are zero: the family, or its series with their labels. */
  readonly zero: readonly string[]
}

function line({ name, samples }: Family, common: Readonly<Record<string, string>>): Line {
  const groups = byOtherLabels(samples, common)
  const texts = groups.filter(isNotZero).map(([labels, series]) => `${labels}${valuesText(series)}`)
  if (texts.length === 0) return { text: undefined, zero: [name] }
  const zero = groups.filter((group) => !isNotZero(group)).map(([labels]) => labels)
  return {
    text: `${name}${listed(texts).join(', ')}`,
    zero: zero.length === 0 ? [] : [`${name}${listed(zero).join(', ')}`],
  }
}

function listed(series: readonly string[]): string[] {
  const more = series.length - listedSeries
  return more > 0 ? [...series.slice(0, listedSeries), `and ${more} more series`] : [...series]
}

/** Series of the same labels besides the engine. */
type Group = readonly [labels: string, series: readonly MetricSample[]]

/** Groups series that only differ in their engine. Labels that are common to the page are left out. */
function byOtherLabels(samples: readonly MetricSample[], common: Readonly<Record<string, string>>): Group[] {
  const groups = new Map<string, MetricSample[]>()
  for (const sample of samples) {
    const isInfo = sample.name.endsWith('_info')
    const shown = Object.entries(sample.labels).filter(
      ([name, text]) => name !== 'engine' && !Object.hasOwn(common, name) && !(isInfo && isUnset(name, text)),
    )
    const key =
      shown.length === 0 ? '' : `{${shown.map(([name, text]) => `${name}=${JSON.stringify(text)}`).join(',')}}`
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  return [...groups]
}

/** Whether a label of an info series says that an option is not used. */
function isUnset(name: string, text: string): boolean {
  return /^(?:None|none|auto|set\(\))$/.test(text) || (text === 'False' && !name.startsWith('enable_'))
}

function isNotZero([, series]: Group): boolean {
  return series.some(({ value }) => value !== 0)
}

/** The value, or those of several engines. The facts of an info series are its labels, and its value is always 1. */
function valuesText(series: readonly MetricSample[]): string {
  const [first, ...others] = series
  if (first === undefined) return ''
  const isSame = others.every(({ value }) => value === first.value)
  const each = others.length === 0 ? '' : ` on each of ${series.length} engines`
  if (isSame) return `${first.name.endsWith('_info') ? '' : ` ${valueText(first)}`}${each}`
  return ` engine ${series.map((sample) => `${sample.labels['engine']}: ${valueText(sample)}`).join(', ')}`
}

function valueText({ value }: MetricSample): string {
  return typeof value === 'number' ? String(shownFigure(value)) : value
}

function texts(lines: readonly Line[]): string[] {
  return lines.flatMap(({ text }) => text ?? [])
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines]
}

/** A histogram or summary. */
interface ShownDistribution {
  readonly name: string
  /** `undefined` without observations. */
  readonly figures: string | undefined
}

/** Sums all series of a family. The engines of a server are shown one by one, too, where the family is a time. */
function distributionOf({ name, samples }: Family): ShownDistribution {
  const whole = histogramOf(samples, name)
  if (whole === undefined || whole.count === 0) return { name, figures: undefined }
  const engines = [...new Set(samples.flatMap(({ labels }) => labels['engine'] ?? []))]
  const means = engines.map((engine) => {
    const mean = meanOf(
      histogramOf(
        samples.filter(({ labels }) => labels['engine'] === engine),
        name,
      ),
    )
    return `${engine}: ${mean === null ? 'none' : shownFigure(mean)}`
  })
  const byEngine = engines.length > 1 && name.endsWith('_seconds') ? `; mean of engine ${means.join(', ')}` : ''
  return { name, figures: figuresText(whole) + byEngine }
}

function figuresText(histogram: Histogram): string {
  const mean = meanOf(histogram)
  const { count, sum } = histogram
  const exact = [`count ${count} sum ${shownFigure(sum)}`, ...(mean === null ? [] : [`mean ${shownFigure(mean)}`])]
  return [...exact, ...quantilesText(histogram)].join(' ')
}

function quantilesText(histogram: Histogram): string[] {
  const buckets = ascendingBuckets(histogram)
  const only = buckets.findIndex(({ cumulative }) => cumulative > 0)
  const { upper, cumulative } = buckets[only] ?? {}
  // Nothing can be said of the observations of one bucket but its limits.
  if (upper !== undefined && Number.isFinite(upper) && cumulative === buckets.at(-1)?.cumulative) {
    const lower = buckets[only - 1]?.upper
    return [lower === undefined ? `all up to ${upper}` : `all between ${lower} and ${upper}`]
  }
  return [50, 95, 99].flatMap((percent) => {
    const value = quantileOf(histogram, percent / 100)
    if (value === null) return []
    return [`p${percent} ${typeof value === 'number' ? `~${shownFigure(value)}` : value}`]
  })
}

/** Times first, because a diagnosis begins with them. Histograms with the same figures share a line. */
function distributionLines(distributions: readonly ShownDistribution[]): string[] {
  const names = new Map<string, string[]>()
  const isTime = ({ name }: ShownDistribution) => name.startsWith('vllm:') && name.endsWith('_seconds')
  const sorted = distributions.toSorted((a, b) => Number(isTime(b)) - Number(isTime(a)))
  for (const { name, figures } of sorted) {
    if (figures !== undefined) names.set(figures, [...(names.get(figures) ?? []), name])
  }
  return [...names].map(([figures, equal]) => `${equal.join(' = ')} ${figures}`)
}

/** The lines of the page whose metric has one of the names in its own. */
function asScraped(text: string, names: readonly string[]): string[] {
  const lines = text.split(/\r?\n/).filter((one) => one !== '' && !one.startsWith('#'))
  const nameOf = (one: string) => /^[^\s{]+/.exec(one)?.[0] ?? ''
  const all = [...new Set(lines.map(nameOf))]
  const wanted = (name: string) => names.some((part) => name.toLowerCase().includes(part.toLowerCase()))
  const missing = names.filter((part) => !all.some((name) => name.toLowerCase().includes(part.toLowerCase())))
  const problems = missing.map((part) => {
    const meant = closest(part, all)
    return `No metric of the page has "${part}" in its name.${meant === undefined ? '' : ` Did you mean "${meant}"?`}`
  })
  return [...problems, ...lines.filter((one) => wanted(nameOf(one)))]
}
