import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { inferScenario } from '../../../tools/inference/infer-scenario.ts'
import { twoScrapes } from '../../support/scraped-pages.ts'
import { statusOf } from '../../support/seed-stability.ts'

type Args = Readonly<Record<string, string | number | boolean>>

/** The scenarios whose cause is the load, with changes of engine arguments that are often tried. */
const whatIfs: Readonly<Record<string, readonly Args[]>> = {
  healthy_control: [
    { max_num_batched_tokens: 512 },
    { tensor_parallel_size: 8 },
    { max_num_seqs: 8 },
    { enforce_eager: true },
    { enable_prefix_caching: false },
    { gpu_memory_utilization: 0.85 },
  ],
  concurrency_cap: [
    { max_num_seqs: 12 },
    { max_num_seqs: 16 },
    { max_num_seqs: 64 },
    { max_num_seqs: 4 },
    { enforce_eager: true },
    { tensor_parallel_size: 2 },
    { gpu_memory_utilization: 0.95 },
  ],
  kv_cache_pressure: [
    { gpu_memory_utilization: 0.95 },
    { gpu_memory_utilization: 0.7 },
    { kv_cache_dtype: 'fp8' },
    { max_num_seqs: 64 },
    { max_num_seqs: 16 },
    { max_num_seqs: 512 },
    { max_num_batched_tokens: 512 },
    { max_num_batched_tokens: 16_384 },
    { tensor_parallel_size: 8 },
    { enforce_eager: true },
    { max_model_len: 5000 },
  ],
  prefill_interference: [
    { max_num_batched_tokens: 2048 },
    { max_num_batched_tokens: 512 },
    { tensor_parallel_size: 2 },
    { max_num_seqs: 16 },
    { max_num_seqs: 2 },
    { enforce_eager: true },
    { long_prefill_token_threshold: 1024 },
    { max_model_len: 8192 },
  ],
}

const scrapedScenario = (id: string) => {
  const scenario = loadScenario(id)
  const inference = inferScenario(twoScrapes(scenario), { config: scenario.deployment, slo: scenario.slo })
  if (inference.kind === 'refused') throw new Error(`${id}: ${inference.reasons.join(' ')}`)
  return { scenario, inference }
}

test.each(Object.keys(whatIfs))('%s: a simulation from two pages has the figures of the pages within 15 %%', (id) => {
  for (const { figure, error } of scrapedScenario(id).inference.residuals) {
    expect(Math.abs(error), figure).toBeLessThan(0.15)
  }
})

test('at least 90 % of the verdicts on changes are those of the real load', () => {
  const rows = Object.entries(whatIfs).flatMap(([id, changes]) => {
    const { scenario, inference } = scrapedScenario(id)
    return changes.map((args) => {
      const actions = [{ action: 'set_engine_args', args } as const]
      return {
        change: `${id} ${JSON.stringify(args)}`,
        real: statusOf(scenario, actions),
        inferred: statusOf(inference.scenario, actions),
      }
    })
  })
  const different = rows.filter(({ real, inferred }) => real !== inferred)
  expect(different.length / rows.length, JSON.stringify(different)).toBeLessThanOrEqual(0.1)
  // None is judged the opposite way.
  expect(different.filter(({ real, inferred }) => real !== 'unchanged' && inferred !== 'unchanged')).toEqual([])
})
