import type { Load } from '../../fixtures/scenario.ts'
import type { FrontEndTimes } from './impairments.ts'
import { LeastRecentlyUsed } from './least-recently-used.ts'
import { type AcceptedRequests, seededRandom } from './requests.ts'

/** The API servers of a deployment, and the work that each request gives them. */
interface FrontEndInput {
  /** The load, with the seed of its images. */
  readonly load: Load
  /** Number of API servers. */
  readonly servers: number
  /** Time for a request. `undefined`: no time that matters. */
  readonly times: FrontEndTimes | undefined
  /** Capacity of the cache of preprocessed images, of each API server (`mm_processor_cache_gb`). */
  readonly cacheBytes: number
  /** Pixels that become one image token. */
  readonly pixelsPerToken: number
}

/**
 * Bytes that the cache keeps for each pixel: three colours of two bytes, and Qwen's models store every picture as a pair
 * of frames. Inferred.
 */
const bytesPerPixel = 12

/** One API server: a process with one thread that tokenizes and preprocesses. */
interface ApiServer {
  /** Time at which it has nothing more to do, in seconds. */
  freeAt: number
  /** Preprocessed images. With more than one API server, each has a cache of its own (`processor_only`). */
  readonly cache: LeastRecentlyUsed<number, true>
}

/**
 * Passes requests through the API servers. Each has one request at a time, in order of arrival, because vLLM tokenizes in an
 * executor with one thread (`vllm/utils/async_utils.py`, `vllm/renderers/`). `renderer_num_workers` (0.19) is not simulated.
 *
 * The servers accept connections from the same socket (`vllm/entrypoints/cli/serve.py`), so an idle one gets the next
 * request. If all are busy, they take turns: a server accepts a connection without knowing how many requests wait in it.
 * vLLM tokenizes up to 32 waiting prompts in one call, and answers them together; here each goes on when it is done.
 * A request whose client gave up is tokenized all the same, and is aborted when it reaches the engine.
 *
 * @returns the requests in order of arrival at the engine.
 */
export function passFrontEnd(requests: AcceptedRequests, input: FrontEndInput): AcceptedRequests {
  const { load, times } = input
  const distinct = load.images?.distinct
  if (times === undefined && distinct === undefined) return requests
  const servers = startServers(requests, input)
  const ready = new Float64Array(requests.count)
  const found = new Int32Array(requests.count)
  let turn = 0
  for (let request = 0; request < requests.count; request++) {
    const now = requests.arrival[request] ?? 0
    const [next] = servers
    const server = servers.find(({ freeAt }) => freeAt <= now) ?? servers[turn++ % servers.length] ?? next
    const images = requests.images[request] ?? 0
    const cached = distinct === undefined ? 0 : lookUpImages(server.cache, pictures(load, requests, request, distinct))
    found[request] = cached
    const text = (requests.promptTokens[request] ?? 0) - (requests.imageTokens[request] ?? 0)
    const { msPer1kTokens = 0, msPerImage = 0 } = times ?? {}
    server.freeAt =
      Math.max(now, server.freeAt) + (msPer1kTokens * text) / 1e6 + (msPerImage * (images - cached)) / 1000
    ready[request] = server.freeAt
  }
  return inOrder({ ...requests, engineArrival: ready, imagesFound: found }, ready)
}

function startServers(
  { count, images, imageTokens }: AcceptedRequests,
  { servers, cacheBytes, pixelsPerToken }: FrontEndInput,
): [ApiServer, ...ApiServer[]] {
  // All images of a load have the same size.
  const first = images.findIndex((number) => number > 0)
  const tokens = first < 0 || count === 0 ? 1 : (imageTokens[first] ?? 0) / (images[first] ?? 1)
  const capacity = Math.floor(cacheBytes / (tokens * pixelsPerToken * bytesPerPixel))
  const start = (): ApiServer => ({ freeAt: 0, cache: new LeastRecentlyUsed(capacity) })
  return [start(), ...Array.from({ length: Math.max(1, servers) - 1 }, start)]
}

/** The images of a request. They have a random sequence of their own, so that a refused request does not change others. */
function pictures({ seed }: Load, { images, numbers }: AcceptedRequests, request: number, distinct: number): number[] {
  const random = seededRandom((seed ^ 0x4d2b17) + Math.imul(numbers[request] ?? 0, 0x9e3779b1))
  return Array.from({ length: images[request] ?? 0 }, () => Math.floor(random() * distinct))
}

/** Takes images from a cache, and adds the others. @returns how many were found. */
function lookUpImages(cache: LeastRecentlyUsed<number, true>, images: readonly number[]): number {
  let missed = 0
  for (const image of images) {
    cache.get(image, () => {
      missed++
      return true
    })
  }
  return images.length - missed
}

/** Sorts requests by a time. Those with equal times keep their order. */
function inOrder(requests: AcceptedRequests, times: Float64Array): AcceptedRequests {
  const order = Array.from(times.keys()).sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b)
  const whole = (column: Int32Array = new Int32Array(requests.count)) =>
    column.map((_, index) => column[order[index] ?? 0] ?? 0)
  const real = (column: Float64Array) => column.map((_, index) => column[order[index] ?? 0] ?? 0)
  return {
    count: requests.count,
    numbers: whole(requests.numbers),
    arrival: real(requests.arrival),
    engineArrival: real(times),
    promptTokens: whole(requests.promptTokens),
    outputTokens: whole(requests.outputTokens),
    imageTokens: whole(requests.imageTokens),
    images: whole(requests.images),
    imagesFound: whole(requests.imagesFound),
  }
}
