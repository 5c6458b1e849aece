import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { runTool } from '../../../router/run-tool.ts'
import { applyFixSimulation, collectPostTelemetry, validateImprovement } from '../../../tools/index.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import type { FixAction } from '../../../tools/types.ts'

/** The shown contents and the values of a fix from plan to verdict. */
async function course(scenario: string, actions: readonly FixAction[]) {
  const fix_plan = { summary: 'A fix.', actions: [...actions] }
  const applied = await runTool(applyFixSimulation, { current_config: loadScenario(scenario).deployment, fix_plan })
  if (applied.status === 'error') throw new Error(applied.error.message)
  const { updated_config } = applied.value
  const collected = await runTool(collectPostTelemetry, { scenario, updated_config })
  if (collected.status === 'error') throw new Error(collected.error.message)
  const { post_telemetry } = collected.value
  const validated = await runTool(validateImprovement, { pre_telemetry: telemetryOf(scenario), post_telemetry })
  if (validated.status === 'error') throw new Error(validated.error.message)
  return { applied, collected, validated }
}

const drained = () => {
  const { node } = loadScenario('cuda_ecc_uncorrectable').deployment.placement
  return course('cuda_ecc_uncorrectable', [{ action: 'drain_node', node }])
}

test('the three results of a fix are short, and their values are complete', async () => {
  const { applied, collected, validated } = await drained()
  expect(applied.content.length).toBeLessThan(1500)
  expect(collected.content.length).toBeLessThan(2000)
  expect(validated.content.length).toBeLessThan(2500)
  expect(collected.value.post_telemetry.paired?.seeds.length).toBeGreaterThan(1)
  expect(collected.content).not.toContain('"paired"')
  expect(applied.content).toContain('apply_fix_simulation#/updated_config')
  expect(applied.value.updated_config.engine_args).toBeDefined()
  expect(validated.value.deltas.length).toBeGreaterThan(35)
  // No call takes the deltas, so a reference to them is of no use.
  expect(validated.content).toContain(`${validated.value.deltas.length} figures were compared.`)
  expect(validated.content).not.toContain('#/deltas')
})

test('figures of an engine that was down for a part of the window have no verdict, and the reason is shown', async () => {
  const { validated } = await drained()
  const unfinished = validated.value.deltas.find(({ metric }) => metric === 'requests.unfinished')
  expect(unfinished).toMatchObject({ before: 0, verdict: 'unknown', comparable: false })
  expect(unfinished?.reason).toMatch(/^275 of 622 requests failed before the fix/)
  expect(validated.content).toContain('"not_comparable":{"275 of 622 requests failed before the fix')
  expect(validated.value.deltas.filter(({ verdict }) => verdict === 'worse')).toEqual([])
  expect(validated.value.summary).not.toContain('Largest worsening')
})

test('latencies of the few requests that got through are not compared with those of all', async () => {
  const before = telemetryOf('vllm_cuda_oom')
  const { arrived } = before.requests
  const requests = { ...before.requests, served: arrived, failed: 0, unfinished: 0 }
  const post_telemetry = { ...telemetryOf('vllm_cuda_oom'), phase: 'post' as const, requests }
  const slow = { count: 200, mean: 60, p50: 60, p95: 90, p99: 95 }
  const latency = { ...before.latency, e2e_s: slow }
  const result = await runTool(validateImprovement, {
    pre_telemetry: before,
    post_telemetry: { ...post_telemetry, latency },
  })
  if (result.status === 'error') throw new Error(result.error.message)
  expect(result.value.deltas.find(({ metric }) => metric === 'latency.e2e_s.p95')).toMatchObject({
    after: 90,
    verdict: 'unknown',
    comparable: false,
  })
})

test('a latency that rises within its objective is not worse, and the objective is named', async () => {
  const { validated } = await course('concurrency_cap', [{ action: 'set_engine_args', args: { max_num_seqs: 256 } }])
  expect(validated.value.deltas.find(({ metric }) => metric === 'latency.inter_token_s.p99')).toMatchObject({
    verdict: 'same',
    reason: 'Within its objective: inter-token p99 up to 200 ms.',
  })
  expect(validated.value.summary).not.toContain('Largest worsening')
  expect(validated.content).toMatch(/"time to first token p95 26\.3 s → 10\d ms, objective up to [\d.]+ s: met"/)
})

test('what decides a regression stays worse within its objective', async () => {
  const { validated } = await course('healthy_control', [{ action: 'set_engine_args', args: { enforce_eager: true } }])
  expect(validated.value.status).toBe('regressed')
  expect(validated.value.deltas.filter(({ verdict }) => verdict === 'worse').map(({ metric }) => metric)).toContain(
    'paired.inter_token_mean_s',
  )
})
