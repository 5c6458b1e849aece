/** A map of limited size. If it is full, it removes the entry that was not used for the longest time. */
export class LeastRecentlyUsed<Key, Value> {
  readonly #entries = new Map<Key, Value>()
  readonly #capacity: number

  /** @param capacity largest number of entries. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** The value of a key. A missing value is made and stored. */
  get(key: Key, make: () => Value): Value {
    const found = this.#entries.get(key)
    const value = found ?? make()
    // A Map keeps the order of insertion: the entry used last is inserted again, so the first one is the oldest.
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

  /** Number of entries. */
  get size(): number {
    return this.#entries.size
  }
}
