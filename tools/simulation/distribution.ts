/** Observations with how often each was made: one engine step observes the same value for all its requests. */
export class Observations {
  readonly #values: number[] = []
  readonly #weights: number[] = []
  #ordered: { readonly values: Float64Array; readonly weights: Float64Array } | undefined
  count = 0
  sum = 0

  add(value: number, weight = 1): void {
    if (weight === 0) return
    this.#values.push(value)
    this.#weights.push(weight)
    this.#ordered = undefined
    this.count += weight
    this.sum += value * weight
  }

  /** Nearest rank: the smallest observation that at least `share` of all do not exceed. */
  quantile(share: number): number | null {
    if (this.count === 0) return null
    const rank = Math.max(1, Math.ceil(share * this.count))
    const { values, weights } = this.#ascending()
    let seen = 0
    for (let index = 0; index < values.length; index++) {
      seen += weights[index] ?? 0
      if (seen >= rank) return values[index] ?? null
    }
    return null
  }

  /** For each upper bound, how many observations do not exceed it: a Prometheus histogram without `+Inf`. */
  cumulative(bounds: readonly number[]): number[] {
    const { values, weights } = this.#ascending()
    let next = 0
    let seen = 0
    return bounds.map((bound) => {
      while (next < values.length && (values[next] ?? 0) <= bound) seen += weights[next++] ?? 0
      return seen
    })
  }

  /** The values, each once, with how often it was observed. Adding comes often and asking seldom: this is made when asked. */
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

/** Six digits after the point: microseconds where the value is in seconds. */
export function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6
}
