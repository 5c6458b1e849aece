import { expect, test } from 'vitest'
import { acceptedStatuses, oracleOf } from '../../support/matrix.ts'
import { drawOf, statusOf, telemetryBefore } from '../../support/seed-stability.ts'

/** The incidents whose verdicts depend most on chance. `npm run seeds` tries all of them with ten draws. */
const scenarios = ['kv_cache_pressure', 'prefill_interference', 'concurrency_cap', 'vllm_cuda_oom']

test.each(scenarios)('%s: every fix has the same verdict with other arrivals', (id) => {
  const scenario = drawOf(id, 3)
  for (const fix of oracleOf(id).fixes) {
    expect(acceptedStatuses(fix), fix.name).toContain(statusOf(scenario, fix.actions))
  }
})

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('kv_cache_pressure tells its story with draw %d of its load', (draw) => {
  const { requests, latency, slo } = telemetryBefore(drawOf('kv_cache_pressure', draw))
  expect(requests.preemptions).toBeGreaterThan(100)
  expect(latency.ttft_s.p95).toBeGreaterThan(slo.ttft_p95_s)
  expect(latency.ttft_s.p99).toBeGreaterThan(2 * slo.ttft_p95_s)
})
