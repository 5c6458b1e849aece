import { defineTool } from '../router/define-tool.ts'
import { analyzeSamples } from './analysis/analyze-samples.ts'
import { checkScrape, checkScrapes } from './analysis/check-scrapes.ts'
import { pureAnnotations, samplesSchema } from './schemas/common.ts'
import { metricsAnalysisSchema } from './schemas/metrics-analysis.ts'
import { telemetrySchema } from './schemas/telemetry.ts'
import { checkTelemetry } from './validation/validate.ts'
import { metricsAnalysisView } from './views/metrics-analysis.ts'

/**
 * The tool `analyze_metrics`. It fails with `MismatchError` if the telemetry contradicts itself, or if samples are of
 * several servers. A telemetry that contradicts the page is not used, and the result says so.
 */
export const analyzeMetrics = defineTool({
  name: 'analyze_metrics',
  title: 'Analyse metrics',
  description:
    'Where request time goes (queue, prefill, decode, other), quantiles, rates, and the hotspot with the values that led ' +
    'to it. With earlier_samples, for the time between two scrapes.',
  inputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['pre_telemetry', 'prometheus_samples'],
    properties: {
      pre_telemetry: { ...telemetrySchema, description: '{"$input":"pre_telemetry"}.' },
      prometheus_samples: { ...samplesSchema, description: '{"$result":"fetch_prometheus_metrics#/samples"}.' },
      earlier_samples: {
        ...samplesSchema,
        description: 'An earlier page. Name both pages by the ids of their calls: {"$result":"<call id>#/samples"}.',
      },
    },
  },
  outputSchema: metricsAnalysisSchema,
  annotations: pureAnnotations,
  toContent: metricsAnalysisView,
  execute: ({ pre_telemetry, prometheus_samples, earlier_samples }) => {
    checkTelemetry('pre_telemetry', pre_telemetry)
    checkScrape('prometheus_samples', prometheus_samples)
    if (earlier_samples !== undefined) {
      checkScrape('earlier_samples', earlier_samples)
      checkScrapes(earlier_samples, prometheus_samples)
    }
    return analyzeSamples(pre_telemetry, prometheus_samples, earlier_samples)
  },
})
