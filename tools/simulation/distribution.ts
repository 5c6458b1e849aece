/** Observations with how often each was made: one engine step observes the same value for all its requests. */
export class Observations {
  readonly #values: number[] = []
  readonly #weights: number[] = []
  #order: Uint32Array | undefined
  count = 0
  sum = 0

  add(value: number, weight = 1): void {
    if (weight === 0) return
    this.#values.push(value)
    this.#weights.push(weight)
    this.#order = undefined
    this.count += weight
    this.sum += value * weight
  }

  /** Nearest rank: the smallest observation that at least `share` of all do not exceed. */
  quantile(share: number): number | null {
    if (this.count === 0) return null
    const rank = Math.max(1, Math.ceil(share * this.count))
    let seen = 0
    for (const index of this.#sorted()) {
      seen += this.#weights[index] ?? 0
      if (seen >= rank) return this.#values[index] ?? null
    }
    return null
  }

  /** For each upper bound, how many observations do not exceed it: a Prometheus histogram without `+Inf`. */
  cumulative(bounds: readonly number[]): number[] {
    const order = this.#sorted()
    let next = 0
    let seen = 0
    return bounds.map((bound) => {
      while (next < order.length) {
        const index = order[next] ?? 0
        if ((this.#values[index] ?? 0) > bound) break
        seen += this.#weights[index] ?? 0
        next++
      }
      return seen
    })
  }

  #sorted(): Uint32Array {
    if (this.#order === undefined) {
      const values = this.#values
      this.#order = Uint32Array.from(values.keys()).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0))
    }
    return this.#order
  }
}

/** Six digits after the point: microseconds where the value is in seconds. */
export function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6
}
