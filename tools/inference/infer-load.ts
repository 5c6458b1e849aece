import type { Load, TokenCounts } from '../../fixtures/scenario.ts'
import { rounded } from '../simulation/distribution.ts'
import { seedsThatAgree } from './agreeing-draws.ts'
import { fitLengths } from './fit-lengths.ts'
import type { ObservedTime } from './observed-time.ts'
import type { PageTotals } from './page-totals.ts'

/** Members of the engine that the load depends on. */
interface LoadLimits {
  /** Longest request in tokens. */
  readonly maxModelLen: number
  /** Tokens in one KV block. */
  readonly blockSize: number
}

/** The load of the observed time: a rate per interval, log-normal lengths, and the prefix that prompts share. */
export function inferLoad(time: ObservedTime, { maxModelLen, blockSize }: LoadLimits): Load {
  const all = time.withLengths.map(({ totals }) => totals)
  const phases = time.intervals.map(({ fromS, toS, totals }) => ({
    start_s: rounded(fromS),
    requests_per_s: rounded(Math.max(0, totals.arrived) / (toS - fromS)),
  }))
  const lengths = (name: 'promptTokens' | 'generationTokens'): TokenCounts => fitLengths(merged(all, name), maxModelLen)
  const sum = (of: (totals: PageTotals) => number) => all.reduce((total, totals) => total + of(totals), 0)
  const admitted = sum((totals) => totals.admitted)
  const prefix = admitted > 0 ? sum((totals) => totals.prefixHits) / admitted : 0
  const load: Load = {
    seed: 1,
    phases: [...time.warmUp, ...phases],
    prompt_tokens: lengths('promptTokens'),
    output_tokens: lengths('generationTokens'),
    shared_prefix_tokens: Math.round(prefix / blockSize) * blockSize,
  }
  return { ...load, seed: seedsThatAgree(load, time, 1)[0] ?? 1 }
}

/** The histogram over all intervals. */
function merged(all: readonly PageTotals[], name: 'promptTokens' | 'generationTokens') {
  return all
    .map(({ histograms }) => histograms[name])
    .reduce((sum, { count, sum: total, buckets }) => ({
      count: sum.count + count,
      sum: sum.sum + total,
      buckets: buckets.map(({ upper, cumulative }, index) => ({
        upper,
        cumulative: cumulative + (sum.buckets[index]?.cumulative ?? 0),
      })),
    }))
}
