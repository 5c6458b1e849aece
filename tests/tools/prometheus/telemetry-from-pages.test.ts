import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../../fixtures/load-scenario.ts'
import { compileSchema } from '../../../router/validation.ts'
import { type TimedPage, telemetryFromPages } from '../../../tools/index.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { telemetrySchema } from '../../../tools/schemas/telemetry.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { checkTelemetry } from '../../../tools/validation/validate.ts'
import { countedRequests } from '../../support/counted-requests.ts'
import { recordedPage } from '../../support/recorded-pages.ts'

const slo = { ttft_p95_s: 4, inter_token_p99_s: 0.2, served_ratio: 0.85 }
/** The recorded pages state the start of their process; the times of the scrapes are after it, 16 s apart. */
const before: TimedPage = { text: recordedPage('0.32.0-saturated-before'), time: '2026-11-27T20:45:40Z' }
const after: TimedPage = { text: recordedPage('0.32.0-saturated'), time: '2026-11-27T20:45:56Z' }

/** A small page of an engine. */
const page = (atS: number, counted: number, extra: readonly string[] = [], started?: number): TimedPage => ({
  atS,
  text: [
    ...(started === undefined ? [] : [`process_start_time_seconds ${started}`]),
    'vllm:num_requests_running{engine="0",model_name="m"} 3',
    'vllm:num_requests_waiting{engine="0",model_name="m"} 1',
    `vllm:request_success_total{engine="0",model_name="m",finished_reason="stop"} ${counted}`,
    `vllm:generation_tokens_total{engine="0",model_name="m"} ${counted * 100}`,
    ...extra,
    '',
  ].join('\n'),
})

describe('real pages', () => {
  const telemetry = telemetryFromPages([before, after], { slo })

  test('two pages give the figures of the time between them', () => {
    expect(telemetry.window).toEqual({
      start: '2026-11-27T20:45:40.000Z',
      end: '2026-11-27T20:45:56.000Z',
      duration_s: 16,
    })
    expect(telemetry.requests).toEqual({ arrived: 236, served: 49, failed: 0, unfinished: 187, preemptions: 0 })
    expect(telemetry.latency.ttft_s).toMatchObject({ count: 49, p95: 19.125 })
    expect(telemetry.queue).toEqual({ waiting_mean: 130, waiting_max: 179, running_mean: 8, running_max: 8 })
    expect(telemetry.kv_cache.capacity_tokens).toBe(524_288)
    expect(telemetry.throughput).toEqual({
      requests_per_s: 3.0625,
      prompt_tokens_per_s: 743.75,
      generation_tokens_per_s: 785.5,
    })
  })

  test('the result is a valid telemetry that agrees with itself', () => {
    expect(compileSchema(telemetrySchema)(telemetry)).toEqual([])
    expect(() => checkTelemetry('pre_telemetry', telemetry)).not.toThrow()
  })

  test('the order of the pages is free', () => {
    expect(telemetryFromPages([after, before], { slo })).toEqual(telemetry)
  })

  test('one page covers the time since its counters were created, and has no queue over time', () => {
    const one = telemetryFromPages([after], { slo })
    expect(one.requests.served).toBe(118)
    expect(one.window.start).toBe('2026-11-27T20:44:47.161Z')
    expect(one.queue).toEqual({ waiting_mean: null, waiting_max: null, running_mean: null, running_max: null })
    expect(one.kv_cache).toEqual({ capacity_tokens: 524_288, usage_mean: null, usage_max: null })
    expect(one.notes?.join()).toContain('one moment')
  })

  test('a page that is cut in mid-line is named', () => {
    const text = recordedPage('0.32.0-saturated').slice(0, 20_000)
    expect(() => telemetryFromPages([before, { ...after, text }], { slo })).toThrow(/^pages\[1\]: line \d+: .*cut off/)
  })

  test('a page that is cut between two lines gives null for what it lost, never 0', () => {
    const text = recordedPage('0.32.0-saturated')
    const cut = text.slice(0, text.indexOf('# HELP vllm:e2e_request_latency_seconds'))
    const partial = telemetryFromPages([before, { ...after, text: cut }], { slo })
    expect(partial.latency.ttft_s.p95).toBe(19.125)
    expect(partial.latency.e2e_s).toEqual({ count: null, mean: null, p50: null, p95: null, p99: null })
    expect(partial.kv_cache.capacity_tokens).toBeNull()
  })

  test('counters that only the later page has are not taken for changes', () => {
    const text = recordedPage('0.32.0-saturated-before')
    const cut = text.slice(0, text.indexOf('# HELP vllm:e2e_request_latency_seconds'))
    const partial = telemetryFromPages([{ ...before, text: cut }, after], { slo })
    expect(partial.latency.e2e_s.mean).toBeNull()
    expect(partial.requests.served).toBe(49)
  })
})

describe('what a page does not show', () => {
  test('is null', () => {
    const { requests, throughput, kv_cache, latency, health } = telemetryFromPages([page(0, 0), page(60, 6)], { slo })
    expect(requests).toEqual({ arrived: 10, served: 6, failed: 0, unfinished: 4, preemptions: null })
    expect(throughput).toEqual({ requests_per_s: 0.1, prompt_tokens_per_s: null, generation_tokens_per_s: 10 })
    expect(kv_cache).toEqual({ capacity_tokens: null, usage_mean: null, usage_max: null })
    expect(latency.ttft_s.mean).toBeNull()
    expect(health).toEqual({ engine_up: true, healthy_workers: null, stuck_workers: null })
  })

  test.each([
    ['vllm:request_success_total', ['requests', 'latency']],
    ['vllm:num_requests_waiting', ['requests', 'queue', 'latency']],
  ])('a page without %s is partial', (family, missing) => {
    const without = (one: TimedPage): TimedPage => ({
      ...one,
      text: String(one.text).replace(new RegExp(`^${family}.*\\n`, 'm'), ''),
    })
    const { requests, throughput, queue, ...partial } = telemetryFromPages([page(0, 0), page(60, 6)].map(without), {
      slo,
    })
    expect(partial.missing).toEqual(missing)
    expect(partial.notes?.join(' ')).toContain(`The pages have no ${family.slice('vllm:'.length)}`)
    expect(requests.preemptions).toBeNull()
    expect(throughput).toEqual({ requests_per_s: null, prompt_tokens_per_s: null, generation_tokens_per_s: 10 })
    expect(queue.running_mean).toBe(3)
    expect(queue.waiting_max).toBe(missing.includes('queue') ? null : 1)
  })

  test.each([
    ['vllm:num_requests_running', '-3', ['requests', 'queue', 'latency']],
    ['vllm:request_success_total', '6.5', ['requests', 'latency']],
    ['vllm:num_requests_waiting', '1e300', ['requests', 'queue', 'latency']],
  ])('%s %s cannot be true, so it was not observed', (family, value, missing) => {
    const text = String(page(60, 6).text).replace(new RegExp(`^(${family}.*) \\S+$`, 'm'), `$1 ${value}`)
    expect(telemetryFromPages([page(0, 0), { atS: 60, text }], { slo }).missing).toEqual(missing)
  })

  test('one page of a busy engine says that it cannot show a stall', () => {
    const stalled = 'One page does not show whether the engine still generates tokens'
    const notes = (pages: TimedPage[]) => telemetryFromPages(pages, { slo }).notes?.join(' ')
    expect(notes([after])).toContain(stalled)
    expect(notes([before, after])).not.toContain(stalled)
    expect(notes([{ ...after, text: recordedPage('0.32.0-idle') }])).not.toContain(stalled)
  })

  test('requests that failed are counted by their reason', () => {
    const failures = (count: number) => [
      `vllm:request_success_total{engine="0",model_name="m",finished_reason="abort"} ${count}`,
      `vllm:request_success_total{engine="0",model_name="m",finished_reason="error"} ${count}`,
      `vllm:admission_rejections_total{model_name="m",reason="max_num_queued_reqs"} ${2 * count}`,
      `http_requests_total{handler="/v1/completions",method="POST",status="4xx"} ${count}`,
    ]
    const { requests } = telemetryFromPages([page(0, 0, failures(1)), page(60, 6, failures(3))], { slo })
    expect(requests.failed).toBe(2 + 2 + 4)
  })
})

describe('the engines of a data-parallel server', () => {
  const both = (atS: number, counted: number): TimedPage => {
    const { text } = page(atS, counted)
    return { atS, text: `${text}${String(page(atS, 5 * counted).text).replaceAll('engine="0"', 'engine="1"')}` }
  }
  const pages = [both(0, 0), both(60, 6)]

  test('are added up, and a note says so', () => {
    const { requests, queue, notes } = telemetryFromPages(pages, { slo })
    expect(requests).toMatchObject({ served: 36, unfinished: 8 })
    expect(queue.running_max).toBe(6)
    expect(notes?.join(' ')).toContain('those of the engines 0, 1 together')
  })

  test('can be read one by one', () => {
    const { requests, queue, notes } = telemetryFromPages(pages, { slo, engine: '1' })
    expect(requests).toMatchObject({ served: 30, unfinished: 4 })
    expect(queue.running_max).toBe(3)
    expect(notes?.join(' ')).not.toContain('together')
  })

  test('an engine that the pages do not have is an error', () => {
    expect(() => telemetryFromPages(pages, { slo, engine: '2' })).toThrow(
      'engine is "2", but the pages have the engines 0, 1',
    )
  })
})

describe('pages that do not belong together', () => {
  const at = 1_800_000_000
  const other = (text: TimedPage, from: string, to: string): TimedPage => ({
    ...text,
    text: String(text.text).replaceAll(from, to),
  })
  const reasonOf = (pages: readonly TimedPage[], window?: { start: string; end: string }) => {
    try {
      telemetryFromPages(pages, { slo, ...(window === undefined ? {} : { window }) })
      return undefined
    } catch (error) {
      return error instanceof Error && 'code' in error && 'reason' in error ? `${error.code}/${error.reason}` : error
    }
  }

  test.each<[string, TimedPage[], string]>([
    ['no page', [], 'no_pages'],
    ['a page without a time', [{ text: String(page(0, 1).text) }, page(at, 2)], 'no_time'],
    ['a time in the far future', [page(at, 1), page(1e300, 2)], 'no_time'],
    ['a time that is none', [{ text: String(page(0, 1).text), time: 'noon' }, page(at, 2)], 'no_time'],
    ['one page without the start of its process', [page(at, 1)], 'no_time'],
    ['two pages of the same time', [page(at, 1), page(at, 2)], 'order'],
    ['swapped times', [page(at, 9, [], at - 500), page(at + 60, 4, [], at - 500)], 'order'],
    ['a time before the start of the process', [page(at, 1, [], at + 900), page(at + 60, 2, [], at + 900)], 'order'],
    ['another model', [page(at, 1), other(page(at + 60, 2), '"m"', '"n"')], 'other_server'],
    ['another engine', [page(at, 1), other(page(at + 60, 2), 'engine="0"', 'engine="1"')], 'other_server'],
    ['two processes at one time', [page(at, 1, [], at - 500), page(at + 60, 9, [], at - 400)], 'other_server'],
    [
      'a page of another program',
      [
        { atS: at, text: 'up 1\n' },
        { atS: at + 1, text: 'up 1\n' },
      ],
      'no_metrics',
    ],
    ['an empty page', [page(at, 1), { atS: at + 60, text: '' }], 'no_metrics'],
    ['a page that breaks the format', [{ atS: at, text: 'up{ 1\n' }], 'unreadable'],
  ])('%s', (_, pages, reason) => {
    expect(reasonOf(pages)).toBe(`unusable_pages/${reason}`)
  })

  test('a window without pages is an error', () => {
    const window = { start: '2020-01-01T00:00:00Z', end: '2020-01-01T01:00:00Z' }
    expect(reasonOf([page(at, 1), page(at + 60, 2)], window)).toBe('unusable_pages/no_pages')
  })

  test('after a restart the figures cover the time since it, and say so', () => {
    const restarted = telemetryFromPages([page(at, 90, [], at - 500), page(at + 60, 6, [], at + 30)], { slo })
    expect(restarted.requests.served).toBe(6)
    expect(restarted.window.duration_s).toBe(30)
    expect(restarted.notes?.[0]).toMatch(/^The server restarted before pages\[1\]/)
  })

  test('a restart without a known start leaves the time after it, if two pages show it', () => {
    const pages = [page(at, 90), page(at + 60, 6), page(at + 120, 10)]
    expect(telemetryFromPages(pages, { slo })).toMatchObject({ requests: { served: 4 }, window: { duration_s: 60 } })
    expect(reasonOf(pages.slice(0, 2))).toBe('unusable_pages/no_time')
  })

  test('an engine that restarts inside its process leaves the time after it', () => {
    const tokens = (count: number) => [`vllm:prompt_tokens_total{engine="0",model_name="m"} ${count}`]
    const pages = [
      page(at, 90, tokens(5), at - 500),
      page(at + 60, 6, tokens(9), at - 500),
      page(at + 120, 10, tokens(12), at - 500),
    ]
    const { requests, window } = telemetryFromPages(pages, { slo })
    expect(requests.served).toBe(4)
    expect(window.duration_s).toBe(60)
  })

  test('the window chooses the pages', () => {
    const pages = [page(at, 0), page(at + 60, 5), page(at + 120, 7), page(at + 180, 100)]
    const window = { start: new Date((at + 70) * 1000).toISOString(), end: new Date((at + 130) * 1000).toISOString() }
    const telemetry = telemetryFromPages(pages, { slo, window })
    expect(telemetry.requests.served).toBe(2)
    expect(telemetry.window.duration_s).toBe(60)
  })
})

test('any series of growing counters gives the difference of its ends, whatever the order of the pages', () => {
  const growth = fc.array(fc.record({ seconds: fc.integer({ min: 1, max: 900 }), served: fc.nat(500) }), {
    minLength: 1,
    maxLength: 8,
  })
  fc.assert(
    fc.property(growth, fc.nat(), (steps, rotation) => {
      let [at, served] = [1_800_000_000, 5]
      const pages = [page(at, served)]
      for (const step of steps) {
        at += step.seconds
        served += step.served
        pages.push(page(at, served))
      }
      const turn = rotation % pages.length
      const { requests, window } = telemetryFromPages([...pages.slice(turn), ...pages.slice(0, turn)], { slo })
      expect(requests.served).toBe(served - 5)
      expect(window.duration_s).toBe(at - 1_800_000_000)
    }),
  )
})

/** Scenarios with a metrics page: the engine is alive at the end, and its metrics were collected. */
const observed = listScenarios().filter((id) => {
  const { engine, notObserved } = simulate(loadScenario(id))
  return engine.up && !notObserved.has('engine')
})

test.each(observed)('the page of %s gives the figures of its telemetry', (id) => {
  const scenario = loadScenario(id)
  const known = telemetryOf(id)
  const pages = [{ text: vllmPage(scenario), time: known.window.end }]
  const found = telemetryFromPages(pages, { slo: scenario.slo, scenario: id })
  expect(found.requests.served).toBe(known.requests.served)
  // No counter of a page knows the requests that have not reached the engine.
  const { inFrontEnd } = simulate(scenario).end
  expect(found.requests.unfinished).toBe(countedRequests(known).unfinished - inFrontEnd)
  expect(found.requests.preemptions).toBe(known.requests.preemptions)
  expect(found.kv_cache.capacity_tokens).toBe(known.kv_cache.capacity_tokens)
  for (const name of ['ttft_s', 'inter_token_s', 'e2e_s', 'queue_s', 'prefill_s', 'decode_s'] as const) {
    expect(found.latency[name].count).toBe(known.latency[name].count)
    expect(found.latency[name].mean ?? -1).toBeCloseTo(known.latency[name].mean ?? -1, 5)
  }
})
