import { defineTool } from '../router/define-tool.ts'
import { parseMetricsPage } from './prometheus/parse-metrics-page.ts'
import { vllmPage } from './prometheus/vllm-page.ts'
import { builtInScenarios, type Incident, type ScenarioSource } from './scenario-source.ts'
import { pureAnnotations, samplesSchema, scenarioProperty } from './schemas/common.ts'
import type { MetricSample } from './types.ts'

/** The tool `fetch_prometheus_metrics`: the metrics page of the engine at the end of the incident, raw and parsed. */
export const createFetchPrometheusMetrics = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'fetch_prometheus_metrics',
    title: 'Fetch Prometheus metrics',
    description:
      "Returns vLLM's /metrics page at the end of the incident window, raw and parsed. Counters and histograms are cumulative " +
      'since the window began. An engine that is down exposes nothing; an engine without statistics exposes no vllm metrics. ' +
      'Pass samples to analyze_metrics.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['scenario'],
      properties: {
        scenario: scenarioProperty,
        endpoint: {
          type: 'string',
          minLength: 1,
          description: 'URL of the page. Default http://vllm:8000/metrics.',
        },
      },
    },
    outputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['endpoint', 'raw_text', 'samples'],
      properties: {
        endpoint: { type: 'string' },
        raw_text: { type: 'string', description: 'Prometheus text format 0.0.4.' },
        samples: samplesSchema,
      },
    },
    annotations: pureAnnotations,
    // The endpoint is only echoed: the fixtures contain one page per scenario.
    execute: ({ scenario, endpoint = 'http://vllm:8000/metrics' }) => {
      const { raw_text, samples } = scrape(scenarios.load(scenario))
      return { endpoint, raw_text, samples: [...samples] }
    },
  })

/** {@link createFetchPrometheusMetrics} for the built-in scenarios. */
export const fetchPrometheusMetrics = createFetchPrometheusMetrics(builtInScenarios)

/** One metrics page, raw and parsed. */
interface Scrape {
  readonly raw_text: string
  readonly samples: readonly MetricSample[]
}

/** Writing and parsing a page is too slow to repeat for each call. */
const scrapes = new WeakMap<Incident, Scrape>()

/** The stored page of the incident if there is one, otherwise the page that the simulation writes. */
function scrape(incident: Incident): Scrape {
  let page = scrapes.get(incident)
  if (page === undefined) {
    const raw_text = incident.metricsPage() ?? ('scenario' in incident ? vllmPage(incident.scenario) : '')
    page = { raw_text, samples: parseMetricsPage(raw_text).samples }
    scrapes.set(incident, page)
  }
  return page
}
