import type { Scenario } from '../../fixtures/scenario.ts'
import { Distribution } from '../simulation/distribution.ts'
import type { SimulatedWindow } from '../simulation/window.ts'
import type { PageWriter } from './page-writer.ts'

/** Input of {@link writeHttpMetrics}. */
interface HttpMetricsInput {
  readonly scenario: Scenario
  /** The simulation of the scenario. */
  readonly window: SimulatedWindow
  /** Start of the HTTP server, in Unix seconds. */
  readonly createdAt: number
}

/** The route of all requests. */
const handler = '/v1/chat/completions'

/**
 * Writes the `http_*` families of `prometheus_fastapi_instrumentator`, which vLLM's server has with or without statistics
 * of the engine.
 *
 * Requests are counted when their connection closes. All answers are streams: their status is 200 as soon as they begin,
 * even if the client disconnects later, and they have no content length. Sizes in bytes are estimates; nothing depends
 * on them.
 */
export function writeHttpMetrics(page: PageWriter, { scenario, window, createdAt }: HttpMetricsInput): void {
  const { counts, observed } = window
  const streams = counts.stopped + counts.cutByLength + counts.aborted
  const handled = streams + counts.refused
  const statuses: [status: string, count: number][] = [
    ['2xx', streams],
    ['4xx', counts.refused],
  ]
  const durations = new Distribution()
  durations.addAll(observed.e2e)
  durations.add(scenario.load.client_timeout_s ?? 0, counts.aborted)
  durations.add(refusalS, counts.refused)
  const promptBytes = bytesPerToken * (observed.promptTokens.sum / Math.max(1, observed.promptTokens.count))
  const requestBytes = Math.round(handled * (requestOverheadBytes + promptBytes))
  // Series with labels appear with the first answer.
  const firstAt = Date.parse(scenario.window.start) / 1000 + (window.finished[0]?.atS ?? 0)
  page.counter(
    'http_requests',
    'Total number of requests by method, status and handler.',
    statuses.flatMap(([status, count]) => (count === 0 ? [] : [[{ handler, method: 'POST', status }, count] as const])),
    firstAt,
  )
  const header = 'Only value of header is respected. Otherwise ignored. No percentile calculated. '
  page.summary(
    'http_request_size_bytes',
    `Content length of incoming requests by handler. ${header}`,
    handled === 0 ? undefined : [{ handler }, handled, requestBytes],
    firstAt,
  )
  page.summary(
    'http_response_size_bytes',
    `Content length of outgoing responses by handler. ${header}`,
    handled === 0 ? undefined : [{ handler }, handled, counts.refused * refusalBytes],
    firstAt,
  )
  page.histogram(
    'http_request_duration_highr_seconds',
    'Latency with many buckets but no API specific labels. Made for more accurate percentile calculations. ',
    fineBuckets,
    [[{}, durations]],
    createdAt,
  )
  page.histogram(
    'http_request_duration_seconds',
    'Latency with only few buckets by handler. Made to be only used if aggregation by handler is important. ',
    coarseBuckets,
    handled === 0 ? [] : [[{ handler, method: 'POST' }, durations]],
    firstAt,
  )
}

/** Bytes of JSON per prompt token of English text. */
const bytesPerToken = 4.5
/** Bytes of a request besides its prompt. */
const requestOverheadBytes = 180
/** Bytes of the error that refuses a request. */
const refusalBytes = 289
/** Time until a request that is too long is refused, in seconds. */
const refusalS = 0.004

/** Limits of the buckets without `+Inf`, in seconds. */
const fineBuckets = [0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30, 60]
const coarseBuckets = [0.1, 0.5, 1]
