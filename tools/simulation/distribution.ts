/**
 * An empirical distribution of weighted values: how often each value was observed.
 *
 * One engine step gives many requests the same inter-token latency, so a value is added once with a weight instead of
 * once per request.
 */
export class Distribution {
  readonly #values: number[] = []
  readonly #weights: number[] = []
  #ordered: { readonly values: Float64Array; readonly weights: Float64Array } | undefined
  /** Number of observations: the sum of all weights. */
  count = 0
  /** Sum of all observations. */
  sum = 0

  readonly #records: boolean

  /** @param records `false` for a distribution that nobody reads, which stays empty. */
  constructor(records = true) {
    this.#records = records
  }

  /** Adds `weight` observations of the same value. */
  add(value: number, weight = 1): void {
    if (weight === 0 || !this.#records) return
    this.#values.push(value)
    this.#weights.push(weight)
    this.#ordered = undefined
    this.count += weight
    this.sum += value * weight
  }

  /** Adds all observations of another distribution. */
  addAll(other: Distribution): void {
    other.#values.forEach((value, index) => {
      this.add(value, other.#weights[index])
    })
  }

  /**
   * Quantile by nearest rank: the smallest observation that is at least as large as `share` (0 to 1) of all.
   *
   * @returns `null` if nothing was observed.
   */
  quantile(share: number): number | null {
    return this.quantiles([share])[0] ?? null
  }

  /**
   * Several quantiles in one pass, as {@link quantile} gives each.
   *
   * @param shares in ascending order, 0 to 1.
   * @returns nothing if nothing was observed.
   */
  quantiles(shares: readonly number[]): readonly number[] {
    if (this.count === 0) return []
    const { values, weights } = this.#ascending()
    let index = 0
    let seen = weights[0] ?? 0
    return shares.map((share) => {
      const rank = Math.max(1, Math.ceil(share * this.count))
      while (seen < rank && index < values.length - 1) {
        index++
        seen += weights[index] ?? 0
      }
      return values[index] ?? 0
    })
  }

  /** For each upper limit in ascending order, the number of observations up to it: the buckets of a Prometheus histogram without `+Inf`. */
  cumulative(upperBounds: readonly number[]): number[] {
    // Without sorting: a page has few buckets, and a distribution has many values.
    const counts = new Float64Array(upperBounds.length)
    this.#values.forEach((value, index) => {
      const bucket = firstNotBelow(upperBounds, value)
      if (bucket < counts.length) counts[bucket] = (counts[bucket] ?? 0) + (this.#weights[index] ?? 0)
    })
    let seen = 0
    return Array.from(counts, (count) => {
      seen += count
      return seen
    })
  }

  /** Number of values that were added, each counted once whatever its weight: a place in the order of time. */
  get added(): number {
    return this.#values.length
  }

  /**
   * Observations above a limit among the values that were added between two places.
   *
   * @param from `added` before the first of these values.
   * @param to `added` after the last of them.
   */
  above(limit: number, from: number, to: number): { readonly above: number; readonly all: number } {
    let [above, all] = [0, 0]
    for (let index = from; index < to; index++) {
      const weight = this.#weights[index] ?? 0
      all += weight
      if ((this.#values[index] ?? 0) > limit) above += weight
    }
    return { above, all }
  }

  /**
   * The observations that were added between two places of the order of time.
   *
   * @param from `added` before the first of these values.
   * @param to `added` after the last of them.
   */
  part(from: number, to: number): Distribution {
    const part = new Distribution()
    for (let index = from; index < to; index++) part.add(this.#values[index] ?? 0, this.#weights[index])
    return part
  }

  /** Distinct values in ascending order with their weights. Computed on demand: values are added often and read rarely. */
  #ascending() {
    if (this.#ordered === undefined) {
      const weightOf = new Map<number, number>()
      this.#values.forEach((value, index) => {
        weightOf.set(value, (weightOf.get(value) ?? 0) + (this.#weights[index] ?? 0))
      })
      const values = Float64Array.from(weightOf.keys()).sort()
      this.#ordered = { values, weights: values.map((value) => weightOf.get(value) ?? 0) }
    }
    return this.#ordered
  }
}

/** Index of the first limit that is not below a value; the number of limits if all are. */
function firstNotBelow(limits: readonly number[], value: number): number {
  let [low, high] = [0, limits.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((limits[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Rounds to six decimal places, which are microseconds if the value is in seconds. */
export function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6
}
