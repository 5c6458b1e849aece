import type { BlockContents } from './block-contents.ts'

/** Settings of the KV cache. */
export interface KvBlocksOptions {
  /** Number of blocks, including the null block. */
  readonly total: number
  /** Tokens in one block. */
  readonly blockSize: number
  /** Whether a full block can be found again by its content. */
  readonly caching: boolean
  /** Whether a freed block without a known content is the next to be taken. vLLM does so since 0.24.0. */
  readonly partialBlocksFirst: boolean
  /** Whether the last block that is found is computed again: an EAGLE head needs its hidden states. Default: no. */
  readonly dropsLastFound?: boolean
}

/**
 * The KV cache as vLLM's block pool (`vllm/v1/core/block_pool.py`, `single_type_kv_cache_manager.py`).
 *
 * Free blocks are in one list, the next to be taken first. A request frees its last block first, so that the beginning of
 * its text stays longest. A freed block keeps its content until it is taken again: a request that begins with the same
 * text, above all the preempted request itself, gets it back. Blocks with the same content are not merged.
 *
 *     taken ──> filled, content known ──> freed ──> found again
 *                                           └─────> taken by another request, content lost
 *
 * Block 0 is vLLM's null block. It never holds tokens, so a pool of N blocks serves N − 1. Here it also marks both ends
 * of lists. Requests are numbers, and all data is in typed arrays, because a window has millions of request steps.
 */
export class KvBlocks {
  /** By request: tokens that fit into its blocks. */
  readonly covered: Int32Array
  /** Number of free blocks. */
  free: number
  readonly #options: KvBlocksOptions
  readonly #contents: BlockContents
  /** By block: its neighbours in the list of free blocks. Block 0 is before the first and after the last one. */
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** By block: number of requests that hold it. */
  readonly #holders: Int32Array
  /** By block: its content; -1 if it is not known. */
  readonly #contentOf: Int32Array
  /** By block: the next block with the same content; 0 for the last one. */
  readonly #nextAlike: Int32Array
  /** By content: the block that has had it for the longest time; 0 without one. */
  readonly #firstWith: Int32Array
  /** The blocks of each request, at the same positions as the contents. */
  readonly #table: Int32Array
  /** By request: number of its blocks. */
  readonly #held: Int32Array
  /** By request: number of its blocks whose content is known. */
  readonly #known: Int32Array
  /** Number of blocks that `find` found, and of those that are free. */
  #found = 0
  #foundFree = 0

  /**
   * @param options size and rules of the pool.
   * @param contents what the requests write into their blocks.
   */
  constructor(options: KvBlocksOptions, contents: BlockContents) {
    const { total } = options
    const requests = contents.first.length - 1
    this.#options = options
    this.#contents = contents
    this.free = total - 1
    this.#next = new Int32Array(total)
    this.#previous = new Int32Array(total)
    for (let block = 0; block < total; block++) {
      this.#next[block] = (block + 1) % total
      this.#previous[block] = (block + total - 1) % total
    }
    this.#holders = new Int32Array(total)
    this.#contentOf = new Int32Array(total).fill(-1)
    this.#nextAlike = new Int32Array(total)
    this.#firstWith = new Int32Array(contents.count)
    this.#table = new Int32Array(contents.ids.length)
    this.#held = new Int32Array(requests)
    this.#known = new Int32Array(requests)
    this.covered = new Int32Array(requests)
  }

  /** Share of the blocks in use, 0 to 1. */
  get usage(): number {
    const usable = this.#options.total - 1
    return usable > 0 ? 1 - this.free / usable : 0
  }

  /** The blocks that a request holds, in the order of its tokens. */
  heldBy(request: number): Int32Array {
    const first = this.#contents.first[request] ?? 0
    return this.#table.slice(first, first + (this.#held[request] ?? 0))
  }

  /**
   * Looks up the beginning of a request without blocks in the cache, for `fits` and `begin`.
   *
   * @param tokens the request's known tokens. The last one is always computed, because its output is needed.
   * @returns the number of tokens found.
   */
  find(request: number, tokens: number): number {
    const { blockSize, caching } = this.#options
    this.#found = 0
    this.#foundFree = 0
    if (!caching) return 0
    const first = this.#contents.first[request] ?? 0
    const end = first + Math.floor((tokens - 1) / blockSize)
    for (let position = first; position < end; position++) {
      const block = this.#firstWith[this.#contents.ids[position] ?? 0] ?? 0
      if (block === 0) break
      // The request holds no blocks, so its part of the table is free for what was found.
      this.#table[position] = block
      if (this.#holders[block] === 0) this.#foundFree++
      this.#found++
    }
    if (this.#options.dropsLastFound && this.#found > 0) {
      this.#found--
      if (this.#holders[this.#table[first + this.#found] ?? 0] === 0) this.#foundFree--
    }
    return this.#found * blockSize
  }

  /** Whether the request of the latest `find` can hold `tokens` tokens while `reserve` blocks stay free. */
  fits(tokens: number, reserve: number): boolean {
    // A block that was found and is free leaves the list of free blocks as well.
    return Math.ceil(tokens / this.#options.blockSize) - this.#found + this.#foundFree + reserve <= this.free
  }

  /** Starts the request of the latest `find` with the blocks that were found. */
  begin(request: number): void {
    const first = this.#contents.first[request] ?? 0
    for (let position = first; position < first + this.#found; position++) {
      const block = this.#table[position] ?? 0
      if (this.#holders[block] === 0) this.#unlink(block)
      this.#holders[block] = (this.#holders[block] ?? 0) + 1
    }
    this.#held[request] = this.#found
    this.#known[request] = this.#found
    this.covered[request] = this.#found * this.#options.blockSize
  }

  /**
   * Gives a request the blocks that it needs to hold `tokens` tokens in total.
   *
   * @returns `false` if there are not enough free blocks; then nothing changes.
   */
  grow(request: number, tokens: number): boolean {
    const { blockSize } = this.#options
    const held = this.#held[request] ?? 0
    const needed = Math.ceil(tokens / blockSize)
    if (needed <= held) return true
    if (needed - held > this.free) return false
    const first = this.#contents.first[request] ?? 0
    for (let position = first + held; position < first + needed; position++) {
      const block = this.#next[0] ?? 0
      this.#unlink(block)
      this.#forget(block)
      this.#holders[block] = 1
      this.#table[position] = block
    }
    this.#held[request] = needed
    this.covered[request] = needed * blockSize
    return true
  }

  /** Makes the contents of a request's blocks known, as far as its first `tokens` tokens fill them. */
  remember(request: number, tokens: number): void {
    const { blockSize, caching } = this.#options
    if (!caching) return
    const known = this.#known[request] ?? 0
    const full = Math.floor(tokens / blockSize)
    if (full <= known) return
    const first = this.#contents.first[request] ?? 0
    for (let position = first + known; position < first + full; position++) {
      const block = this.#table[position] ?? 0
      const content = this.#contents.ids[position] ?? 0
      this.#contentOf[block] = content
      this.#nextAlike[block] = 0
      const alike = this.#lastWith(content)
      if (alike === 0) this.#firstWith[content] = block
      else this.#nextAlike[alike] = block
    }
    this.#known[request] = full
  }

  /** Takes the blocks from a request. Those that no other request holds are free; their contents stay known. */
  release(request: number): void {
    const { partialBlocksFirst } = this.#options
    const first = this.#contents.first[request] ?? 0
    let newest = 0
    for (let position = first + (this.#held[request] ?? 0) - 1; position >= first; position--) {
      const block = this.#table[position] ?? 0
      const holders = (this.#holders[block] ?? 0) - 1
      this.#holders[block] = holders
      if (holders > 0) continue
      if (partialBlocksFirst && this.#contentOf[block] === -1) {
        this.#insertAfter(newest, block)
        newest = block
      } else this.#insertAfter(this.#previous[0] ?? 0, block)
    }
    this.#held[request] = 0
    this.#known[request] = 0
    this.covered[request] = 0
  }

  /** The block that got a content most recently; 0 without one. */
  #lastWith(content: number): number {
    let block = this.#firstWith[content] ?? 0
    while (block !== 0) {
      const next = this.#nextAlike[block] ?? 0
      if (next === 0) break
      block = next
    }
    return block
  }

  /** Loses the content of a block. */
  #forget(block: number): void {
    const content = this.#contentOf[block] ?? -1
    if (content === -1) return
    const next = this.#nextAlike[block] ?? 0
    let alike = this.#firstWith[content] ?? 0
    if (alike === block) this.#firstWith[content] = next
    else {
      while (this.#nextAlike[alike] !== block) alike = this.#nextAlike[alike] ?? 0
      this.#nextAlike[alike] = next
    }
    this.#contentOf[block] = -1
  }

  /** Removes a block from the list of free blocks. */
  #unlink(block: number): void {
    const next = this.#next[block] ?? 0
    const previous = this.#previous[block] ?? 0
    this.#next[previous] = next
    this.#previous[next] = previous
    this.free--
  }

  /** Inserts a block into the list of free blocks. */
  #insertAfter(previous: number, block: number): void {
    const next = this.#next[previous] ?? 0
    this.#next[previous] = block
    this.#next[block] = next
    this.#previous[block] = previous
    this.#previous[next] = block
    this.free++
  }
}
