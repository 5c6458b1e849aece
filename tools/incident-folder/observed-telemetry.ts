import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import type { Telemetry } from '../types.ts'
import type { Slo } from './incident-document.ts'
import type { StoredPage } from './metrics-pages.ts'

/** Objectives where the user states none. */
export const defaultSlo: Slo = { ttft_p95_s: 2, inter_token_p99_s: 0.2, served_ratio: 0.95 }

interface TelemetrySources {
  readonly id: string
  readonly deployment: DeploymentConfig
  readonly window: Scenario['window']
  readonly slo: Slo | undefined
  readonly pages: readonly StoredPage[]
}

/** The telemetry of an incident of which only files are known. Its figures are in `missing`. */
export function telemetryOfPages({ id, deployment, window, slo, pages }: TelemetrySources): Telemetry {
  const start = Date.parse(window.start)
  const none = { count: 0, mean: null, p50: null, p95: null, p99: null }
  const reason = 'Not observed: the folder has no metrics page of the engine.'
  return {
    scenario: id,
    phase: 'pre',
    config_id: deployment.config_id,
    window: {
      start: new Date(start).toISOString(),
      end: new Date(start + window.duration_s * 1000).toISOString(),
      duration_s: window.duration_s,
    },
    slo: slo ?? defaultSlo,
    requests: { arrived: 0, served: 0, failed: 0, unfinished: 0, preemptions: 0 },
    latency: { ttft_s: none, inter_token_s: none, e2e_s: none, queue_s: none, prefill_s: none, decode_s: none },
    throughput: { requests_per_s: 0, prompt_tokens_per_s: 0, generation_tokens_per_s: 0 },
    queue: { waiting_mean: 0, waiting_max: 0, running_mean: 0, running_max: 0 },
    kv_cache: { capacity_tokens: 0, usage_mean: 0, usage_max: 0 },
    // An engine whose page was scraped was up then.
    health: {
      engine_up: pages.length > 0,
      healthy_workers: 0,
      stuck_workers: 0,
      ...(pages.length > 0 ? {} : { reason }),
    },
    missing: ['requests', 'latency', 'throughput', 'queue', 'kv_cache'],
  }
}
