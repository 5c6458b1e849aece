/** How a decode engine gets the KV blocks of prompts. */
export interface KvTransferInput {
  /** Bandwidth that all transfers share, in bytes per second. */
  readonly bytesPerSecond: number
  /** Bytes of one token, on all GPUs together. */
  readonly bytesPerToken: number
}

/** A transfer that is complete. Times are in seconds since the window opened. */
export interface FinishedTransfer {
  /** Start of the transfer. */
  readonly startS: number
  /** Its end. */
  readonly endS: number
  /** Tokens whose keys and values were transferred. */
  readonly tokens: number
}

/**
 * Transfers of KV blocks from a prefill engine, as `vllm/distributed/kv_transfer/kv_connector/v1/nixl` makes them: the
 * decode engine reads the blocks of all its waiting requests at the same time, so the transfers share the bandwidth.
 *
 * The prefill engine itself, handshakes and failing transfers are not simulated. A request arrives when its prompt is
 * computed.
 */
export class KvTransfers {
  /** Complete transfers, in order of their ends. */
  readonly finished: FinishedTransfer[] = []
  readonly #input: KvTransferInput
  /** Transfers in progress, the next one to end first. `target` is the value of `#share` at which it ends. */
  readonly #active: { request: number; startS: number; tokens: number; target: number }[] = []
  /** Requests whose blocks are here, in order of the ends of their transfers. */
  readonly #received: number[] = []
  /** Requests whose clients gave up while their blocks came. */
  readonly #abandoned = new Set<number>()
  /** By request: tokens that were transferred. */
  readonly #tokens = new Map<number, number>()
  /** Bytes that a transfer would have got if it had been in progress since the window opened. */
  #share = 0
  #now = 0

  constructor(input: KvTransferInput) {
    this.#input = input
  }

  /** Number of requests that wait for their blocks, or with their blocks for a place in the batch. */
  get waiting(): number {
    return this.#active.length - this.#abandoned.size + this.#received.length
  }

  /** Requests that {@link waiting} counts, in no particular order. */
  get requests(): readonly number[] {
    const active = this.#active.map(({ request }) => request).filter((request) => !this.#abandoned.has(request))
    return [...active, ...this.#received]
  }

  /** The request that has had its blocks for the longest time; `undefined` without one. */
  get head(): number | undefined {
    return this.#received[0]
  }

  /** End of the next transfer, if no other starts before; infinity without one. */
  get nextEnd(): number {
    const [next] = this.#active
    if (next === undefined) return Number.POSITIVE_INFINITY
    return this.#now + ((next.target - this.#share) * this.#active.length) / this.#input.bytesPerSecond
  }

  /** Tokens of a request that a prefill engine computed. */
  tokensOf(request: number): number {
    return this.#tokens.get(request) ?? 0
  }

  /** Starts the transfer of `tokens` tokens of a request. */
  start(request: number, tokens: number, now: number): void {
    const target = this.#share + tokens * this.#input.bytesPerToken
    this.#tokens.set(request, tokens)
    const later = this.#active.findIndex((other) => other.target > target)
    this.#active.splice(later === -1 ? this.#active.length : later, 0, { request, startS: now, tokens, target })
  }

  /** Lets the transfers go on until `time`. @returns abandoned requests whose blocks are free now. */
  advance(time: number): readonly number[] {
    const free: number[] = []
    for (;;) {
      const [next] = this.#active
      const endS = this.nextEnd
      if (next === undefined || endS > time) break
      this.#share = next.target
      this.#now = Math.max(this.#now, endS)
      this.#active.shift()
      this.finished.push({ startS: next.startS, endS: this.#now, tokens: next.tokens })
      if (this.#abandoned.delete(next.request)) free.push(next.request)
      else this.#received.push(next.request)
    }
    if (this.#active.length > 0 && time > this.#now) {
      this.#share += ((time - this.#now) * this.#input.bytesPerSecond) / this.#active.length
    }
    this.#now = Math.max(this.#now, time)
    return free
  }

  /** Removes the head, which gets a place in the batch. */
  shift(): void {
    this.#received.shift()
  }

  /**
   * Abandons the waiting requests whose clients gave up. vLLM frees the blocks of a transfer in progress when it ends.
   *
   * @returns those whose blocks are free now.
   */
  abandon(gaveUp: (request: number) => boolean): readonly number[] {
    for (const { request } of this.#active) {
      if (!this.#abandoned.has(request) && gaveUp(request)) this.#abandoned.add(request)
    }
    const free = this.#received.filter(gaveUp)
    for (const request of free) this.#received.splice(this.#received.indexOf(request), 1)
    return free
  }

  /** Start times of the transfers in progress. */
  get inProgressSince(): readonly number[] {
    return this.#active.map(({ startS }) => startS)
  }

  /** Ends all transfers, because the engine died. @returns the requests that waited. */
  clear(): readonly number[] {
    const lost = this.requests
    this.#active.length = 0
    this.#received.length = 0
    this.#abandoned.clear()
    return lost
  }
}
