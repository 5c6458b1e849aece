import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { applyFixSimulation, collectPostTelemetry, validateImprovement } from '../../../tools/index.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { Outcome } from '../../../tools/simulation/window.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { effectOf } from '../../../tools/validation/pairs.ts'
import { validate } from '../../../tools/validation/validate.ts'
import { countedRequests } from '../../support/counted-requests.ts'
import { call } from '../call.ts'

const scenario = 'kv_cache_pressure'

async function postOf(args: Readonly<Record<string, string | number | boolean>>): Promise<Telemetry> {
  const current_config = loadScenario(scenario).deployment
  const actions = [{ action: 'set_engine_args' as const, args }]
  const { updated_config } = await call(applyFixSimulation, { current_config, fix_plan: { summary: 'x', actions } })
  return (await call(collectPostTelemetry, { scenario, updated_config })).post_telemetry
}

describe('an effect counts if its sign holds', () => {
  test('on 7 of 8 seeds or 8 of 10, and not on 6 of 8', () => {
    expect(effectOf([1, 1, 1, 1, 1, 1, 1, -1]).holds).toBe(true)
    expect(effectOf([1, 1, 1, 1, 1, 1, -1, -1]).holds).toBe(false)
    expect(effectOf([1, 1, 1, 1, 1, 1, 1, 1, -1, -1]).holds).toBe(true)
    expect(effectOf([1]).holds).toBe(true)
  })

  test('among the seeds that changed, if they are the majority', () => {
    expect(effectOf([1, 1, 1, 1, 1, 0, 0, 0])).toEqual({ size: 1, holds: true })
    expect(effectOf([1, 1, 1, 0, 0, 0, 0, 0])).toEqual({ size: 0, holds: false })
  })

  test('and an effect and its opposite are judged alike', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 12 }), (changes) => {
        const [effect, opposite] = [effectOf(changes), effectOf(changes.map((change) => -change))]
        expect(opposite.holds).toBe(effect.holds)
        expect(opposite.size + effect.size).toBe(0)
      }),
    )
  })
})

describe('the outcomes of requests', () => {
  const { outcomes, counts, observed, end } = simulate(loadScenario(scenario))
  const numbers = Array.from(outcomes.outcome.keys())
  const having = (outcome: number) => numbers.filter((number) => outcomes.outcome[number] === outcome)

  test('agree with the sums of the window', () => {
    expect(outcomes.count).toBe(counts.arrived)
    expect(having(Outcome.served)).toHaveLength(counts.stopped + counts.cutByLength)
    expect(having(Outcome.unfinished)).toHaveLength(end.running + end.waiting)
    const started = numbers.filter((number) => (outcomes.tokens[number] ?? 0) > 0)
    expect(started).toHaveLength(observed.ttft.count)
    const sum = started.reduce((total, number) => total + (outcomes.ttft[number] ?? 0), 0)
    expect(sum).toBeCloseTo(observed.ttft.sum, 6)
    const longest = Math.max(...having(Outcome.served).map((number) => outcomes.longestGap[number] ?? 0))
    expect(longest).toBeLessThanOrEqual(observed.interToken.quantile(1) ?? 0)
  })

  test('give a request without a first token its age', () => {
    const { outcomes: queued } = simulate(loadScenario('concurrency_cap'))
    const waiting = Array.from(queued.outcome.keys()).filter(
      (number) => queued.outcome[number] === Outcome.unfinished && queued.tokens[number] === 0,
    )
    expect(waiting.length).toBeGreaterThan(0)
    for (const number of waiting) expect(queued.ttft[number]).toBe(queued.age[number])
  })
})

describe('telemetry after a fix', () => {
  test('has the same requests before and after for eight seeds, in less than 3 KB', async () => {
    const post = await postOf({ kv_cache_dtype: 'fp8' })
    const pre = telemetryOf(scenario)
    expect(post.paired?.seeds).toHaveLength(8)
    expect(new Set(post.paired?.seeds).size).toBe(8)
    expect(post.paired?.before.served[0]).toBe(pre.requests.served)
    expect(post.paired?.after.served[0]).toBe(post.requests.served)
    expect(JSON.stringify(post.paired).length).toBeLessThan(3000)
  })

  test('takes latencies from requests that both engines accepted', async () => {
    const [refusing, accepting] = [await postOf({ max_model_len: 5000 }), await postOf({ kv_cache_dtype: 'fp8' })]
    expect(Math.min(...(refusing.paired?.after.failed ?? [0]))).toBeGreaterThan(50)
    expect(refusing.paired?.before.served).toEqual(accepting.paired?.before.served)
    expect(refusing.paired?.before.e2e_p95_s).not.toEqual(accepting.paired?.before.e2e_p95_s)
  })

  test('names the costs of the change: restart, cold cache and fewer bits', async () => {
    const { costs } = await postOf({ kv_cache_dtype: 'fp8' })
    expect(costs?.join(' ')).toMatch(/restarts the engine, .* about 3 min .*log took 180 s.* empty prefix cache/)
    expect(costs?.join(' ')).toContain('less accurate')
    expect((await postOf({ max_num_seqs: 100 })).costs).toHaveLength(1)
  })
})

describe('a verdict', () => {
  test('on refused requests is regressed, even if more of the others are served', async () => {
    const pre_telemetry = telemetryOf(scenario)
    const post_telemetry = await postOf({ max_model_len: 4400 })
    const { status, summary } = await call(validateImprovement, { pre_telemetry, post_telemetry })
    expect(status).toBe('regressed')
    expect(summary).toMatch(/^More requests are refused, fail or have their answers cut short\./)
  })

  test('on refused requests is regressed, even if fewer are lost in other ways', async () => {
    const pre = telemetryOf(scenario)
    const post = await postOf({ gpu_memory_utilization: 0.92 })
    const pairs = post.paired
    if (pairs === undefined) throw new Error('The telemetry has no pairs.')
    const lost = { ...pairs.before, failed: pairs.before.failed.map((n, seed) => (seed === 0 ? n : n + 60)) }
    const refusing = {
      ...pairs.after,
      refused: pairs.after.refused.map((_, seed) => (seed === 0 ? 0 : 40)),
      failed: pairs.after.failed.map((n, seed) => (seed === 0 ? n : n + 40)),
      served: pairs.after.served.map((n, seed) => (seed === 0 ? n : n - 40)),
    }
    const verdict = validate(pre, { ...post, paired: { ...pairs, before: lost, after: refusing } })
    expect(verdict.status).toBe('regressed')
    expect(verdict.summary).toMatch(/^More requests are refused or have their answers cut short\./)
  })

  test('names the objectives that are newly missed, the largest worsening and the costs', async () => {
    const pre = telemetryOf('concurrency_cap')
    const { latency } = pre
    const slow = { ...pre, latency: { ...latency, inter_token_s: { ...latency.inter_token_s, p99: 0.9 } } }
    const { summary, status } = validate(pre, { ...slow, phase: 'post', costs: ['It restarts.'] })
    expect(status).toBe('regressed')
    expect(summary).toContain('Newly missed: inter-token p99.')
    expect(summary).toContain('Largest worsening: inter-token latency p99')
    expect(summary).toMatch(/It restarts\.$/)
  })

  test('compares the windows alone if the telemetry before is another one than that of the pairs', async () => {
    const post = await postOf({ gpu_memory_utilization: 0.92 })
    const pre = telemetryOf(scenario)
    const requests = countedRequests(pre)
    const observed = {
      ...pre,
      requests: { ...requests, served: requests.served - 5, unfinished: requests.unfinished + 5 },
    }
    expect(validate(pre, post).summary).toContain('over 8 seeds')
    expect(validate(observed, post).summary).not.toContain('seeds')
  })

  test.each([
    ['another number of seeds', (post: Telemetry) => ({ ...post, paired: { ...post.paired, arrived: [763] } })],
    [
      'served requests that the pairs contradict',
      (post: Telemetry) => {
        const requests = countedRequests(post)
        return { ...post, requests: { ...requests, served: requests.served + 1, unfinished: requests.unfinished - 1 } }
      },
    ],
  ])('rejects %s', async (_, change) => {
    const post = await postOf({ gpu_memory_utilization: 0.92 })
    await expect(
      call(validateImprovement, { pre_telemetry: telemetryOf(scenario), post_telemetry: change(post) }),
    ).rejects.toThrow(/unchanged/)
  })
})
