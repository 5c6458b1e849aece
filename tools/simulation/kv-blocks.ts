/**
 * The KV cache as a pool of blocks of equal size, and the number of blocks that each request holds.
 *
 * With blocks of 16 tokens, a request of 40 tokens holds three blocks and has room for 48 tokens. Another request with the
 * same prefix of 32 tokens needs only one block of its own, because two blocks are shared.
 *
 * Requests can share one prefix. It is cached by the first prefill; from then on its blocks count once, as in use.
 * Requests are numbers, and their data is in typed arrays, because a window has millions of request steps.
 */
export class KvBlocks {
  /** By request: tokens that fit into its own blocks and the shared prefix. */
  readonly covered: Int32Array
  readonly #total: number
  readonly #blockSize: number
  readonly #held: Int32Array
  /** By request: leading tokens that come from the shared prefix. */
  readonly #shared: Int32Array
  #free: number
  #prefixTokens = 0

  /**
   * @param total number of blocks.
   * @param blockSize tokens in one block.
   * @param requests number of requests; they are numbered from 0.
   */
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

  /** Cached prompt tokens of a request that is admitted now. */
  get prefixTokens(): number {
    return this.#prefixTokens
  }

  /** Leading tokens of a request that came from the shared prefix. */
  sharedBy(request: number): number {
    return this.#shared[request] ?? 0
  }

  /** Whether a new request of `tokens` tokens fits into the free blocks. */
  fits(tokens: number): boolean {
    return Math.ceil((tokens - this.#prefixTokens) / this.#blockSize) <= this.#free
  }

  /** Starts a request: tokens in the shared prefix need no blocks of its own. */
  begin(request: number): void {
    this.#shared[request] = this.#prefixTokens
    this.covered[request] = this.#prefixTokens
  }

  /**
   * Gives a request the blocks that it needs to hold `tokens` tokens in total.
   *
   * @returns `false` if there are not enough free blocks; then nothing changes.
   */
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

  /** Frees the blocks of a request. The shared prefix stays cached. */
  release(request: number): void {
    this.#free += this.#held[request] ?? 0
    this.#held[request] = 0
    this.covered[request] = 0
  }

  /** Turns the full blocks of a request's prefix into the shared prefix. Only the first call has an effect. */
  sharePrefix(request: number, tokens: number): void {
    const blocks = Math.floor(tokens / this.#blockSize)
    if (this.#prefixTokens > 0 || blocks === 0) return
    this.#prefixTokens = blocks * this.#blockSize
    this.#shared[request] = this.#prefixTokens
    this.#held[request] = (this.#held[request] ?? 0) - blocks
  }
}
