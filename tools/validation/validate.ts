import { MismatchError } from '../errors.ts'
import type { Telemetry, Validation, ValidationStatus } from '../types.ts'
import { formatFigure, metricDeltas } from './deltas.ts'

/** Change in served requests, as a share of those that arrived, that counts as noise. */
export const servedThreshold = 0.01
/** Increase in served requests, as a share of those that arrived, that outweighs any change in latency. */
export const rescuedThreshold = 0.1
/** Smallest change of the distance to the objective that counts; 0.1 is a latency about 10 % closer to its limit. */
const distanceThreshold = 0.1
/** Smallest relative change of a latency that counts while the objective is met. */
const insideThreshold = 0.1

/**
 * Judges a fix by the service level objective and the number of requests served.
 *
 * The rules, in order:
 *
 * 1. `unknown`: a window was not fully observed, has no requests, or the windows have different numbers of requests.
 * 2. `regressed`: fewer requests were served, by more than {@link servedThreshold} of those that arrived. Dropping
 *    traffic is a regression, even if it makes the other requests faster.
 * 3. `improved`: more requests were served, by more than {@link rescuedThreshold} of those that arrived. Latencies are not
 *    compared, because requests that were never served have none.
 * 4. `improved` or `regressed`: the distance to the objective changed by at least {@link distanceThreshold}. The distance
 *    is the sum of ln(value / limit) over latencies above their limits, plus ln(limit / share) for a served share below
 *    its limit.
 * 5. `improved`: more requests were served.
 * 6. With the objective met before and after: the status that the changes in latency agree on.
 * 7. Otherwise `unchanged`.
 *
 * @throws {MismatchError} if the telemetries belong to different scenarios or objectives, are swapped, or contradict
 * themselves.
 */
export function validate(before: Telemetry, after: Telemetry): Validation {
  checkTelemetry('pre_telemetry', before)
  checkTelemetry('post_telemetry', after)
  if (before.scenario !== after.scenario) {
    throw new MismatchError(
      `post_telemetry.scenario is "${after.scenario}", but pre_telemetry.scenario is "${before.scenario}". Compare telemetries of one incident.`,
    )
  }
  if (before.phase === 'post' && after.phase === 'pre') {
    throw new MismatchError(
      'pre_telemetry.phase is "post" and post_telemetry.phase is "pre": the two are swapped. Exchange them.',
    )
  }
  for (const objective of ['ttft_p95_s', 'inter_token_p99_s', 'served_ratio'] as const) {
    if (before.slo[objective] === after.slo[objective]) continue
    throw new MismatchError(
      `post_telemetry.slo.${objective} is ${after.slo[objective]}, but pre_telemetry.slo.${objective} is ${before.slo[objective]}. ` +
        'Both must have the same objective.',
    )
  }
  const { status, reason } = judge(before, after)
  const isObserved = unobserved(before, after) === undefined
  const summary = isObserved ? `${reason} ${mainMetrics(before, after)}` : reason
  const limits = limitsOf(before, after)
  return {
    status,
    deltas: metricDeltas(before, after),
    summary: [summary, ...limits].join(' '),
    ...(limits.length === 0 ? {} : { limits }),
  }
}

/** Limits of the verdict, one sentence each. */
function limitsOf(...telemetries: readonly Telemetry[]): string[] {
  const ignored = new Set(telemetries.flatMap(({ ignored_arguments = [] }) => ignored_arguments))
  if (ignored.size === 0) return []
  return [`The simulation does not follow ${[...ignored].join(', ')}: the real effect of the fix may differ.`]
}

/** A status with its reason, which starts the summary. */
interface Verdict {
  readonly status: ValidationStatus
  readonly reason: string
}

/** Applies the rules of {@link validate} in order. */
function judge(before: Telemetry, after: Telemetry): Verdict {
  const unseen = unobserved(before, after)
  if (unseen !== undefined) {
    const reason = `No verdict: ${unseen.phase}_telemetry lacks ${unseen.missing?.join(', ')}.`
    return { status: 'unknown', reason }
  }
  const arrived = before.requests.arrived
  if (arrived === 0 || after.requests.arrived === 0) {
    return { status: 'unknown', reason: 'No verdict: no requests arrived in one of the windows.' }
  }
  // The load depends only on the scenario, so another number means that a telemetry was invented or changed.
  if (arrived !== after.requests.arrived) {
    return { status: 'unknown', reason: 'No verdict: the windows have different numbers of requests.' }
  }
  const served = (after.requests.served - before.requests.served) / arrived
  // Dropped requests come first: a better latency must not hide them.
  if (served < -servedThreshold) return { status: 'regressed', reason: 'Fewer requests were served.' }
  const distanceBefore = distance(before)
  const distanceAfter = distance(after)
  const isMet = distanceAfter === 0
  const wasMet = distanceBefore === 0
  const met = `The objective is ${isMet === wasMet ? 'still' : 'now'} ${isMet ? 'met' : 'missed'}.`
  if (served > rescuedThreshold) return { status: 'improved', reason: `Many more requests were served. ${met}` }
  if (distanceBefore - distanceAfter >= distanceThreshold) {
    return { status: 'improved', reason: isMet ? met : `Service is closer to its objective. ${met}` }
  }
  if (distanceAfter - distanceBefore >= distanceThreshold) {
    return { status: 'regressed', reason: 'Service is further from its objective.' }
  }
  if (served > servedThreshold) return { status: 'improved', reason: `More requests were served. ${met}` }
  if (wasMet && isMet) return judgeInside(before, after)
  return { status: 'unchanged', reason: `The change makes no significant difference. ${met}` }
}

/** The telemetry with missing members, which contains zeros that must not be compared or shown. */
function unobserved(before: Telemetry, after: Telemetry): Telemetry | undefined {
  return [before, after].find(({ missing }) => missing !== undefined && missing.length > 0)
}

/** The objective was met before and after. */
function judgeInside(before: Telemetry, after: Telemetry): Verdict {
  const changes = [
    ratio(before.latency.ttft_s.p95, after.latency.ttft_s.p95),
    ratio(before.latency.inter_token_s.p99, after.latency.inter_token_s.p99),
    ratio(before.latency.e2e_s.p95, after.latency.e2e_s.p95),
  ]
  const better = changes.some((change) => change < -insideThreshold)
  const worse = changes.some((change) => change > insideThreshold)
  if (better && !worse)
    return { status: 'improved', reason: 'The objective was met before, and latency is even lower now.' }
  if (worse && !better) return { status: 'regressed', reason: 'The objective is still met, but latency is higher.' }
  return { status: 'unchanged', reason: 'The objective was met before and after.' }
}

/** Relative change; 0 if it is not defined. */
function ratio(before: number | null, after: number | null): number {
  return before === null || after === null || before === 0 ? 0 : (after - before) / before
}

/** 0 if the objective is met. Requests that were not served have no latency, so they count through the served share. */
function distance({ slo, latency, requests }: Telemetry): number {
  const excess = (value: number | null, limit: number) => (value === null ? 0 : Math.max(0, Math.log(value / limit)))
  // With no served request the logarithm would be infinite, so the share is at least 0.001.
  const share = Math.max(requests.served / requests.arrived, 0.001)
  return (
    excess(latency.ttft_s.p95, slo.ttft_p95_s) +
    excess(latency.inter_token_s.p99, slo.inter_token_p99_s) +
    Math.max(0, Math.log(slo.served_ratio / share))
  )
}

/** The metrics that decide, before and after. A latency that was measured in neither window is left out. */
function mainMetrics(before: Telemetry, after: Telemetry): string {
  const latency = (label: string, from: number | null, to: number | null) => {
    const [first, last] = [from, to].map((value) => (value === null ? 'not measured' : formatFigure(value, 's')))
    return from === null && to === null ? [] : [`${label} ${first} → ${last}`]
  }
  const metrics = [
    `Served ${before.requests.served} → ${after.requests.served} of ${after.requests.arrived}`,
    ...latency('time to first token p95', before.latency.ttft_s.p95, after.latency.ttft_s.p95),
    ...latency('inter-token p99', before.latency.inter_token_s.p99, after.latency.inter_token_s.p99),
    `preemptions ${before.requests.preemptions} → ${after.requests.preemptions}`,
  ]
  return `${metrics.join('; ')}.${fewSurvivors(before, after)}`
}

/** Latencies of a service that fails are those of the requests that got through, and say little about the service. */
function fewSurvivors({ requests: { served, arrived } }: Telemetry, after: Telemetry): string {
  if (served === 0 || served >= arrived / 2 || after.requests.served <= served) return ''
  return ` The latencies before are those of the ${formatFigure(served, 'requests')} that got through.`
}

/**
 * Checks that the numbers of a telemetry are consistent. The schema cannot express this, and a model may invent a
 * telemetry.
 *
 * @param field path of the telemetry in the input, for the message.
 * @throws {MismatchError} if the telemetry contradicts itself.
 */
export function checkTelemetry(field: string, { requests, window, latency }: Telemetry): void {
  const { arrived, served, failed, unfinished } = requests
  if (served + failed + unfinished !== arrived) {
    throw new MismatchError(
      `${field}.requests contradicts itself: served ${served} + failed ${failed} + unfinished ${unfinished} must be arrived ${arrived}.`,
    )
  }
  for (const [name, { count, p50, p95, p99 }] of Object.entries(latency)) {
    const ascending = p50 === null || p95 === null || p99 === null || (p50 <= p95 && p95 <= p99)
    if (!ascending || (count === 0 && p50 !== null)) {
      throw new MismatchError(
        `${field}.latency.${name} contradicts itself: count ${count}, p50 ${p50}, p95 ${p95}, p99 ${p99}.`,
      )
    }
  }
  const seconds = (Date.parse(window.end) - Date.parse(window.start)) / 1000
  if (seconds <= 0) {
    throw new MismatchError(`${field}.window.end is ${window.end}, which must be after window.start ${window.start}.`)
  }
  // Times have milliseconds.
  if (Math.abs(seconds - window.duration_s) > 0.001) {
    throw new MismatchError(
      `${field}.window.duration_s is ${window.duration_s}, but start and end are ${seconds} s apart.`,
    )
  }
}
