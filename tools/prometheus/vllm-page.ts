import type { Scenario } from '../../fixtures/scenario.ts'
import { seededRandom } from '../simulation/requests.ts'
import { simulate } from '../simulation/simulate.ts'
import { writeEngineMetrics } from './engine-metrics.ts'
import { writeHttpMetrics } from './http-metrics.ts'
import { PageWriter } from './page-writer.ts'
import { writeProcessMetrics } from './process-metrics.ts'

/**
 * Writes the metrics page of vLLM V1 at the end of the scenario's window, in text format 0.0.4: the process, the engine
 * with the families of the scenario's version, and the HTTP server.
 *
 * The engine serves its first request when the window opens, so totals are sums over the window. The page of an engine
 * that is down is empty. An engine that was started with `--disable-log-stats` exposes no `vllm:` families.
 */
export function vllmPage(scenario: Scenario): string {
  const window = simulate(scenario)
  if (!window.engine.up) return ''
  const page = new PageWriter()
  const { started, metricsCreated, serverStarted } = startupOf(scenario)
  const at = (secondsBefore: number) => Date.parse(scenario.window.start) / 1000 - secondsBefore
  const { counts, end } = window
  writeProcessMetrics(page, {
    startedAt: at(started),
    requests: counts.stopped + counts.cutByLength,
    outputTokens: counts.generationTokens,
    connections: end.running + end.waiting,
  })
  if (!window.notObserved.has('engine')) writeEngineMetrics(page, { scenario, window, createdAt: at(metricsCreated) })
  writeHttpMetrics(page, { scenario, window, createdAt: at(serverStarted) })
  return page.text()
}

/** Seconds between two scrapes of a simulated engine. */
const scrapeIntervalS = 60

/** A metrics page with the time of its scrape. */
interface ScrapedPage {
  /** In Unix milliseconds. */
  readonly timeMs: number
  /** The page. It is written when it is first read. */
  readonly text: string
}

/**
 * The pages of a simulated engine: one for each minute of the window, and the last one at its end.
 *
 * A page in the window is that of a simulation that ends there. With the layers of a sliding window the size of the KV cache
 * depends a little on the requests that arrive later, so its usage can differ by 1 %.
 */
export function pagesOfWindow(scenario: Scenario): readonly ScrapedPage[] {
  const { start, duration_s } = scenario.window
  const count = Math.max(1, Math.ceil(duration_s / scrapeIntervalS))
  return Array.from({ length: count }, (_, index) => {
    const atS = Math.min(duration_s, (index + 1) * scrapeIntervalS)
    let text: string | undefined
    return {
      timeMs: Date.parse(start) + atS * 1000,
      get text() {
        text ??= pageAt(scenario, atS)
        return text
      },
    }
  })
}

function pageAt(scenario: Scenario, atS: number): string {
  const { window } = scenario
  if (atS === window.duration_s) return vllmPage(scenario)
  // A dead engine does not answer, and the whole window is known already.
  const { downAtS } = simulate(scenario).engine
  if (downAtS !== undefined && downAtS < atS) return ''
  return vllmPage({ ...scenario, window: { ...window, duration_s: atS } })
}

/** When the parts of the server start, in seconds before the window opens, and how long two parts of it take. */
export interface StartupTimes {
  /** The process starts. */
  readonly started: number
  /** It writes its first line. */
  readonly firstLine: number
  /** Loading the weights takes this long, in seconds. */
  readonly loadS: number
  /** Profiling, compilation and warm-up of the engine take this long, in seconds. */
  readonly initS: number
  /** The engine core is ready, so the metrics of the engine exist. */
  readonly metricsCreated: number
  /** The HTTP server starts. */
  readonly serverStarted: number
}

/**
 * The start of a scenario's server, the same in every run. Durations differ between scenarios as they do between nodes.
 * The logs of the scenarios agree with it.
 */
export function startupOf({ load }: Scenario): StartupTimes {
  const random = seededRandom(load.seed ^ 0x57a7)
  const between = (low: number, high: number) => Math.round((low + random() * (high - low)) * 100) / 100
  const serverStarted = between(14, 34)
  const loadS = between(36, 66)
  const initS = between(64, 84)
  const metricsCreated = serverStarted + 4.4
  const firstLine = metricsCreated + secondsBeforeLoad + loadS + initS
  const tenths = (seconds: number) => Math.round(seconds * 10) / 10
  return {
    started: tenths(firstLine + between(6, 11)),
    firstLine: tenths(firstLine),
    loadS,
    initS,
    metricsCreated: tenths(metricsCreated),
    serverStarted: tenths(serverStarted),
  }
}

/** From the first line to the first read of the weights: imports, processes of the engine, and collectives. */
const secondsBeforeLoad = 26
