import { MismatchError } from '../errors.ts'
import type { Telemetry, Validation, ValidationStatus } from '../types.ts'
import { checkTelemetry } from './check-telemetry.ts'
import { metricDeltas } from './deltas.ts'

/** Share of the arrived requests by which served ones may differ without meaning anything. */
export const servedThreshold = 0.01
/** Share of the arrived requests from which on more service outweighs how fast it is. */
export const rescuedThreshold = 0.1
/** How far the distance to the objective has to move: 0.1 is a latency 10 % closer to its limit. */
export const distanceThreshold = 0.1
/** Inside the objective, a latency has to change by this relative difference. */
const insideThreshold = 0.1

/**
 * Judges a fix by the service level objective and by the requests served.
 *
 * 1. `unknown`: one window was not observed or has no requests, or the two did not face the same number.
 * 2. `regressed`: fewer requests were served, by more than {@link servedThreshold} of those that arrived. However fast
 *    the others are, dropping traffic is no improvement.
 * 3. `improved`: more requests were served, by more than {@link rescuedThreshold} of those that arrived. Latencies cannot be
 *    compared then: before, those that nobody served had none.
 * 4. The distance to the objective is the sum of ln(value / limit) over the latencies beyond their limits, and of
 *    ln(limit / share) for the served share below its limit. It moved by {@link distanceThreshold}: `improved` or `regressed`.
 * 5. The distance stayed: `improved` when more requests were served; or, with the objective met before and after, what
 *    the latencies did, if they agree. Otherwise `unchanged`.
 *
 * @throws {MismatchError} when the telemetries are not of one scenario and objective, are swapped, or one contradicts itself.
 */
export function validate(before: Telemetry, after: Telemetry): Validation {
  checkTelemetry('pre_telemetry', before)
  checkTelemetry('post_telemetry', after)
  if (before.scenario !== after.scenario) {
    throw new MismatchError(
      `post_telemetry.scenario is "${after.scenario}", but pre_telemetry.scenario is "${before.scenario}": compare one incident with itself.`,
    )
  }
  if (before.phase === 'post' && after.phase === 'pre') {
    throw new MismatchError('pre_telemetry.phase is "post" and post_telemetry.phase is "pre": the two are swapped.')
  }
  for (const objective of ['ttft_p95_s', 'inter_token_p99_s', 'served_ratio'] as const) {
    if (before.slo[objective] === after.slo[objective]) continue
    throw new MismatchError(
      `post_telemetry.slo.${objective} is ${after.slo[objective]}, but pre_telemetry.slo.${objective} is ${before.slo[objective]}: ` +
        'a fix does not move the objective that it is judged by.',
    )
  }
  const { status, reason } = judge(before, after)
  return { status, deltas: metricDeltas(before, after), summary: `${reason} ${figures(before, after)}` }
}

interface Verdict {
  readonly status: ValidationStatus
  readonly reason: string
}

function judge(before: Telemetry, after: Telemetry): Verdict {
  const unseen = [before, after].find(({ missing }) => missing !== undefined && missing.length > 0)
  if (unseen !== undefined) {
    const reason = `Nothing can be said: ${unseen.phase}_telemetry was not observed in ${unseen.missing?.join(', ')}.`
    return { status: 'unknown', reason }
  }
  const arrived = before.requests.arrived
  if (arrived === 0 || after.requests.arrived === 0) {
    return { status: 'unknown', reason: 'Nothing can be said: no requests arrived in one of the windows.' }
  }
  if (arrived !== after.requests.arrived) {
    return { status: 'unknown', reason: 'Nothing can be said: the windows did not face the same requests.' }
  }
  const served = (after.requests.served - before.requests.served) / arrived
  if (served < -servedThreshold) return { status: 'regressed', reason: 'Fewer requests were served.' }
  const distanceBefore = distance(before)
  const distanceAfter = distance(after)
  const met = distanceAfter === 0 ? 'the objective is met' : 'the objective is still missed'
  if (served > rescuedThreshold) return { status: 'improved', reason: `Many more requests were served; ${met}.` }
  if (distanceBefore - distanceAfter >= distanceThreshold) {
    return { status: 'improved', reason: `Service is closer to its objective; ${met}.` }
  }
  if (distanceAfter - distanceBefore >= distanceThreshold) {
    return { status: 'regressed', reason: 'Service is further from its objective.' }
  }
  if (served > servedThreshold) return { status: 'improved', reason: `More requests were served; ${met}.` }
  if (distanceBefore === 0 && distanceAfter === 0) return judgeInside(before, after)
  return { status: 'unchanged', reason: `The change makes no difference that counts; ${met}.` }
}

function judgeInside(before: Telemetry, after: Telemetry): Verdict {
  const changes = [
    ratio(before.latency.ttft_s.p95, after.latency.ttft_s.p95),
    ratio(before.latency.inter_token_s.p99, after.latency.inter_token_s.p99),
    ratio(before.latency.e2e_s.p95, after.latency.e2e_s.p95),
  ]
  const better = changes.some((change) => change < -insideThreshold)
  const worse = changes.some((change) => change > insideThreshold)
  if (better && !worse) return { status: 'improved', reason: 'The objective was met and latency is lower still.' }
  if (worse && !better) return { status: 'regressed', reason: 'The objective is still met, but latency is higher.' }
  return { status: 'unchanged', reason: 'The objective was met before and after.' }
}

function ratio(before: number | null, after: number | null): number {
  return before === null || after === null || before === 0 ? 0 : (after - before) / before
}

/** 0 when the objective is met. Requests that nobody served have no latency, so the served share stands for them. */
function distance({ slo, latency, requests }: Telemetry): number {
  const beyond = (value: number | null, limit: number) => (value === null ? 0 : Math.max(0, Math.log(value / limit)))
  // One thousandth stands for none, whose logarithm would be infinite.
  const share = Math.max(requests.served / requests.arrived, 0.001)
  return (
    beyond(latency.ttft_s.p95, slo.ttft_p95_s) +
    beyond(latency.inter_token_s.p99, slo.inter_token_p99_s) +
    Math.max(0, Math.log(slo.served_ratio / share))
  )
}

function figures(before: Telemetry, after: Telemetry): string {
  const seconds = (value: number | null) => (value === null ? 'none' : `${value.toFixed(value < 1 ? 3 : 1)} s`)
  return (
    `Served ${before.requests.served} → ${after.requests.served} of ${after.requests.arrived}; ` +
    `time to first token p95 ${seconds(before.latency.ttft_s.p95)} → ${seconds(after.latency.ttft_s.p95)}; ` +
    `inter-token p99 ${seconds(before.latency.inter_token_s.p99)} → ${seconds(after.latency.inter_token_s.p99)}; ` +
    `preemptions ${before.requests.preemptions} → ${after.requests.preemptions}.`
  )
}
