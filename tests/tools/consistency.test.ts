import { describe, expect, test } from 'vitest'
import { listScenarios, loadScenario, readLog } from '../../fixtures/load-scenario.ts'
import type { Tool } from '../../router/tool.ts'
import { telemetryOf } from '../../tools/collect-telemetry.ts'
import {
  analyzeMetrics,
  fetchConfig,
  fetchGpuStats,
  fetchPrometheusMetrics,
  fetchRuntimeState,
  incidentTools,
} from '../../tools/index.ts'
import { simulate } from '../../tools/simulation/simulate.ts'
import { statsText } from '../support/engine-log.ts'
import { call } from './call.ts'

describe.each(listScenarios())('%s', (scenario) => {
  const telemetry = telemetryOf(scenario)

  test('the metrics page tells the same story as the telemetry', async () => {
    const { samples } = await call(fetchPrometheusMetrics, { scenario })
    const analysis = await call(analyzeMetrics, { pre_telemetry: telemetry, prometheus_samples: samples })
    const { derived_metrics: derived, latency_breakdown: breakdown } = analysis
    expect(derived.served).toBe(telemetry.requests.served)
    expect(derived.preemptions).toBe(telemetry.requests.preemptions)
    expect(derived.generation_tokens_per_s).toBe(telemetry.throughput.generation_tokens_per_s)
    expect(derived.prompt_tokens_per_s).toBe(telemetry.throughput.prompt_tokens_per_s)
    expect(derived.queue_mean_s).toBeCloseTo(telemetry.latency.queue_s.mean ?? -1, 5)
    expect(breakdown.decode.mean_s).toBeCloseTo(telemetry.latency.decode_s.mean ?? -1, 5)
    const shares = Object.values(breakdown).reduce((sum, { share }) => sum + (share ?? 0), 0)
    expect(shares).toBeCloseTo(1, 4)
    const count = samples.find(({ name }) => name === 'vllm:inter_token_latency_seconds_count')
    expect(count?.value).toBe(telemetry.latency.inter_token_s.count)
  })

  test('runtime state, configuration and GPUs agree with the page', async () => {
    const { samples } = await call(fetchPrometheusMetrics, { scenario })
    const value = (name: string) => samples.find((sample) => sample.name === name)?.value
    const state = await call(fetchRuntimeState, { scenario })
    expect(state.running).toBe(value('vllm:num_requests_running'))
    expect(state.waiting).toBe(value('vllm:num_requests_waiting'))
    expect(state.queue_depth).toBe(telemetry.requests.unfinished)
    const { config, runtime } = await call(fetchConfig, { scenario })
    expect(runtime.batch_size).toBe(telemetry.queue.running_max)
    expect(runtime.kv_cache_tokens).toBe(telemetry.kv_cache.capacity_tokens)
    const { gpus } = await call(fetchGpuStats, { scenario })
    expect(gpus.map(({ id }) => id)).toEqual(config.placement.gpus)
    for (const gpu of gpus) expect(gpu.mem_used_gb).toBeLessThanOrEqual(gpu.mem_total_gb)
    expect(gpus.filter(({ util }) => util > 0)).toHaveLength(state.worker_health.healthy)
  })

  test('every stats line of the log is what the simulation says', () => {
    const { timeline, counts } = simulate(loadScenario(scenario))
    const hitRate = counts.prefixQueries === 0 ? 0 : counts.prefixHits / counts.prefixQueries
    const logged = readLog(loadScenario(scenario), 'vllm').filter((line) => line.includes('Engine 000:'))
    expect(logged.map((line) => line.slice(line.indexOf('Engine 000:')))).toEqual(
      timeline.map((interval) => statsText(interval, hitRate)),
    )
  })

  test('every fetch tool gives the same bytes twice', async () => {
    const tools: readonly Tool[] = incidentTools.slice(0, 6)
    for (const tool of tools) {
      const bytes = async () => JSON.stringify(await call(tool, { scenario }))
      expect(await bytes()).toBe(await bytes())
    }
  })
})
