import { defineTool } from '../router/define-tool.ts'
import { MismatchError, UnknownPageError } from './errors.ts'
import { parseMetricsPage } from './prometheus/parse-metrics-page.ts'
import { vllmPage } from './prometheus/vllm-page.ts'
import {
  builtInScenarios,
  type Incident,
  type IncidentPage,
  notesAbout,
  type ScenarioSource,
} from './scenario-source.ts'
import { notesSchema, pureAnnotations, samplesSchema, scenarioProperty } from './schemas/common.ts'
import type { MetricSample } from './types.ts'

/** Times of a longer series are not listed, because a result must be short. */
const listedPages = 40

/**
 * The tool `fetch_prometheus_metrics`: the metrics page of the engine at the end of the incident, raw and parsed, or an
 * earlier page of an incident that has several.
 *
 * It fails with `UnknownPageError` if the incident has no page with the given number or time.
 */
export const createFetchPrometheusMetrics = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'fetch_prometheus_metrics',
    title: 'Fetch Prometheus metrics',
    description:
      "Returns vLLM's /metrics page at the end of the incident window, raw and parsed. Counters and histograms are cumulative " +
      'since the window began. An engine that is down exposes nothing; an engine without statistics exposes no vllm metrics. ' +
      'Pass samples to analyze_metrics. Where page_count is above 1, fetch page 1, too, and pass its samples to ' +
      'analyze_metrics as earlier_samples.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['scenario'],
      properties: {
        scenario: scenarioProperty,
        endpoint: {
          type: 'string',
          minLength: 1,
          description: 'URL of the page. It is only repeated in the result. Default: that of the incident, if known.',
        },
        page: { type: 'integer', minimum: 1, description: 'Number of a page, 1 for the earliest. Default: the last.' },
        time: { type: 'string', format: 'date-time', description: 'The last page until this time, instead of page.' },
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
        notes: notesSchema,
        raw_text: { type: 'string', description: 'Prometheus text format 0.0.4.' },
        samples: samplesSchema,
      },
    },
    annotations: pureAnnotations,
    // The endpoint is only echoed: an incident has the pages of one engine.
    execute: ({ scenario, endpoint: given, page, time }) => {
      const incident = scenarios.load(scenario)
      // No file of an incident folder states from where its pages were scraped.
      const endpoint = given ?? ('observation' in incident ? null : 'http://vllm:8000/metrics')
      const { text, timeMs, ...place } = chosenPage(incident, page, time)
      const { raw_text, samples } = scrape(incident, text)
      const notes = notesAbout(incident, 'metrics')
      // The short members come first, because the middle of a long result is clipped for the model.
      return { endpoint, ...place, ...notes, raw_text, samples: samples.map((sample) => withTime(sample, timeMs)) }
    },
  })

/** {@link createFetchPrometheusMetrics} for the built-in scenarios. */
export const fetchPrometheusMetrics = createFetchPrometheusMetrics(builtInScenarios)

/** A page and its place among all pages of the incident. Nothing is known about an only page without a time. */
interface ChosenPage {
  readonly text?: string
  readonly timeMs?: number
  readonly page?: number
  readonly page_count?: number
  readonly time?: string
  readonly page_times?: string[]
}

/** The page that was asked for, and its place among all pages. The incident's last page has no text of its own here. */
function chosenPage(incident: Incident, page: number | undefined, time: string | undefined): ChosenPage {
  if (page !== undefined && time !== undefined) throw new MismatchError('page and time: pass one of them, not both.')
  const { pages = [] } = incident
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
  return {
    text: chosen.text,
    timeMs: chosen.timeMs,
    page: number,
    page_count: count,
    time: isoTime(chosen),
    ...(count === 1 || count > listedPages ? {} : { page_times: pages.map(isoTime) }),
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

/** Writing and parsing a page is too slow to repeat for each call. */
const scrapes = new WeakMap<Incident, Map<string | undefined, Scrape>>()

/** A page by its text; without a text the stored page of the incident, otherwise the page that the simulation writes. */
function scrape(incident: Incident, text: string | undefined): Scrape {
  const known = scrapes.get(incident) ?? new Map<string | undefined, Scrape>()
  scrapes.set(incident, known)
  let page = known.get(text)
  if (page === undefined) {
    const raw_text = text ?? incident.metricsPage() ?? ('scenario' in incident ? vllmPage(incident.scenario) : '')
    page = { raw_text, samples: parseMetricsPage(raw_text).samples }
    known.set(text, page)
  }
  return page
}
