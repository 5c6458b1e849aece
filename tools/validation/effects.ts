/** The change of one figure over the seeds of a comparison. */
export interface Effect {
  /** Median over the seeds. */
  readonly size: number
  /** Whether the sign holds: see {@link effectOf}. */
  readonly holds: boolean
}

/**
 * The effect that a change has on a figure.
 *
 * Its sign holds if at least 80 % of the seeds have the sign of the median: 7 of 8, 8 of 10. With less agreement another
 * draw of the same load could show the opposite, so the change counts as no effect. One window alone always holds. As in
 * the usual sign test, seeds without any change do not count: an engine that dies on most seeds can survive the others.
 * The median is 0 then if they are the majority.
 *
 * @param changes after minus before, one per seed; at least one.
 */
export function effectOf(changes: readonly number[]): Effect {
  const size = median(changes)
  const changed = changes.filter((change) => change !== 0)
  const agreeing = changed.filter((change) => Math.sign(change) === Math.sign(size)).length
  return { size, holds: size !== 0 && agreeing >= Math.ceil(0.8 * changed.length) }
}

/** Median; the mean of the middle two of an even number. 0 without values. */
export function median(values: readonly number[]): number {
  const ordered = values.toSorted((a, b) => a - b)
  const middle = ordered.length / 2
  return ((ordered[Math.ceil(middle) - 1] ?? 0) + (ordered[Math.floor(middle)] ?? 0)) / 2
}
