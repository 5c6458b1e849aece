import { expect, test } from 'vitest'
import { headlineOf } from '../../../lib/incident/report/headline.ts'
import { reportFacts } from '../../../lib/incident/report/report-facts.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { unobservedFigures } from '../../../tools/unobserved.ts'
import { telemetry } from '../support/made-up-incident.ts'
import { resultWith } from './made-up-result.ts'

const latency = (ttft: number): Telemetry['latency'] => ({
  ...telemetry.latency,
  ttft_s: { ...telemetry.latency.ttft_s, p95: ttft },
  inter_token_s: { ...telemetry.latency.inter_token_s, p99: 0.01 },
})
const slo = { ttft_p95_s: 2, inter_token_p99_s: 0.2, served_ratio: 0.9 }
const { missing: _, ...figures } = telemetry
const window = { start: '2026-02-17T14:00:00.000Z', end: '2026-02-17T14:15:00.000Z', duration_s: 900 }
const requests = { arrived: 100, served: 95, failed: 2, unfinished: 3, preemptions: 0 }
const health = { engine_up: true, healthy_workers: 4, stuck_workers: 0 }
const good: Telemetry = { ...figures, slo, window, requests, health, latency: latency(1) }
const slow: Telemetry = { ...good, latency: latency(26.3) }
const down: Telemetry = { ...good, health: { ...health, engine_up: false, healthy_workers: 0 } }
const noFigures: Telemetry = { ...good, ...unobservedFigures() }

test.each([
  ['every objective is met', good, 'healthy', 'every objective is met'],
  ['an objective is missed', slow, 'degraded', 'objective missed: time to first token p95 26.3 s (limit 2 s)'],
  ['the engine is down', down, 'outage', 'the engine was down at the end of the window'],
  [
    'all workers are stuck',
    { ...good, health: { ...health, healthy_workers: 0, stuck_workers: 4 } },
    'outage',
    'the engine was alive at the end of the window but made no progress',
  ],
  [
    'nothing was served',
    { ...good, requests: { ...requests, served: 0, failed: 97 } },
    'outage',
    'no request was served',
  ],
  ['no token came between two pages', { ...good, health: { ...health, no_progress_s: 30 } }, 'outage', 'no token'],
  [
    'the objectives are met and other figures are missing',
    { ...good, missing: ['kv_cache'] },
    'unknown',
    'the observed objectives are met, not observed: kv_cache',
  ],
  ['no figure was observed', noFigures, 'unknown', 'not observed: requests, latency'],
  [
    'no request arrived',
    { ...good, requests: { arrived: 0, served: 0, failed: 0, unfinished: 0, preemptions: 0 } },
    'unknown',
    'no request arrived',
  ],
  [
    'one figure is missing and the others are good',
    { ...good, latency: { ...good.latency, ttft_s: { ...good.latency.ttft_s, p95: null } } },
    'unknown',
    'not all objectives were observed',
  ],
] as const)('%s', (_name, before, state, text) => {
  const headline = headlineOf(before, undefined, resultWith({}))
  expect(headline.state).toBe(state)
  expect(headline.text).toContain(text)
})

test('the impact is the number of failed and of unfinished requests, with the window', () => {
  const { text } = headlineOf(slow, undefined, resultWith({}))
  expect(text).toContain(
    '(2026-02-17 14:00:00 to 14:15:00 UTC): 2 of 100 requests (2 %) failed, and 3 were unfinished when the window ended',
  )
})

test('degraded service whose symptoms ended says so', () => {
  const change = { time: 0, kind: 'symptom', inProgress: false, isStandstill: false, text: 'slow' } as const
  const course = (isOngoing: boolean) => headlineOf(slow, undefined, resultWith({}), [{ ...change, isOngoing }]).text
  expect(course(true)).toContain('It was still so when the window ended.')
  expect(course(false)).toContain('At the end of the window the symptoms were over.')
})

test('streams that still pause after the fix are in the headline, although every objective is met', () => {
  const side = { ttft_p95_s: [1], e2e_p95_s: [2], inter_token_mean_s: [0.01], stall_excess: [0] }
  const counts = { failed: [0], unfinished: [0], served: [95], cut: [0], refused: [0] }
  const paired = (share: number) => {
    const one = { ...side, ...counts, stalled_share: [share] }
    return { config_id: 'before', seeds: [1], arrived: [100], before: one, after: one }
  }
  const textOf = (share: number) =>
    headlineOf(slow, undefined, resultWith({ after: { ...good, paired: paired(share) } })).text
  expect(textOf(0.28)).toContain(
    'every objective is met, but 28 % of the streams still pause longer than 200 ms at least once.',
  )
  expect(textOf(0.01)).toContain('every objective is met.')
})

test.each([
  ['an improvement that meets every objective', slow, { after: good }, 'validated in a simulation, and not applied'],
  ['an improvement that misses an objective', slow, { after: slow }, 'still missed: time to first token p95'],
  ['a regression', slow, { status: 'regressed' }, 'Do not apply the proposed fix'],
  ['a fix without effect', slow, { status: 'unchanged' }, 'changes nothing in the simulation'],
  ['a fix that was not validated', slow, { status: 'unknown' }, 'The proposed fix is not validated.'],
  ['no change of a healthy service', good, { noChange: true, status: 'unchanged' }, 'No change is needed.'],
  ['no change during an incident', slow, { noChange: true, status: 'unchanged' }, 'the incident is not fixed'],
  ['no change without figures', noFigures, { noChange: true, status: 'unknown' }, 'No change is proposed.'],
  ['a run that failed', slow, { stopReason: 'failed', after: good }, 'Nothing is confirmed: the run ended'],
  ['a run that was cancelled', slow, { stopReason: 'cancelled' }, 'accepted answer (cancelled)'],
] as const)('the state of the fix: %s', (_name, before, parts, text) => {
  const headline = headlineOf(before, undefined, resultWith(parts))
  expect(headline.text).toContain(text)
  expect(headline.text.match(/validated in a simulation/g)?.length ?? 0).toBe(
    'after' in parts && !('stopReason' in parts) ? 1 : 0,
  )
})

test.each([
  ['good figures', good, 'Change nothing: every objective is met.', 'There is no incident'],
  ['missing figures', { ...good, missing: ['kv_cache'] } as Telemetry, 'whether there is an incident is not known', ''],
] as const)('headline, next action and onset agree about %s', (_name, pre_telemetry, action, onset) => {
  const facts = reportFacts({ scenario: 'healthy_control', pre_telemetry, result: resultWith({ noChange: true }) })
  expect(facts.next_actions.join(' ')).toContain(action)
  expect(facts.headline.text.includes('No change is needed')).toBe(onset !== '')
  expect(facts.onset.text.includes('There is no incident')).toBe(onset !== '')
})
