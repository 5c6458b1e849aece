import type { MetricDelta, ValidationStatus } from '../types.ts'
import type { CountedTelemetry } from '../unobserved.ts'
import { formatFigure } from './deltas.ts'
import { type Objective, objectivesOf } from './objectives.ts'

/** The two windows of a comparison, and its verdict. */
interface Comparison {
  /** The window before the fix. */
  readonly before: CountedTelemetry
  /** The window after the fix. */
  readonly after: CountedTelemetry
  /** The verdict on the fix. */
  readonly status: ValidationStatus
  /** Whether the two windows decide, because the same requests over several seeds are not known. */
  readonly isAlone: boolean
}

/** Difference in the share of failed requests that shows an outage in one of the windows. */
const outage = 0.1
/** Share of served requests below which latencies are those of survivors. */
const survivors = 0.5

/**
 * The metrics with the verdicts that the whole comparison allows:
 *
 * - A figure of other requests, or of another time of service, is neither better nor worse: `comparable` is false, and
 *   `reason` says why.
 * - A figure that got worse but is within its objective is `same`, with the objective as `reason`. What decides a
 *   regression keeps its verdict.
 */
export function qualifiedDeltas(deltas: readonly MetricDelta[], comparison: Comparison): MetricDelta[] {
  const met = metObjectives(comparison.after)
  return deltas.map((delta) => {
    if (delta.verdict !== 'better' && delta.verdict !== 'worse') return delta
    const obstacle = obstacleOf(delta, comparison)
    if (obstacle !== undefined) return { ...delta, verdict: 'unknown', comparable: false, reason: obstacle }
    const objective = met.find(({ metrics }) => metrics.test(delta.metric))
    if (delta.verdict === 'better' || objective === undefined || decides(delta, comparison)) return delta
    return { ...delta, verdict: 'same', reason: `Within its objective: ${objective.text}.` }
  })
}

/** Metrics that describe the requests in the engine, which an engine that is down does not have. */
const ofRunningEngine = /^(requests\.(unfinished|preemptions)|latency\..*|queue\..*|kv_cache\.usage_.*)$/

/** Why the two values of a metric cannot be compared; `undefined` if they can. */
function obstacleOf({ metric, verdict }: MetricDelta, { before, after }: Comparison): string | undefined {
  const windows = [
    { name: 'before', ...before.requests, share: before.requests.served / before.requests.arrived },
    { name: 'after', ...after.requests, share: after.requests.served / after.requests.arrived },
  ] as const
  const [first, last] = windows
  const failing = first.failed / first.arrived > last.failed / last.arrived ? first : last
  const lost = Math.abs(first.failed / first.arrived - last.failed / last.arrived)
  if (lost > outage && ofRunningEngine.test(metric)) {
    return `${failing.failed} of ${failing.arrived} requests failed ${failing.name} the fix, so these are figures of fewer requests.`
  }
  const fewer = first.share < last.share ? first : last
  if (fewer.share < survivors && Math.abs(first.share - last.share) > outage && metric.startsWith('latency.')) {
    return `The latencies ${fewer.name} the fix are those of the ${formatFigure(fewer.served, 'requests')} of ${fewer.arrived} that got through.`
  }
  const stopped = (before.requests.preemptions ?? 0) - (after.requests.preemptions ?? 0)
  if (metric === 'throughput.prompt_tokens_per_s' && verdict === 'worse' && stopped > lostPreemptions * first.served) {
    return `${stopped} preemptions fewer: their prompts are no longer computed again.`
  }
  return undefined
}

/** Preemptions per served request that make a difference to the prompt tokens. */
const lostPreemptions = 0.05

/** Figures that a regression is decided by. */
function decides({ metric }: MetricDelta, { status, isAlone }: Comparison): boolean {
  return status === 'regressed' && (isAlone || /^(paired\.|requests\.(served|failed|unfinished)$)/.test(metric))
}

/** An objective that is met, and the metrics that are part of what it limits. */
interface MetObjective {
  readonly metrics: RegExp
  readonly text: string
}

/** The metrics that each objective limits. */
const limitedBy: Readonly<Record<Objective['name'], RegExp>> = {
  'time to first token p95': /^(latency\.(ttft|queue|prefill)_s\.|paired\.ttft_p95_s$)/,
  'inter-token p99': /^(latency\.(inter_token|decode)_s\.|paired\.inter_token_mean_s$)/,
  'share of served requests': /^(requests\.(served|failed|unfinished)$|throughput\.)/,
}

/** Metrics that no objective limits alone. */
const limitedByAll = /^(latency\.e2e_s\.|paired\.e2e_p95_s$|queue\.|kv_cache\.|requests\.preemptions$)/

/** The objectives that a window meets. If it meets all of them, no figure of the engine alone is a problem. */
function metObjectives(window: CountedTelemetry): MetObjective[] {
  const objectives = objectivesOf(window)
  const met = objectives.filter(({ state }) => state !== 'missed')
  const each = met.map(({ name, unit, limit }) => ({
    metrics: limitedBy[name],
    text: `${name} ${unit === 's' ? 'up to' : 'from'} ${formatFigure(limit, unit)}`,
  }))
  const all = { metrics: limitedByAll, text: 'all objectives are met' }
  return met.length === objectives.length ? [...each, all] : each
}
