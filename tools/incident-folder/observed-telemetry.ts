import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { PagesError } from '../errors.ts'
import { telemetryFromPages } from '../prometheus/telemetry-from-pages.ts'
import type { Telemetry } from '../types.ts'
import { unobservedFigures } from '../unobserved.ts'
import { type FailedScrape, serverNotes } from './failed-scrape.ts'
import type { Slo } from './incident-document.ts'
import { type StoredPage, timedPage } from './metrics-pages.ts'

/** Objectives where the user states none. */
export const defaultSlo: Slo = { ttft_p95_s: 2, inter_token_p99_s: 0.2, served_ratio: 0.95 }

interface TelemetrySources {
  readonly id: string
  readonly deployment: DeploymentConfig
  readonly window: Scenario['window']
  readonly slo: Slo | undefined
  readonly pages: readonly StoredPage[]
  /** The pages since the last restart. */
  readonly run: readonly StoredPage[]
  readonly failedScrapes: readonly FailedScrape[]
}

/**
 * The telemetry of an incident of which only files are known: that of its pages. Without a page that gives figures, all
 * of them are in `missing`, and `notes` says why.
 */
export function observedTelemetry(sources: TelemetrySources): Telemetry {
  const { id, deployment, slo = defaultSlo, pages, run, failedScrapes } = sources
  const assumed = sources.slo === undefined ? ['No file states objectives, so the defaults of tenrounds are used.'] : []
  if (pages.length === 0) return withoutFigures(sources, [...assumed, 'The folder has no metrics page of the engine.'])
  try {
    const telemetry = telemetryFromPages((run.length < pages.length ? run : pages).map(timedPage), {
      slo,
      scenario: id,
      config_id: deployment.config_id,
    })
    const isAssumed = run.some(({ isFileTime }) => isFileTime)
    const notes = [
      ...serverNotes(pages, run, failedScrapes),
      ...(isAssumed ? [noRates] : []),
      ...(telemetry.notes ?? []),
      ...assumed,
    ]
    const down = failedScrapes.some(({ timeMs = 0 }) => timeMs > (pages.at(-1)?.timeMs ?? 0))
    return {
      ...telemetry,
      ...(isAssumed ? { window: windowOf(sources), throughput: unobservedFigures().throughput } : {}),
      health: {
        ...telemetry.health,
        ...(run.length < pages.length ? { restarts: 1 } : {}),
        ...(down ? { engine_up: false, reason: noAnswer } : {}),
      },
      ...(notes.length === 0 ? {} : { notes }),
    }
  } catch (error) {
    if (!(error instanceof PagesError)) throw error
    return withoutFigures(sources, [...assumed, `The pages give no figures: ${error.message}`])
  }
}

const noAnswer = 'The server did not answer the last scrape.'
const noRates =
  'The time of a page is that of its file, because its name has none. So the window is assumed, and there are no rates.'

function windowOf({ window }: TelemetrySources): Telemetry['window'] {
  const start = Date.parse(window.start)
  return {
    start: new Date(start).toISOString(),
    end: new Date(start + window.duration_s * 1000).toISOString(),
    duration_s: window.duration_s,
  }
}

function withoutFigures(sources: TelemetrySources, notes: string[]): Telemetry {
  const { id, deployment, slo, pages } = sources
  return {
    ...unobservedFigures(),
    scenario: id,
    phase: 'pre',
    config_id: deployment.config_id,
    window: windowOf(sources),
    slo: slo ?? defaultSlo,
    // An engine whose page was scraped was up then.
    health: {
      engine_up: pages.length > 0,
      healthy_workers: null,
      stuck_workers: null,
      ...(pages.length > 0 ? {} : { reason: 'Not observed: the folder has no metrics page of the engine.' }),
    },
    notes,
  }
}
