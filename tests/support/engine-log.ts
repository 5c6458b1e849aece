import type { Scenario } from '../../fixtures/scenario.ts'
import { compareVersions } from '../../tools/arguments/version.ts'
import { startupOf } from '../../tools/prometheus/vllm-page.ts'
import type { DraftCounts } from '../../tools/simulation/draft-acceptance.ts'
import { windowOfEngine } from '../../tools/simulation/engine-windows.ts'
import { seededRandom } from '../../tools/simulation/requests.ts'
import { simulate } from '../../tools/simulation/simulate.ts'
import { type Interval, intervalSeconds, type SimulatedWindow } from '../../tools/simulation/window.ts'
import { api } from './engine-process.ts'
import { engineLine, type LogLine } from './log-line.ts'
import { placeOf } from './log-places.ts'
import { startupLog } from './startup-log.ts'

/** Options of {@link engineLog}. */
export interface EngineLogOptions {
  /** Number of requests per line of the access log. Default 4. */
  readonly accessEvery?: number
}

/**
 * vLLM's stats line (`vllm/v1/metrics/loggers.py`) of one interval. It contains preemptions since 0.12, counts only
 * computed prompt tokens since 0.16, shows requests that wait for a transfer since 0.20, and leaves out the hit rate of an unused cache since 0.31.
 */
export function statsText(interval: Interval, { counts }: SimulatedWindow, version: string, engine = 0): string {
  const since = (first: string) => compareVersions(version, first) >= 0
  const rate = (tokens: number) => `${(tokens / intervalSeconds).toFixed(1)} tokens/s`
  const percent = (share: number) => `${(share * 100).toFixed(1)}%`
  const promptTokens = interval.promptTokens - (since('0.16.0') ? interval.cachedPromptTokens : 0)
  const hitRate = counts.prefixQueries === 0 ? 0 : counts.prefixHits / counts.prefixQueries
  const externalRate = counts.externalHits / Math.max(1, counts.externalQueries)
  const parts = [
    `Avg prompt throughput: ${rate(promptTokens)}`,
    `Avg generation throughput: ${rate(interval.generationTokens)}`,
    `Running: ${interval.running} reqs`,
    `Waiting: ${interval.waiting} reqs`,
    ...((interval.deferred ?? 0) > 0 && since('0.20.0') ? [`Deferred: ${interval.deferred} reqs`] : []),
    ...(interval.preemptions > 0 && since('0.12.0') ? [`Preemptions: ${interval.preemptions}`] : []),
    `GPU KV cache usage: ${percent(interval.kvUsage)}`,
    ...(counts.prefixQueries === 0 && since('0.31.0') ? [] : [`Prefix cache hit rate: ${percent(hitRate)}`]),
    ...(counts.externalQueries === 0 ? [] : [`External prefix cache hit rate: ${percent(externalRate)}`]),
  ]
  return `Engine ${String(engine).padStart(3, '0')}: ${parts.join(', ')}`
}

/** The line of `vllm/v1/spec_decode/metrics.py` about the drafts of one interval. */
export function draftsText({ drafts, draftTokens, acceptedTokens, acceptedPerPosition }: DraftCounts): string {
  const rates = acceptedPerPosition.map((count) => (count / drafts).toFixed(3))
  return (
    `SpecDecoding metrics: Mean acceptance length: ${(1 + acceptedTokens / drafts).toFixed(2)}, ` +
    `Accepted throughput: ${(acceptedTokens / intervalSeconds).toFixed(2)} tokens/s, ` +
    `Drafted throughput: ${(draftTokens / intervalSeconds).toFixed(2)} tokens/s, ` +
    `Accepted: ${acceptedTokens} tokens, Drafted: ${draftTokens} tokens, ` +
    `Per-position acceptance rate: ${rates.join(', ')}, ` +
    `Avg Draft acceptance rate: ${((acceptedTokens / draftTokens) * 100).toFixed(1)}%`
  )
}

/**
 * The intervals that the engine logs: not after its death, not without statistics, and not if no token was counted in it
 * and in the interval before.
 */
export function loggedIntervals({ timeline, engine, notObserved }: SimulatedWindow): readonly Interval[] {
  if (notObserved.has('engine')) return []
  const quiet = (interval: Interval | undefined) =>
    interval === undefined || interval.promptTokens + interval.generationTokens === 0
  return timeline.filter(
    (interval, index) =>
      interval.endS <= (engine.downAtS ?? Number.POSITIVE_INFINITY) && !(quiet(interval) && quiet(timeline[index - 1])),
  )
}

/** Time of the first line of the engine that serves in the window, in Unix milliseconds. */
export function launchOf(scenario: Scenario): number {
  return Date.parse(scenario.window.start) - startupOf(scenario).firstLine * 1000
}

/** Startup, stats and access lines of the engine, from the simulation. */
export function engineLog(scenario: Scenario, { accessEvery = 4 }: EngineLogOptions = {}): LogLine[] {
  const start = Date.parse(scenario.window.start)
  const window = simulate(scenario)
  const { vllm_version } = scenario.deployment
  const lines = startupLog(scenario, launchOf(scenario))
  const client = clients(scenario)
  const stats = placeOf(scenario, 'stats')
  const served = (time: number) =>
    lines.push({ time, text: `${api} INFO:     ${client()} - "POST /v1/chat/completions HTTP/1.1" 200 OK` })
  for (const [rank, engine] of window.engines.entries()) {
    const own = windowOfEngine(window, engine)
    for (const interval of loggedIntervals(own)) {
      const at = start + interval.endS * 1000
      lines.push(engineLine(at, api, stats, statsText(interval, own, vllm_version, rank)))
      if (interval.drafts === undefined || interval.drafts.drafts === 0) continue
      lines.push(engineLine(at, api, placeOf(scenario, 'drafts'), draftsText(interval.drafts)))
    }
  }
  for (const { atS } of window.finished.filter((_, index) => index % accessEvery === 0)) served(start + atS * 1000)
  return lines
}

/** Addresses of clients, the same in every run. */
export function clients(scenario: Scenario): () => string {
  const random = seededRandom(scenario.load.seed ^ 0x10c5)
  return () =>
    `10.42.${Math.floor(random() * 4)}.${2 + Math.floor(random() * 250)}:${32_768 + Math.floor(random() * 28_000)}`
}

/** Lines of the API server after the engine died: requests in flight fail, and it shuts down. They are all cascades. */
export function engineDeath(scenario: Scenario, time: number): LogLine[] {
  const { engine, timeline } = simulate(scenario)
  const before = timeline.findLast(({ endS }) => endS <= (engine.downAtS ?? 0))
  const client = clients(scenario)
  const dead =
    'vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.'
  const text = (line: string, after: number): LogLine => ({ time: time + after, text: `${api} INFO:     ${line}` })
  return [
    ...[
      'AsyncLLM output_handler failed.',
      'Traceback (most recent call last):',
      frame(placeOf(scenario, 'awaitOutput'), 'output_handler'),
      '    outputs = await engine_core.get_output_async()',
      frame(placeOf(scenario, 'raiseDead'), 'get_output_async'),
      '    raise self._format_exception(outputs) from None',
      dead,
    ].map((line) => engineLine(time + 300, api, placeOf(scenario, 'outputHandler'), line, 'ERROR')),
    ...Array.from({ length: before?.running ?? 0 }, () =>
      text(`${client()} - "POST /v1/chat/completions HTTP/1.1" 500 Internal Server Error`, 400),
    ),
    ...[
      'Shutting down',
      'Waiting for application shutdown.',
      'Application shutdown complete.',
      'Finished server process [1]',
    ].map((line) => text(line, 1500)),
  ]
}

/** The last line of the API server's traceback if the engine core does not start. */
export function initializationFailed(time: number): LogLine {
  const error = 'RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}'
  return { time, text: `${api} ${error}` }
}

/** A frame of a traceback in `vllm/v1/engine`. */
function frame(place: string, name: string): string {
  const [file, line] = place.split(':')
  return `  File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/${file}", line ${line}, in ${name}`
}
