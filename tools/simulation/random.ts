/** Source of pseudo-random numbers in [0, 1): the same seed gives the same sequence on every machine. */
export type Random = () => number

/** Mulberry32: 32 bits of state, whole-number arithmetic only, good enough for arrivals and lengths. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Waiting time to the next event of a Poisson process. */
export function exponential(random: Random, ratePerSecond: number): number {
  return -Math.log(1 - random()) / ratePerSecond
}

/** Standard normal, by Box-Muller; always two draws, so that sequences stay aligned. */
export function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()))
  return radius * Math.cos(2 * Math.PI * random())
}
