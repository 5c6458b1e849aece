import { beforeAll, describe, expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { applyFixSimulation, collectPostTelemetry, validateImprovement } from '../../../tools/index.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import type { PairedSeeds, Telemetry, Validation } from '../../../tools/types.ts'
import { call } from '../call.ts'

const scenario = 'concurrency_cap'
const pre = telemetryOf(scenario)
let post: Telemetry
let paired: PairedSeeds

beforeAll(async () => {
  post = await postOf({ max_num_seqs: 12 })
  if (post.paired === undefined) throw new Error('the telemetry after a fix has pairs')
  paired = post.paired
})

async function postOf(args: Readonly<Record<string, number>>): Promise<Telemetry> {
  const current_config = loadScenario(scenario).deployment
  const actions = [{ action: 'set_engine_args' as const, args }]
  const { updated_config } = await call(applyFixSimulation, { current_config, fix_plan: { summary: 'x', actions } })
  return (await call(collectPostTelemetry, { scenario, updated_config })).post_telemetry
}

function validated(before: unknown, after: unknown): Promise<Validation> {
  return call(validateImprovement, { pre_telemetry: before, post_telemetry: after })
}

/** A telemetry with only the required members. */
function bare({ paired: _, costs: __, ...rest }: Telemetry): Telemetry {
  return rest
}

const unobserved = { count: 0, mean: null, p50: null, p95: null, p99: null }

describe('there is no verdict', () => {
  test.each([
    ['of another day', { start: '2026-02-20T10:00:00.000Z', end: '2026-02-20T10:15:00.000Z', duration_s: 900 }],
    ['of another length', { start: '2026-02-19T10:00:00.000Z', end: '2026-02-19T10:05:00.000Z', duration_s: 300 }],
  ])('on a window %s', async (_, window) => {
    const { status, summary } = await validated(pre, { ...bare(post), window })
    expect(status).toBe('unknown')
    expect(summary).toContain('They have different requests.')
  })

  test.each([
    ['ttft_s', 'ttft_s.p95', unobserved],
    ['ttft_s', 'ttft_s.p95', { ...pre.latency.ttft_s, p95: null }],
    ['e2e_s', 'e2e_s.p95', unobserved],
    ['inter_token_s', 'inter_token_s.p99', { ...pre.latency.inter_token_s, p99: null }],
    ['inter_token_s', 'inter_token_s.mean', { ...pre.latency.inter_token_s, mean: null }],
  ])('without %s of served requests', async (name, missing, statistics) => {
    const damaged = (telemetry: Telemetry) => ({
      ...bare(telemetry),
      latency: { ...telemetry.latency, [name]: statistics },
    })
    for (const [before, after, field] of [
      [damaged(pre), bare(post), 'pre_telemetry'],
      [pre, damaged(post), 'post_telemetry'],
    ] as const) {
      const { status, summary } = await validated(before, after)
      expect(status).toBe('unknown')
      expect(summary).toContain(`No verdict: ${field} has`)
      expect(summary).toContain(`latency.${missing} is unknown`)
    }
  })

  test('if a seed lacks the latency of one configuration', async () => {
    const after = {
      ...paired.after,
      ttft_p95_s: paired.after.ttft_p95_s.map((value, seed) => (seed === 3 ? null : value)),
    }
    const { status, summary } = await validated(pre, { ...post, paired: { ...paired, after } })
    expect(status).toBe('unknown')
    expect(summary).toContain('paired.ttft_p95_s of a seed is known for one configuration only')
  })
})

describe('an error says what is wrong', () => {
  test('if the two telemetries are swapped, whatever their phases', async () => {
    for (const phase of ['pre', 'post'] as const) {
      await expect(validated({ ...post, phase }, { ...pre, phase })).rejects.toThrow(/the two are swapped/)
    }
    await expect(validated(post, pre)).rejects.toThrow(/the two are swapped/)
  })

  test.each([
    ['a seed twice', () => ({ ...paired, seeds: paired.seeds.map(() => 5150) }), /paired.seeds contains a seed twice/],
    [
      'more served requests than arrived',
      () => ({
        ...paired,
        after: { ...paired.after, served: paired.after.served.map((n, seed) => (seed === 0 ? n : 9 * n)) },
      }),
      /paired.after has \d+ served and failed requests, but paired.arrived is/,
    ],
    [
      'seeds without requests',
      () => ({ ...paired, arrived: paired.arrived.map((n, seed) => (seed === 0 ? n : 0)) }),
      /paired.before has \d+ served and failed requests, but paired.arrived is 0/,
    ],
    [
      'more refused requests than failed ones',
      () => ({ ...paired, after: { ...paired.after, refused: paired.after.failed.map((n) => n + 1) } }),
      /paired.after has \d+ refused requests, but only \d+ failed/,
    ],
    [
      'a column of another length on one side',
      () => ({ ...paired, before: { ...paired.before, cut: [0] } }),
      /paired.cut has 1 elements, but paired.seeds has 8/,
    ],
  ])('if the pairs have %s', async (_, damaged, message) => {
    await expect(validated(pre, { ...post, paired: damaged() })).rejects.toThrow(message)
  })
})

describe('telemetry without pairs', () => {
  test('is judged, and the limits say that it is one draw', async () => {
    const { status, limits, summary } = await validated(pre, bare(post))
    expect(status).toBe('improved')
    expect(limits?.join()).toContain('these two windows alone')
    expect(summary).toContain('these two windows alone')
    expect((await validated(pre, post)).limits).toBeUndefined()
  })

  test('is regressed if only the engine after the fix is down', async () => {
    const health = { engine_up: false, healthy_workers: 0, stuck_workers: 0 }
    const { status, summary } = await validated(pre, { ...bare(post), health })
    expect(status).toBe('regressed')
    expect(summary).toContain('The engine is down at the end of the window.')
  })
})

describe('a verdict over the seeds', () => {
  test('names an objective that most of them newly miss, even if this window meets it', async () => {
    const missed = { ...paired, before: { ...paired.before, ttft_p95_s: paired.before.ttft_p95_s.map(() => 1) } }
    const after = { ...paired.after, ttft_p95_s: paired.after.ttft_p95_s.map(() => 2.4) }
    const { summary } = await validated(pre, { ...post, paired: { ...missed, after } })
    expect(post.latency.ttft_s.p95).toBeLessThan(pre.slo.ttft_p95_s)
    expect(summary).toContain('Newly missed: time to first token p95 over the seeds.')
    expect(summary).not.toContain('With the change, the objective is met')
  })

  test('does not hide requests that only few of them refuse', async () => {
    const failed = paired.after.failed.map((count, seed) => (seed === 5 ? 13 : count))
    const served = paired.after.served.map((count, seed) => (seed === 5 ? count - 13 : count))
    const { summary } = await validated(pre, {
      ...post,
      paired: { ...paired, after: { ...paired.after, failed, served } },
    })
    expect(summary).toMatch(/refused, failed or cut 0 % → 0\.0\d+ %/)
  })

  test('is regressed if three of them refuse requests, and nothing else changes', async () => {
    const refusing = (count: number) => ({
      ...paired.before,
      failed: paired.before.failed.map((failed, seed) => (seed > 0 && seed <= count ? failed + 5 : failed)),
    })
    const same = { ...bare(pre), phase: 'post', config_id: post.config_id }
    const judged = (count: number) => validated(pre, { ...same, paired: { ...paired, after: refusing(count) } })
    expect((await judged(3)).status).toBe('regressed')
    expect((await judged(1)).status).toBe('unchanged')
  })
})
