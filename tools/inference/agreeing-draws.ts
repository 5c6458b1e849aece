import type { Load } from '../../fixtures/scenario.ts'
import { generateRequests } from '../simulation/requests.ts'
import { meanLength } from './fit-lengths.ts'
import type { ObservedTime } from './observed-time.ts'

/** Draws that are tried. Each takes less than a millisecond. */
const tried = 128

/**
 * The seeds of a load whose draws agree best with the counts of the pages: the requests of each interval, and the mean
 * lengths. A random draw has other counts, and a queue that grows depends on them more than on any setting.
 *
 * @param load its seed is the first one that is tried.
 */
export function seedsThatAgree(load: Load, time: ObservedTime, count: number): number[] {
  const total = time.intervals.reduce((sum, { totals }) => sum + totals.arrived, 0)
  const [prompt, output] = [meanLength(load.prompt_tokens), meanLength(load.output_tokens)]
  const candidates = Array.from({ length: tried }, (_, index) => {
    const seed = load.seed + index
    const requests = generateRequests({ ...load, seed }, time.durationS)
    const difference = time.intervals.reduce((sum, { fromS, toS, totals }) => {
      const arrived = requests.arrival.filter((at) => at >= fromS && at < toS).length
      return sum + Math.abs(arrived - totals.arrived)
    }, 0)
    const lengths = [mean(requests.promptTokens) / prompt - 1, mean(requests.outputTokens) / output - 1]
    const error = difference / Math.max(1, total) + lengths.reduce((sum, value) => sum + Math.abs(value), 0)
    return { seed, error }
  })
  return candidates
    .sort((a, b) => a.error - b.error)
    .slice(0, count)
    .map(({ seed }) => seed)
}

function mean(values: Int32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
