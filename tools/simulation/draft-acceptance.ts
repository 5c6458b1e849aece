import type { SpeculativeConfig } from '../arguments/speculative-config.ts'

/**
 * How many of `drafted` tokens are accepted.
 *
 * @param request number of the request.
 * @param generated its output tokens so far.
 */
export type AcceptedDrafts = (request: number, generated: number, drafted: number) => number

/** Sums over the drafts of some time. */
export interface DraftCounts {
  /** Drafts that were verified. */
  drafts: number
  /** Tokens in them. */
  draftTokens: number
  /** Tokens that were accepted. */
  acceptedTokens: number
  /** By position in a draft: tokens that were accepted. */
  readonly acceptedPerPosition: number[]
}

/** Counts of no draft. @param tokens tokens of a draft. */
export function noDrafts(tokens: number): DraftCounts {
  return { drafts: 0, draftTokens: 0, acceptedTokens: 0, acceptedPerPosition: new Array<number>(tokens).fill(0) }
}

/** Adds a draft of which the first `accepted` of `drafted` tokens were accepted. */
export function addDraft(counts: DraftCounts, drafted: number, accepted: number): void {
  counts.drafts++
  counts.draftTokens += drafted
  counts.acceptedTokens += accepted
  for (let position = 0; position < accepted; position++) {
    counts.acceptedPerPosition[position] = (counts.acceptedPerPosition[position] ?? 0) + 1
  }
}

/**
 * Share of drafts whose next token is accepted if the earlier ones are, for chat in a language that the drafter was made
 * for. Inferred from the mean lengths that the authors publish: about 3 tokens per step with five drafted ones for EAGLE-3,
 * less for its predecessor and for n-grams, which only help where an answer repeats its prompt.
 */
const usualShare = { eagle3: 0.72, eagle: 0.6, ngram: 0.35 } as const

/**
 * Draws how many drafted tokens are accepted. The same token of the same request has the same luck in every window, so
 * that two configurations can be compared.
 *
 * @param rates by position: share of drafts whose token is accepted. Further positions continue with the ratio of the last
 *   two. Default: usual ones for the method.
 */
export function acceptedDrafts(
  { method, tokens }: SpeculativeConfig,
  seed: number,
  rates: readonly number[] = [usualShare[method], usualShare[method] ** 2],
): AcceptedDrafts {
  const all = continued(rates, tokens)
  return (request, generated, drafted) => {
    const luck = uniform(seed, request, generated)
    let accepted = 0
    while (accepted < drafted && luck < (all[accepted] ?? 0)) accepted++
    return accepted
  }
}

function continued(rates: readonly number[], tokens: number): readonly number[] {
  const all = [...rates]
  while (all.length < tokens) {
    const [before = 1, last = 0] = all.length === 1 ? [1, all[0]] : all.slice(-2)
    all.push(before > 0 ? (last * last) / before : 0)
  }
  return all
}

/** A number in [0, 1) that three integers determine, by the mixing steps of MurmurHash3. */
function uniform(seed: number, request: number, generated: number): number {
  let mixed = (seed ^ Math.imul(request + 1, 0x9e3779b1) ^ Math.imul(generated + 1, 0x85ebca6b)) >>> 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 4_294_967_296
}
