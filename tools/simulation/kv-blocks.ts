/**
 * The KV cache as a pool of blocks: who holds how many, and the prefix that all requests may share.
 *
 * The prefix is cached from the first prefill on. Its blocks count once, as in use, for as long as requests keep coming.
 */
export class KvBlocks {
  /** By request number: how many of its tokens have a place, in its own blocks or in the shared prefix. */
  readonly covered: Int32Array
  readonly #total: number
  readonly #blockSize: number
  readonly #held: Int32Array
  /** Tokens at the beginning of a request that it has from the shared prefix. */
  readonly #shared: Int32Array
  #free: number
  #prefixTokens = 0

  constructor(total: number, blockSize: number, requests: number) {
    this.#total = total
    this.#blockSize = blockSize
    this.#free = total
    this.#held = new Int32Array(requests)
    this.covered = new Int32Array(requests)
    this.#shared = new Int32Array(requests)
  }

  /** Share of the blocks in use, 0 to 1. */
  get usage(): number {
    return 1 - this.#free / this.#total
  }

  /** Tokens that a request admitted now would find cached. */
  get prefixTokens(): number {
    return this.#prefixTokens
  }

  sharedBy(request: number): number {
    return this.#shared[request] ?? 0
  }

  /** Whether a request that holds nothing could have blocks for all of its `tokens`. */
  fits(tokens: number): boolean {
    return Math.ceil((tokens - this.#prefixTokens) / this.#blockSize) <= this.#free
  }

  /** A request begins: what the shared prefix holds of it needs no blocks of its own. */
  begin(request: number): void {
    this.#shared[request] = this.#prefixTokens
    this.covered[request] = this.#prefixTokens
  }

  /** Gives a request the blocks that it lacks to hold `tokens` in all; all of them or none. */
  grow(request: number, tokens: number): boolean {
    const covered = this.covered[request] ?? 0
    const missing = Math.ceil((tokens - covered) / this.#blockSize)
    if (missing <= 0) return true
    if (missing > this.#free) return false
    this.#free -= missing
    this.#held[request] = (this.#held[request] ?? 0) + missing
    this.covered[request] = covered + missing * this.#blockSize
    return true
  }

  release(request: number): void {
    this.#free += this.#held[request] ?? 0
    this.#held[request] = 0
    this.covered[request] = 0
  }

  /** Hands the whole blocks of a prefix over from the request that computed it to all that come. */
  sharePrefix(request: number, tokens: number): void {
    const blocks = Math.floor(tokens / this.#blockSize)
    if (this.#prefixTokens > 0 || blocks === 0) return
    this.#prefixTokens = blocks * this.#blockSize
    this.#shared[request] = this.#prefixTokens
    this.#held[request] = (this.#held[request] ?? 0) - blocks
  }
}
