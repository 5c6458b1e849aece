import { defineTool } from '../router/define-tool.ts'
import { MismatchError, UnknownPageError } from './errors.ts'
import { parseMetricsPage } from './prometheus/parse-metrics-page.ts'
import { pagesOfWindow } from './prometheus/vllm-page.ts'
import {
  builtInScenarios,
  type Incident,
  type IncidentPage,
  incidentOf,
  notesAbout,
  type ScenarioSource,
} from './scenario-source.ts'
import { notesSchema, pureAnnotations, samplesSchema, scenarioProperty } from './schemas/common.ts'
import type { MetricSample } from './types.ts'
import { metricPageView } from './views/metric-page.ts'

/** Times of a longer series are not listed, because a result must be short. */
const listedPages = 40

/**
 * The tool `fetch_prometheus_metrics`: the metrics page of the engine at the end of the incident, raw and parsed, or an
 * earlier page. A simulated incident has a page for each minute of its window. The model is shown the figures of the page,
 * see {@link metricPageView}.
 *
 * It fails with `UnknownPageError` if the incident has no page with the given number or time.
 */
export const createFetchPrometheusMetrics = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'fetch_prometheus_metrics',
    title: 'Fetch Prometheus metrics',
    description:
      'Shows the /metrics page of vLLM at the end of the incident: gauges, counters, and count, mean and quantiles of ' +
      'histograms. An engine that is down exposes nothing. Pass its samples to analyze_metrics; with those of an earlier ' +
      'page as earlier_samples it analyses the time between them.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      properties: {
        scenario: scenarioProperty,
        endpoint: { type: 'string', minLength: 1, description: 'Only repeated in the result.' },
        page: { type: 'integer', minimum: 1, description: '1 is the earliest page. Default: the last.' },
        time: { type: 'string', format: 'date-time', description: 'The last page until this time, instead of page.' },
        names: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          writeOnly: true,
          description: 'Show the series with these words in their names in full, with buckets.',
        },
      },
    },
    outputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['endpoint', 'raw_text', 'samples'],
      properties: {
        endpoint: { type: ['string', 'null'], description: 'URL of the page; null if no file states it.' },
        page: {
          type: 'integer',
          minimum: 1,
          description: 'Number of this page. Absent: the only page, of unknown time.',
        },
        page_count: { type: 'integer', minimum: 1, description: 'Number of pages of the incident.' },
        time: { type: 'string', format: 'date-time', description: 'Time of the scrape.' },
        page_times: {
          type: 'array',
          description: `Times of all pages, in order. Absent with one page and with more than ${listedPages}.`,
          items: { type: 'string', format: 'date-time' },
        },
        last_answered_page: {
          type: 'integer',
          minimum: 1,
          description: 'If this page is empty: the last page before it that the engine answered. Absent: none.',
        },
        notes: notesSchema,
        raw_text: { type: 'string', description: 'Prometheus text format 0.0.4.' },
        samples: samplesSchema,
      },
    },
    annotations: pureAnnotations,
    // The endpoint is only echoed: an incident has the pages of one engine. The names only change the view.
    execute: ({ scenario, endpoint: given, page, time }) => {
      const incident = incidentOf(scenarios, scenario)
      // No file of an incident folder states from where its pages were scraped.
      const endpoint = given ?? ('observation' in incident ? null : 'http://vllm:8000/metrics')
      const { text, timeMs, ...place } = chosenPage(pagesOf(incident), page, time)
      const { raw_text, samples } = scrape(incident, text)
      const notes = notesAbout(incident, 'metrics')
      // The short members come first, because the end of a long result may be clipped.
      return { endpoint, ...place, ...notes, raw_text, samples: samples.map((sample) => withTime(sample, timeMs)) }
    },
    toContent: (result, { names }) => metricPageView(result, names),
    readMore: 'names with fewer families',
  })

/** {@link createFetchPrometheusMetrics} for the built-in scenarios. */
export const fetchPrometheusMetrics = createFetchPrometheusMetrics(builtInScenarios)

/** The pages that were written for simulated incidents. */
const written = new WeakMap<Incident, readonly IncidentPage[]>()

/**
 * The pages of an incident: those that were kept, or those that the simulation writes. A stored page that is not that of the
 * simulation has no earlier ones. None: only the stored page, of unknown time.
 */
function pagesOf(incident: Incident): readonly IncidentPage[] {
  if (incident.pages !== undefined || !('scenario' in incident)) return incident.pages ?? []
  let pages = written.get(incident)
  if (pages === undefined) {
    const simulated = pagesOfWindow(incident.scenario)
    const stored = incident.metricsPage()
    pages = stored === undefined || stored === simulated.at(-1)?.text ? simulated : []
    written.set(incident, pages)
  }
  return pages
}

/** A page and its place among all pages of the incident. Nothing is known about an only page without a time. */
interface ChosenPage {
  readonly text?: string
  readonly timeMs?: number
  readonly page?: number
  readonly page_count?: number
  readonly time?: string
  readonly page_times?: string[]
  readonly last_answered_page?: number
}

/** The page that was asked for, and its place among all pages. Without pages it has no text: it is the stored one. */
function chosenPage(pages: readonly IncidentPage[], page: number | undefined, time: string | undefined): ChosenPage {
  if (page !== undefined && time !== undefined) throw new MismatchError('page and time: pass one of them, not both.')
  const count = Math.max(1, pages.length)
  const number = page ?? (time === undefined ? count : lastUntil(pages, Date.parse(time)))
  const chosen = pages[number - 1]
  if (number > count || number < 1 || (chosen === undefined && time !== undefined)) {
    throw new UnknownPageError(
      `${page === undefined ? `time ${time}: there is no page until then` : `page ${page} does not exist`}. ` +
        `The incident has ${count === 1 ? 'one page' : `${count} pages, numbered from 1`}${timesOf(pages)}.`,
    )
  }
  if (chosen === undefined) return {}
  const answered = chosen.text === '' ? pages.slice(0, number).findLastIndex(({ text }) => text !== '') : -1
  return {
    text: chosen.text,
    timeMs: chosen.timeMs,
    page: number,
    page_count: count,
    time: isoTime(chosen),
    ...(count === 1 || count > listedPages ? {} : { page_times: pages.map(isoTime) }),
    ...(answered < 0 ? {} : { last_answered_page: answered + 1 }),
  }
}

function lastUntil(pages: readonly IncidentPage[], time: number): number {
  return pages.filter(({ timeMs }) => timeMs <= time).length
}

function timesOf(pages: readonly IncidentPage[]): string {
  const [first, last] = [pages[0], pages.at(-1)]
  if (first === undefined || last === undefined) return ' without a time'
  return first === last ? `, of ${isoTime(first)}` : `, of ${isoTime(first)} to ${isoTime(last)}`
}

function isoTime({ timeMs }: IncidentPage): string {
  return new Date(timeMs).toISOString()
}

/** `analyze_metrics` computes rates with the times of the samples. A page states none; its time is known from its file. */
function withTime(sample: MetricSample, timeMs: number | undefined): MetricSample {
  return timeMs === undefined || sample.timestamp_ms !== undefined ? sample : { ...sample, timestamp_ms: timeMs }
}

/** One metrics page, raw and parsed. */
interface Scrape {
  readonly raw_text: string
  readonly samples: readonly MetricSample[]
}

/** Parsing a page is too slow to repeat for each call. */
const scrapes = new WeakMap<Incident, Map<string | undefined, Scrape>>()

/** A page by its text; without a text the stored page of the incident. */
function scrape(incident: Incident, text: string | undefined): Scrape {
  const known = scrapes.get(incident) ?? new Map<string | undefined, Scrape>()
  scrapes.set(incident, known)
  let page = known.get(text)
  if (page === undefined) {
    const raw_text = text ?? incident.metricsPage() ?? ''
    page = { raw_text, samples: parseMetricsPage(raw_text).samples }
    known.set(text, page)
  }
  return page
}
