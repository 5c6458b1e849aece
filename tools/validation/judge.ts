import type { PairedSeeds, PredictedRatio, Telemetry, ValidationStatus } from '../types.ts'
import type { CountedTelemetry } from '../unobserved.ts'
import { servedThreshold } from './deltas.ts'
import { missedObjectives } from './objectives.ts'
import { type Effect, effectOf, median, medianOf, type PairedSide } from './pairs.ts'

/** Increase in refused, failed and cut requests, as a share of those that arrived, that counts as noise. */
export const lostThreshold = 0.0005
/** Increase in served requests, as a share of those that arrived, that outweighs any change in latency. */
export const rescuedThreshold = 0.1
/** Smallest change of the distance to the objective that counts; 0.1 is a latency about 10 % closer to its limit. */
const distanceThreshold = 0.1
/** Smallest relative change of a latency that counts if the distance to the objective did not change. */
const latencyThreshold = 0.1
/** Smallest change in the share of streams that pause longer than the limit that counts then. */
const stalledThreshold = 0.05

/** A status with its reason, which starts the summary. */
export interface Verdict {
  /** The verdict on the fix. */
  readonly status: ValidationStatus
  /** Why, in a sentence or two. */
  readonly reason: string
  /** For `improved`: the figures of {@link PairedSeeds} that got better. */
  readonly better?: readonly (keyof PairedSide)[]
}

/**
 * Judges a fix by the work that it does and by the service level objective. The rules, in order:
 *
 * 1. `regressed`: more requests are refused, fail or have their answers cut, by more than {@link lostThreshold} of those
 *    that arrived; or, of two windows alone, the engine is down only after the fix. Refusing work fixes nothing, even if
 *    the other requests become faster. So refused and cut requests also count alone, unless the engine survives and serves
 *    more than {@link rescuedThreshold} in addition.
 * 2. `regressed`: fewer requests were served, by more than {@link servedThreshold} of those that arrived: more work is
 *    unfinished.
 * 3. `improved`: more requests were served, by more than {@link rescuedThreshold} of those that arrived.
 * 4. `improved` or `regressed`: the {@link distance} to the objective changed by at least {@link distanceThreshold}.
 * 5. `improved`: more requests were served, by more than {@link servedThreshold}.
 * 6. The status that the changes in latency of at least {@link latencyThreshold} and in stalled streams of at least
 *    {@link stalledThreshold} agree on. While too few requests are served, only a worsening counts: latencies of the
 *    requests that get through do not matter then.
 * 7. Otherwise `unchanged`.
 *
 * An effect counts only if its sign holds over the seeds: see {@link effectOf}. Lost work also counts if it rises on three
 * seeds and falls on none.
 *
 * @param ratios of a prediction. Then `improved` also needs a figure that decided and whose band does not contain ×1.
 */
export function judge(
  pairs: PairedSeeds,
  before: CountedTelemetry,
  after: CountedTelemetry,
  ratios?: readonly PredictedRatio[],
): Verdict {
  const verdict = judgePairs(pairs, before, after)
  if (verdict.status !== 'improved' || ratios === undefined) return verdict
  const isCertain = ratios.some(
    ({ figure, band: { low, high } }) =>
      verdict.better?.some((name) => name === figure) && (figure === 'served' ? low > 1 : high < 1),
  )
  if (isCertain) return verdict
  return {
    status: 'unchanged',
    reason: 'The change may make no difference: the bands of the figures that get better contain ×1.',
  }
}

/** The verdict of {@link judge} without the bands. */
function judgePairs(pairs: PairedSeeds, before: CountedTelemetry, after: CountedTelemetry): Verdict {
  const { arrived } = pairs
  const changes = (value: (side: PairedSide, seed: number) => number) =>
    arrived.map((_, seed) => value(pairs.after, seed) - value(pairs.before, seed))
  const change = (value: (side: PairedSide, seed: number) => number) => effectOf(changes(value))
  const shareOf = (count: number, seed: number) => count / (arrived[seed] ?? 1)
  const lost = changes((side, seed) => shareOf((side.failed[seed] ?? 0) + (side.cut[seed] ?? 0), seed))
  if (rises(effectOf(lost), lostThreshold) || risesOnSome(lost)) {
    return { status: 'regressed', reason: 'More requests are refused, fail or have their answers cut short.' }
  }
  // Over the seeds an engine that dies loses requests, which the first rule counts.
  if (pairs.seeds.length === 1 && before.health.engine_up && !after.health.engine_up) {
    return { status: 'regressed', reason: 'The engine ran before, and is down now.' }
  }
  const served = change((side, seed) => shareOf(side.served[seed] ?? 0, seed))
  const withheld = changes((side, seed) => shareOf((side.refused[seed] ?? 0) + (side.cut[seed] ?? 0), seed))
  const refuses = rises(effectOf(withheld), lostThreshold) || risesOnSome(withheld)
  if (refuses && !(after.health.engine_up && rises(served, rescuedThreshold))) {
    return { status: 'regressed', reason: 'More requests are refused or have their answers cut short.' }
  }
  if (rises(negated(served), servedThreshold)) return { status: 'regressed', reason: 'Fewer requests were served.' }
  const isMet = missedObjectives(after).length + missedOverSeeds(pairs.after, pairs, after.slo).length === 0
  const wasMet = missedObjectives(before).length + missedOverSeeds(pairs.before, pairs, before.slo).length === 0
  const state = isMet ? 'met' : 'missed'
  const met = isMet === wasMet ? `The objective is still ${state}.` : `With the change, the objective is ${state}.`
  if (rises(served, rescuedThreshold)) {
    return { status: 'improved', reason: `Many more requests were served. ${met}`, better: ['served'] }
  }
  const closer = negated(change((side, seed) => distance(side, seed, arrived[seed] ?? 1, after.slo)))
  if (closer.holds && closer.size >= distanceThreshold) {
    const better = ['ttft_p95_s', 'stall_excess', 'served'] as const
    return { status: 'improved', reason: isMet ? met : `Service is closer to its objective. ${met}`, better }
  }
  if (closer.holds && closer.size <= -distanceThreshold) {
    return { status: 'regressed', reason: 'Service is further from its objective.' }
  }
  if (rises(served, servedThreshold)) {
    return { status: 'improved', reason: `More requests were served. ${met}`, better: ['served'] }
  }
  const latencies = latencyChanges(pairs)
  const stalled = change((side, seed) => side.stalled_share[seed] ?? 0)
  return judgeLatency({
    better: [
      ...latencyNames.filter((_, index) => rises(negated(latencies[index] ?? none), logThreshold)),
      ...(rises(negated(stalled), stalledThreshold) ? (['stalled_share'] as const) : []),
    ],
    slower: latencies.some((latency) => rises(latency, logThreshold)),
    moreStalled: rises(stalled, stalledThreshold),
    staysMet: wasMet && isMet,
    enoughServed: median(arrived.map((_, seed) => servedShare(pairs.after, pairs, seed))) >= after.slo.served_ratio,
    met,
  })
}

const logThreshold = Math.log(1 + latencyThreshold)
/** No effect. */
const none: Effect = { size: 0, holds: false }
/** Latencies that users notice. */
const latencyNames = ['ttft_p95_s', 'inter_token_mean_s', 'e2e_p95_s'] as const

/** Findings that decide if the distance to the objective did not change. */
interface LatencyFindings {
  readonly better: readonly (keyof PairedSide)[]
  readonly slower: boolean
  readonly moreStalled: boolean
  readonly staysMet: boolean
  readonly enoughServed: boolean
  readonly met: string
}

/** The distance to the objective did not change. */
function judgeLatency(findings: LatencyFindings): Verdict {
  const { better: improved, slower, moreStalled, staysMet, enoughServed, met } = findings
  const better = improved.length > 0
  const worse = slower || moreStalled
  if (better && worse) {
    return { status: 'unchanged', reason: `Some latencies are lower, and others are higher. ${met}` }
  }
  if (worse) {
    const what = slower ? 'latency is higher' : 'more streams pause longer than the limit'
    return { status: 'regressed', reason: `The objective is still ${staysMet ? 'met' : 'missed'}, but ${what}.` }
  }
  if (better && staysMet) {
    return {
      status: 'improved',
      reason: 'The objective was met before, and latency is even lower now.',
      better: improved,
    }
  }
  if (better && enoughServed) return { status: 'improved', reason: `Latency is lower. ${met}`, better: improved }
  if (better) return { status: 'unchanged', reason: `No more requests are served than before. ${met}` }
  return {
    status: 'unchanged',
    reason: staysMet ? 'The objective was met before and after.' : `The change makes no significant difference. ${met}`,
  }
}

/** Changes of the logarithms of the latencies that users notice. */
function latencyChanges({ before, after }: PairedSeeds): Effect[] {
  return latencyNames.map((metric) =>
    effectOf(
      before[metric].map((from, seed) => {
        const to = after[metric][seed] ?? null
        // Nobody notices a difference of less than a step of the engine.
        return from === null || to === null ? 0 : Math.log((to + engineStepS) / (from + engineStepS))
      }),
    ),
  )
}

/** A short step of an engine, in seconds. */
const engineStepS = 0.005

/**
 * How far a service is from its objective; 0 if it is met. The sum of
 *
 * - ln(value / limit) for a time to first token p95 above its limit,
 * - the mean over the streams of ln(longest pause / limit), which is the share of streams that exceed the limit, summed
 *   over all multiples of it. One quantile of all pauses would jump where two kinds of pauses meet,
 * - ln(limit / share) for a served share below its limit.
 */
function distance(side: PairedSide, seed: number, arrived: number, slo: Telemetry['slo']): number {
  const ttft = side.ttft_p95_s[seed] ?? null
  // With no served request the logarithm would be infinite, so the share is at least 0.001.
  const share = Math.max((side.served[seed] ?? 0) / arrived, 0.001)
  return (
    (ttft === null ? 0 : Math.max(0, Math.log(ttft / slo.ttft_p95_s))) +
    (side.stall_excess[seed] ?? 0) +
    Math.max(0, Math.log(slo.served_ratio / share))
  )
}

/**
 * The objectives that most seeds miss, in the same words. Empty for one window alone. The inter-token p99 is not known per
 * seed.
 */
export function missedOverSeeds(side: PairedSide, pairs: PairedSeeds, slo: Telemetry['slo']): string[] {
  if (pairs.seeds.length === 1) return []
  const missed: string[] = []
  if ((medianOf(side.ttft_p95_s) ?? 0) > slo.ttft_p95_s) missed.push('time to first token p95')
  if (median(pairs.arrived.map((_, seed) => servedShare(side, pairs, seed))) < slo.served_ratio) {
    missed.push('share of served requests')
  }
  return missed
}

function servedShare({ served }: PairedSide, { arrived }: PairedSeeds, seed: number): number {
  return (served[seed] ?? 0) / (arrived[seed] ?? 1)
}

/**
 * Whether more work is lost on some seeds and less on none: a limit can be so high that few draws have a request above it.
 * Three seeds are the fewest that chance seldom gives the same sign.
 */
function risesOnSome(lost: readonly number[]): boolean {
  const mean = lost.reduce((total, value) => total + value, 0) / lost.length
  return mean > lostThreshold && lost.every((value) => value >= 0) && lost.filter((value) => value > 0).length >= 3
}

/** Whether a figure rises by more than a threshold on enough seeds. */
function rises({ size, holds }: Effect, threshold: number): boolean {
  return holds && size > threshold
}

function negated({ size, holds }: Effect): Effect {
  return { size: -size, holds }
}
