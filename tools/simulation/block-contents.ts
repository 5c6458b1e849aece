import type { Requests } from './requests.ts'

/**
 * The contents of the KV blocks of the requests, as numbers. Two full blocks with the same number hold the same tokens after
 * the same tokens, so that vLLM computes the same hash for them.
 */
export interface BlockContents {
  /** By request: position of its first block in `ids`. The next request's position is its end. */
  readonly first: Int32Array
  /** By block of a request: the content. Numbers start at 0. */
  readonly ids: Int32Array
  /** Number of different contents. */
  readonly count: number
}

/**
 * The contents of requests that begin with the same `sharedPrefixTokens` tokens and continue with text of their own.
 *
 * @param blockSize tokens in one block.
 * @param draftedTokens tokens that speculative decoding drafts in each step. Default: 0.
 */
export function blockContents(
  requests: Requests,
  blockSize: number,
  sharedPrefixTokens: number,
  draftedTokens = 0,
): BlockContents {
  const first = firstBlocks(requests, blockSize, draftedTokens)
  const ids = new Int32Array(first[requests.count] ?? 0)
  let shared = 0
  let own = Math.floor(sharedPrefixTokens / blockSize)
  for (let request = 0; request < requests.count; request++) {
    const start = first[request] ?? 0
    const end = first[request + 1] ?? 0
    // A prompt that is shorter than the prefix shares only the blocks that it fills.
    const common = Math.floor(Math.min(sharedPrefixTokens, requests.promptTokens[request] ?? 0) / blockSize)
    shared = Math.min(start + common, end)
    for (let block = start; block < shared; block++) ids[block] = block - start
    for (let block = shared; block < end; block++) ids[block] = own++
  }
  return { first, ids, count: own }
}

/**
 * By request: the number of blocks that all earlier requests can hold. The last element is the number of all blocks.
 *
 * @param draftedTokens tokens that speculative decoding drafts in each step. Default: 0.
 */
export function firstBlocks(
  { count, promptTokens, outputTokens }: Requests,
  blockSize: number,
  draftedTokens = 0,
): Int32Array {
  // Drafts of two steps can be in flight, each with the token after them, and the drafter writes ahead.
  const ahead = draftedTokens === 0 ? 0 : 3 * (draftedTokens + 1)
  const first = new Int32Array(count + 1)
  for (let request = 0; request < count; request++) {
    const tokens = (promptTokens[request] ?? 0) + (outputTokens[request] ?? 0) + ahead
    first[request + 1] = (first[request] ?? 0) + Math.ceil(tokens / blockSize)
  }
  return first
}
