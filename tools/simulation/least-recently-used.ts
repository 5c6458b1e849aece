/** A map of bounded size that forgets what was not asked for longest. */
export class LeastRecentlyUsed<Key, Value> {
  readonly #entries = new Map<Key, Value>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get(key: Key, make: () => Value): Value {
    const found = this.#entries.get(key)
    const value = found ?? make()
    // A Map keeps the order of insertion: what was used last is inserted again, what comes first is the oldest.
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#capacity) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest)
        break
      }
    }
    return value
  }

  get size(): number {
    return this.#entries.size
  }
}
