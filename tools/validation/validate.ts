import { MismatchError } from '../errors.ts'
import type { Telemetry, Validation } from '../types.ts'
import { type CountedTelemetry, countsRequests, withoutMissingFigures } from '../unobserved.ts'
import { qualifiedDeltas } from './comparable.ts'
import { formatFigure, metricDeltas, pairedDeltas } from './deltas.ts'
import { judge } from './judge.ts'
import { checkPaired, pairsOf } from './pairs.ts'
import { mainMetrics, summaryOf } from './summary.ts'

/**
 * Compares two telemetries of one incident and judges the fix between them.
 *
 * The status is `unknown` if a window was not fully observed, has no requests, or the windows have different numbers of
 * requests. Otherwise `judge` decides by the same requests before and after, over several seeds if `after.paired` has
 * them.
 *
 * @throws {MismatchError} if the telemetries belong to different scenarios or objectives, are swapped, or contradict
 * themselves.
 */
export function validate(before: Telemetry, after: Telemetry): Validation {
  checkTelemetry('pre_telemetry', before)
  checkTelemetry('post_telemetry', after)
  checkPaired('post_telemetry', after)
  if (before.scenario !== after.scenario) {
    throw new MismatchError(
      `post_telemetry.scenario is "${after.scenario}", but pre_telemetry.scenario is "${before.scenario}". Compare telemetries of one incident.`,
    )
  }
  checkOrder(before, after)
  for (const objective of ['ttft_p95_s', 'inter_token_p99_s', 'served_ratio'] as const) {
    if (before.slo[objective] === after.slo[objective]) continue
    throw new MismatchError(
      `post_telemetry.slo.${objective} is ${after.slo[objective]}, but pre_telemetry.slo.${objective} is ${before.slo[objective]}. ` +
        'Both must have the same objective.',
    )
  }
  checkPrediction(after)
  const [from, to] = [withoutMissingFigures(before), withoutMissingFigures(after)]
  return to.base === undefined ? compare(from, to) : comparePrediction(from, to, to.base)
}

/**
 * A comparison of an inferred load has the base and the bands. Without one of them a verdict would be too certain.
 *
 * @throws {MismatchError} if one of them is missing.
 */
function checkPrediction({ base, paired, prediction }: Telemetry): void {
  if (base === undefined && prediction === undefined) return
  // Without a change there is nothing to predict.
  const lacking =
    base === undefined ? 'base' : paired !== undefined && prediction === undefined ? 'prediction' : undefined
  if (lacking === undefined) return
  throw new MismatchError(
    `post_telemetry.${lacking} is missing, although the load was inferred from metrics pages. Pass the telemetry unchanged.`,
  )
}

/** A prediction is compared with the simulation that it is a change of. The pages have figures of other requests. */
function comparePrediction(before: Telemetry, after: Telemetry, base: Telemetry): Validation {
  if (before.config_id !== base.config_id || before.base !== undefined) {
    const reason =
      `No verdict: post_telemetry is a prediction for a change of ${base.config_id}, but pre_telemetry is of ` +
      `${before.config_id}. Pass the telemetry of the incident as pre_telemetry.`
    return { status: 'unknown', deltas: [], summary: reason }
  }
  checkTelemetry('post_telemetry.base', base)
  if (base.scenario !== after.scenario) {
    throw new MismatchError(
      `post_telemetry.base.scenario is "${base.scenario}", but post_telemetry.scenario is "${after.scenario}". Pass the telemetry unchanged.`,
    )
  }
  return compare(withoutMissingFigures(base), after)
}

/** Compares two windows of the same requests. */
function compare(before: Telemetry, after: Telemetry): Validation {
  const { prediction } = after
  const deltas = metricDeltas(before, after)
  const limits = limitsOf(before, after)
  const unknown = (reason: string): Validation => ({
    status: 'unknown',
    deltas,
    summary: [reason, ...limits].join(' '),
    ...limited(limits),
  })
  if (!isJudgeable(before) || !isJudgeable(after)) return unknown(unobserved(isJudgeable(before) ? after : before))
  const reason = noVerdict(before, after)
  if (reason !== undefined) return unknown(`${reason} ${mainMetrics(before, after)}`)
  const pairs = pairsOf(before, after)
  const verdict = judge(pairs, before, after, prediction?.ratios)
  if (pairs.seeds.length === 1 && before.config_id !== after.config_id) limits.push(windowsAlone)
  const all = qualifiedDeltas([...deltas, ...pairedDeltas(pairs)], {
    before,
    after,
    status: verdict.status,
    isAlone: pairs.seeds.length === 1,
  })
  const costs = after.costs ?? []
  return {
    status: verdict.status,
    deltas: all,
    ...(costs.length === 0 ? {} : { costs }),
    ...limited(limits),
    ...(prediction === undefined ? {} : { prediction }),
    summary: summaryOf({ reason: verdict.reason, before, after, pairs, deltas: all, notes: [...costs, ...limits] }),
  }
}

/** @throws {MismatchError} if the two telemetries are swapped. */
function checkOrder(before: Telemetry, after: Telemetry): void {
  const { paired } = before
  const isComparedWithAfter = paired?.config_id === after.config_id && before.config_id !== after.config_id
  if ((before.phase === 'post' && after.phase === 'pre') || isComparedWithAfter) {
    throw new MismatchError(
      `pre_telemetry is the one after the fix (${before.config_id}), and post_telemetry the one before it ` +
        `(${after.config_id}): the two are swapped. Exchange them.`,
    )
  }
}

/** A verdict on telemetries without the same requests over several seeds. */
const windowsAlone = 'Judged by these two windows alone: another draw of the load can give another verdict.'

function limited(limits: string[]): Pick<Validation, 'limits'> {
  return limits.length === 0 ? {} : { limits }
}

/** Limits of the verdict, one sentence each. */
function limitsOf(...telemetries: readonly Telemetry[]): string[] {
  const predicted = telemetries.flatMap(({ prediction }) =>
    prediction === undefined
      ? []
      : [
          'Both windows are simulated, with a load that was inferred from the metrics pages. The simulated means differ from ' +
            `those of the pages by up to ${formatFigure(prediction.residual, 'share')}.`,
        ],
  )
  const ignored = new Set(telemetries.flatMap(({ ignored_arguments = [] }) => ignored_arguments))
  if (ignored.size === 0) return predicted
  return [
    ...predicted,
    `The simulation does not follow ${[...ignored].join(', ')}: the real effect of the fix may differ.`,
  ]
}

/** Why two windows cannot be judged; `undefined` if they can. */
function noVerdict(before: CountedTelemetry, after: CountedTelemetry): string | undefined {
  if (before.requests.arrived === 0 || after.requests.arrived === 0) {
    return 'No verdict: no requests arrived in one of the windows.'
  }
  // The load depends only on the scenario, so another number means that a telemetry was invented or changed.
  if (before.requests.arrived !== after.requests.arrived) {
    return 'No verdict: the windows have different numbers of requests.'
  }
  if (
    Date.parse(before.window.start) !== Date.parse(after.window.start) ||
    before.window.duration_s !== after.window.duration_s
  ) {
    return (
      `No verdict: pre_telemetry is ${before.window.duration_s} s from ${before.window.start}, and post_telemetry is ` +
      `${after.window.duration_s} s from ${after.window.start}. They have different requests.`
    )
  }
  const unknown =
    unknownLatency('pre_telemetry', before) ?? unknownLatency('post_telemetry', after) ?? unknownSeed(after)
  return unknown === undefined ? undefined : `No verdict: ${unknown}`
}

/** The statistics that decide, by latency. */
const deciding = {
  ttft_s: ['p95'],
  inter_token_s: ['mean', 'p99'],
  e2e_s: ['p95'],
} as const

/** Latency that a window must have and lacks. Without it the service would look perfect. */
function unknownLatency(field: string, { requests, latency }: CountedTelemetry): string | undefined {
  for (const name of ['ttft_s', 'inter_token_s', 'e2e_s'] as const) {
    const lacking = deciding[name].find((statistic) => latency[name][statistic] === null)
    // Answers of one token have no time between tokens.
    const observed = latency[name].count !== 0 || (name !== 'inter_token_s' && requests.served > 0)
    if (lacking === undefined || !observed) continue
    return `${field} has ${requests.served} served requests, but its latency.${name}.${lacking} is unknown.`
  }
  return undefined
}

/** The latencies of the same requests are known for both configurations or for none. */
function unknownSeed({ paired }: Telemetry): string | undefined {
  if (paired === undefined) return undefined
  const { seeds, before, after } = paired
  const name = (['ttft_p95_s', 'e2e_p95_s', 'inter_token_mean_s'] as const).find((column) =>
    seeds.some((_, seed) => (before[column][seed] === null) !== (after[column][seed] === null)),
  )
  if (name === undefined) return undefined
  return `post_telemetry.paired.${name} of a seed is known for one configuration only. Pass the telemetry unchanged.`
}

/** Whether a telemetry has what a verdict needs. Queue and KV cache explain a verdict, but do not decide it. */
function isJudgeable(telemetry: Telemetry): telemetry is CountedTelemetry {
  return countsRequests(telemetry) && telemetry.missing?.includes('latency') !== true
}

/** Why a telemetry that lacks what a verdict needs gives none. */
function unobserved({ phase, missing = ['requests'] }: Telemetry): string {
  return `No verdict: ${phase}_telemetry lacks ${missing.join(', ')}.`
}

/**
 * Checks that the numbers of a telemetry are consistent. The schema cannot express this, and a model may invent a
 * telemetry.
 *
 * @param field path of the telemetry in the input, for the message.
 * @throws {MismatchError} if the telemetry contradicts itself.
 */
export function checkTelemetry(field: string, telemetry: Telemetry): void {
  const { requests, window, latency } = withoutMissingFigures(telemetry)
  const { arrived, served, failed, unfinished } = requests
  const parts = [served, failed, unfinished]
  const known = parts.reduce((sum: number, part) => sum + (part ?? 0), 0)
  if (arrived !== null && (parts.includes(null) ? known > arrived : known !== arrived)) {
    throw new MismatchError(
      `${field}.requests contradicts itself: served ${served} + failed ${failed} + unfinished ${unfinished} must be arrived ${arrived}.`,
    )
  }
  for (const [name, { count, p50, p95, p99 }] of Object.entries(latency)) {
    const known = [p50, p95, p99].filter((quantile) => quantile !== null)
    const ascending = known.every((quantile, index) => index === 0 || quantile >= (known[index - 1] ?? 0))
    if (!ascending || (count === 0 && known.length > 0)) {
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
