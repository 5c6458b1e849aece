import { describe, expect, test } from 'vitest'
import { listScenarios, loadScenario, readLog } from '../../fixtures/load-scenario.ts'
import type { Tool } from '../../router/tool.ts'
import {
  analyzeMetrics,
  fetchConfig,
  fetchGpuStats,
  fetchPrometheusMetrics,
  fetchRuntimeState,
  incidentTools,
} from '../../tools/index.ts'
import { timeOf } from '../../tools/logs/log-time.ts'
import { total } from '../../tools/prometheus/metric-values.ts'
import { telemetryOf } from '../../tools/simulation/collect-telemetry.ts'
import { windowOfEngine } from '../../tools/simulation/engine-windows.ts'
import { simulate } from '../../tools/simulation/simulate.ts'
import { countedRequests } from '../support/counted-requests.ts'
import { loggedIntervals, statsText } from '../support/engine-log.ts'
import { call } from './call.ts'

/** Scenarios with a metrics page: the engine is alive at the end, and its metrics were collected. */
const observed = listScenarios().filter((id) => {
  const { engine, notObserved } = simulate(loadScenario(id))
  return engine.up && !notObserved.has('engine')
})

describe.each(observed)('%s', (scenario) => {
  const telemetry = telemetryOf(scenario)

  test('the metrics page agrees with the telemetry', async () => {
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
    expect(total(samples, 'vllm:inter_token_latency_seconds_count')).toBe(telemetry.latency.inter_token_s.count)
  })

  test('runtime state and configuration agree with the page', async () => {
    const { samples } = await call(fetchPrometheusMetrics, { scenario })
    const state = await call(fetchRuntimeState, { scenario })
    expect(state.running).toBe(total(samples, 'vllm:num_requests_running'))
    expect(state.waiting).toBe(total(samples, 'vllm:num_requests_waiting'))
    const { engines, end } = simulate(loadScenario(scenario))
    // Requests that wait for the tokenizer are not in the engine yet.
    expect(state.queue_depth).toBe(countedRequests(telemetry).unfinished - end.inFrontEnd)
    const { runtime } = await call(fetchConfig, { scenario })
    // A step is that of one engine.
    expect(runtime.batch_size).toBe(Math.max(...engines.map(({ occupancy }) => occupancy.runningMax)))
    if (engines.length === 1) expect(runtime.batch_size).toBe(telemetry.queue.running_max)
    expect(runtime.kv_cache_tokens).toBe(telemetry.kv_cache.capacity_tokens)
  })
})

describe.each(listScenarios())('%s', (scenario) => {
  test('GPUs, workers and telemetry agree', async () => {
    const { gpus } = await call(fetchGpuStats, { scenario })
    const { placement } = loadScenario(scenario).deployment
    const { worker_health: health } = await call(fetchRuntimeState, { scenario })
    const telemetry = telemetryOf(scenario)
    expect(placement.gpus).toEqual(expect.arrayContaining(gpus.map(({ id }) => id)))
    for (const gpu of gpus) expect(gpu.mem_used_gb).toBeLessThanOrEqual(gpu.mem_total_gb ?? 0)
    expect(gpus.filter(({ util }) => Number(util) > 0).length).toBeLessThanOrEqual(health.healthy ?? 0)
    expect(health).toEqual({ healthy: telemetry.health.healthy_workers, stuck: telemetry.health.stuck_workers })
  })

  test('every stats line of the log agrees with the simulation', () => {
    const { window, deployment } = loadScenario(scenario)
    const simulated = simulate(loadScenario(scenario))
    const start = Date.parse(window.start)
    const lines = readLog(loadScenario(scenario), 'vllm').filter((line) => (timeOf(line, start) ?? 0) > start)
    for (const [rank, engine] of simulated.engines.entries()) {
      const prefix = `Engine 00${rank}:`
      const logged = lines.filter((line) => line.includes(prefix)).map((line) => line.slice(line.indexOf(prefix)))
      const own = windowOfEngine(simulated, engine)
      expect(logged).toEqual(
        loggedIntervals(own).map((interval) => statsText(interval, own, deployment.vllm_version, rank)),
      )
    }
  })

  test('every fetch tool gives the same bytes twice', async () => {
    const tools: readonly Tool[] = incidentTools.slice(0, 6)
    for (const tool of tools) {
      const bytes = async () => JSON.stringify(await call(tool, { scenario }))
      expect(await bytes()).toBe(await bytes())
    }
  })
})

test('a GPU that the driver has lost is not listed, and metrics that were not collected are not invented', async () => {
  const lost = await call(fetchGpuStats, { scenario: 'nvidia_xid' })
  expect(lost.gpus.map(({ id }) => id)).toEqual([0, 1, 3, 4, 5, 6, 7])
  expect((await call(fetchGpuStats, { scenario: 'missing_telemetry' })).gpus).toEqual([])
  const state = await call(fetchRuntimeState, { scenario: 'missing_telemetry' })
  expect(state).toMatchObject({ queue_depth: null, running: null, waiting: null, scheduler_backlog_ms: null })
  const { samples } = await call(fetchPrometheusMetrics, { scenario: 'missing_telemetry' })
  expect(samples.filter(({ name }) => name.startsWith('vllm:'))).toEqual([])
})
