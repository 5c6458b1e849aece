import type { Load, TokenCounts } from '../../fixtures/scenario.ts'

/** Requests of a window in order of arrival at the engine, as columns: each array has one element per request. */
export interface Requests {
  /** Number of requests. */
  readonly count: number
  /** Time of arrival at the front end, in seconds since the window opened. */
  readonly arrival: Float64Array
  /** Prompt length in tokens, including image tokens. */
  readonly promptTokens: Int32Array
  /** Output length in tokens. */
  readonly outputTokens: Int32Array
  /** Image tokens of the prompt. */
  readonly imageTokens: Int32Array
  /** Number of images in the prompt. */
  readonly images: Int32Array
  /** Time at which it reaches the engine, in order. Absent: the front end takes no time that matters, so it is the arrival. */
  readonly engineArrival?: Float64Array
  /** How many of its images were found in the cache of the API server. Absent: none. */
  readonly imagesFound?: Int32Array
}

/** The requests that an engine accepts. */
export interface AcceptedRequests extends Requests {
  /** By request: its number among all requests that arrived. */
  readonly numbers: Int32Array
}

/** Limits that the engine applies to requests before it schedules them. */
interface Admission {
  readonly maxModelLen: number
  /** A request with more images is refused. */
  readonly imagesPerPrompt: number
  /** Tokens that a larger image is scaled down to. */
  readonly tokensPerImage: number
}

/**
 * Generates the requests that arrive within `durationS` seconds.
 *
 * They depend only on the load, not on the configuration: the engine gets the same requests before and after a fix.
 */
export function generateRequests(load: Load, durationS: number): Requests {
  // Times, lengths and images have separate random sequences, so that a changed rate does not change the lengths.
  const times = arrivalTimes(load, durationS, seededRandom(load.seed))
  const lengths = seededRandom(load.seed ^ 0x5bd1e995)
  const pictures = seededRandom(load.seed ^ 0x1f3a9b)
  const promptTokens = new Int32Array(times.length)
  const outputTokens = new Int32Array(times.length)
  const images = new Int32Array(times.length)
  const imageTokens = new Int32Array(times.length)
  for (let index = 0; index < times.length; index++) {
    // Every prompt contains the shared prefix and at least one token of its own.
    promptTokens[index] = Math.max(tokenCount(load.prompt_tokens, lengths), load.shared_prefix_tokens + 1)
    outputTokens[index] = tokenCount(load.output_tokens, lengths)
    if (load.images === undefined) continue
    const count = tokenCount(load.images.per_prompt, pictures)
    images[index] = count
    imageTokens[index] = count * load.images.tokens_per_image
    promptTokens[index] = (promptTokens[index] ?? 0) + count * load.images.tokens_per_image
  }
  return { count: times.length, arrival: Float64Array.from(times), promptTokens, outputTokens, imageTokens, images }
}

/**
 * Selects the requests that an engine accepts, and applies its limits to them.
 *
 * The engine refuses prompts with too many images, and prompts of `maxModelLen` tokens or more. It scales images down,
 * and cuts answers so that prompt and answer fit into `maxModelLen`.
 */
export function acceptedRequests(
  all: Requests,
  { maxModelLen, imagesPerPrompt, tokensPerImage }: Admission,
): AcceptedRequests {
  const scaled = (request: number) => {
    const images = all.images[request] ?? 0
    return images === 0 ? 0 : Math.min(all.imageTokens[request] ?? 0, images * tokensPerImage)
  }
  const prompt = (request: number) =>
    (all.promptTokens[request] ?? 0) - (all.imageTokens[request] ?? 0) + scaled(request)
  const kept = Array.from(all.promptTokens.keys()).filter(
    (request) => prompt(request) < maxModelLen && (all.images[request] ?? 0) <= imagesPerPrompt,
  )
  const pick = (column: Int32Array | Float64Array) => kept.map((request) => column[request] ?? 0)
  const promptTokens = Int32Array.from(kept, prompt)
  const outputTokens = Int32Array.from(pick(all.outputTokens), (tokens, index) =>
    Math.min(tokens, maxModelLen - (promptTokens[index] ?? 0)),
  )
  return {
    count: kept.length,
    numbers: Int32Array.from(kept),
    arrival: Float64Array.from(pick(all.arrival)),
    promptTokens,
    outputTokens,
    imageTokens: Int32Array.from(kept, scaled),
    images: Int32Array.from(pick(all.images)),
  }
}

/** Arrivals of a random process whose rate changes at the phases. */
function arrivalTimes(load: Load, durationS: number, random: Random): number[] {
  const { interarrival_cv = 1 } = load
  if (interarrival_cv !== 1) return renewalTimes(load, durationS, random, interarrival_cv)
  const times: number[] = []
  load.phases.forEach((phase, index) => {
    const end = Math.min(load.phases[index + 1]?.start_s ?? durationS, durationS)
    if (phase.requests_per_s <= 0) return
    // The exponential distribution has no memory, so each phase can start with a new interval.
    let time = phase.start_s + exponential(random, phase.requests_per_s)
    while (time < end) {
      times.push(time)
      time += exponential(random, phase.requests_per_s)
    }
  })
  return times
}

/**
 * Arrivals of a renewal process whose intervals have a gamma distribution.
 *
 * Intervals are drawn with mean 1, as numbers of expected arrivals. A phase turns them into seconds by its rate, so an
 * interval can span phases.
 *
 * @param cv coefficient of variation of the intervals.
 */
function renewalTimes(load: Load, durationS: number, random: Random, cv: number): number[] {
  const times: number[] = []
  let expected = 0
  let next = gammaInterval(random, cv)
  load.phases.forEach(({ start_s, requests_per_s }, index) => {
    const end = Math.min(load.phases[index + 1]?.start_s ?? durationS, durationS)
    const total = expected + requests_per_s * Math.max(0, end - start_s)
    while (next < total) {
      times.push(start_s + (next - expected) / requests_per_s)
      next += gammaInterval(random, cv)
    }
    expected = total
  })
  return times
}

/** A log-normal number of tokens, clipped to its limits. */
function tokenCount(counts: TokenCounts, random: Random): number {
  const tokens = Math.round(counts.median * Math.exp(counts.sigma * normal(random)))
  return Math.min(counts.max, Math.max(counts.min, tokens))
}

/** Source of pseudo-random numbers in [0, 1). */
type Random = () => number

/**
 * Pseudo-random numbers by the Mulberry32 algorithm. The same seed gives the same sequence on every machine, because the
 * algorithm uses only integer arithmetic.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Time to the next event of a Poisson process. */
function exponential(random: Random, ratePerSecond: number): number {
  return -Math.log(1 - random()) / ratePerSecond
}

/**
 * Gamma-distributed interval with mean 1, by the method of Marsaglia and Tsang (2000). Its shape is raised by one, and a
 * power of a uniform number lowers it again, so that shapes below 1 work too.
 */
function gammaInterval(random: Random, cv: number): number {
  const shape = 1 / (cv * cv)
  const d = shape + 2 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(random)
    const v = (1 + c * x) ** 3
    const u = 1 - random()
    if (v <= 0 || Math.log(u) >= (x * x) / 2 + d - d * v + d * Math.log(v)) continue
    return (d * v * (1 - random()) ** (1 / shape)) / shape
  }
}

/** Standard normal by Box-Muller. It always draws two numbers, so that sequences stay aligned. */
function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()))
  return radius * Math.cos(2 * Math.PI * random())
}
