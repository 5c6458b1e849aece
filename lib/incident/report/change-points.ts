/** Consecutive counts with one rate. */
export interface Segment {
  /** Index of the first count. */
  readonly from: number
  /** Index after the last count. */
  readonly to: number
  /** Events per exposure. */
  readonly rate: number
}

/** One count. */
export interface Count {
  /** Number of events. */
  readonly events: number
  /** Seconds or requests in which they were counted. */
  readonly exposure: number
}

/** Least logarithm of the likelihood ratio of a change. Chance reaches 10 in fewer than one of a thousand series. */
const leastEvidence = 10
/** Fewest counts on each side of a change. */
const fewestCounts = 3

/**
 * Splits a series of counts where their rate changes, by the likelihood ratio of two Poisson rates instead of one.
 *
 * Counts that vary more than a Poisson process need more evidence: the differences between neighbours show how much they
 * vary, and a step among them has no effect on it.
 */
export function segmentsOf(counts: readonly Count[]): readonly Segment[] {
  const needed = leastEvidence * dispersionOf(counts)
  const split = (from: number, to: number): Segment[] => {
    const { at, evidence } = bestSplit(counts, from, to)
    if (at !== undefined && evidence > needed) return [...split(from, at), ...split(at, to)]
    const [events, exposure] = sumOf(counts, from, to)
    return [{ from, to, rate: exposure === 0 ? 0 : events / exposure }]
  }
  return counts.length === 0 ? [] : refined(split(0, counts.length), counts)
}

/** Moves each change to its best place between its neighbours. The first split did not know of the later ones. */
function refined(segments: readonly Segment[], counts: readonly Count[]): readonly Segment[] {
  const bounds = [0, ...segments.map(({ to }) => to)]
  for (let index = 1; index < bounds.length - 1; index++) {
    const [from = 0, to = 0] = [bounds[index - 1], bounds[index + 1]]
    bounds[index] = bestSplit(counts, from, to).at ?? bounds[index] ?? from
  }
  return bounds.slice(1).map((to, index) => {
    const from = bounds[index] ?? 0
    const [events, exposure] = sumOf(counts, from, to)
    return { from, to, rate: exposure === 0 ? 0 : events / exposure }
  })
}

/** The place where two rates explain the counts best, and how much better than one rate. */
function bestSplit(
  counts: readonly Count[],
  from: number,
  to: number,
): { readonly at: number | undefined; readonly evidence: number } {
  const [all, exposure] = sumOf(counts, from, to)
  const one = logLikelihood(all, exposure)
  let at: number | undefined
  let [evidence, left, leftExposure] = [0, 0, 0]
  for (let index = from; index < to - fewestCounts; index++) {
    left += counts[index]?.events ?? 0
    leftExposure += counts[index]?.exposure ?? 0
    if (index + 1 - from < fewestCounts) continue
    const gain = logLikelihood(left, leftExposure) + logLikelihood(all - left, exposure - leftExposure) - one
    if (gain > evidence) [evidence, at] = [gain, index + 1]
  }
  return { at, evidence }
}

function sumOf(counts: readonly Count[], from: number, to: number): [events: number, exposure: number] {
  let [events, exposure] = [0, 0]
  for (let index = from; index < to; index++) {
    events += counts[index]?.events ?? 0
    exposure += counts[index]?.exposure ?? 0
  }
  return [events, exposure]
}

function logLikelihood(events: number, exposure: number): number {
  return events === 0 || exposure === 0 ? 0 : events * Math.log(events / exposure)
}

/** Variance by mean of the counts of equal exposure; at least 1. */
function dispersionOf(counts: readonly Count[]): number {
  let [squares, sum] = [0, 0]
  for (const [index, { events }] of counts.entries()) {
    const next = counts[index + 1]?.events
    if (next === undefined) continue
    squares += (next - events) ** 2
    sum += next + events
  }
  return sum === 0 ? 1 : Math.max(1, squares / sum)
}
