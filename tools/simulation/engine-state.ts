import type { EngineSettings } from './engine-settings.ts'
import type { ActiveImpairments } from './impairments.ts'
import { KvBlocks } from './kv-blocks.ts'
import type { HostMemory } from './memory.ts'
import type { Requests } from './requests.ts'
import type { StepTime } from './step-time.ts'
import { type Occupancy, WindowRecorder } from './window-recorder.ts'

/** Everything that the scheduler needs for one window. Times are in seconds. */
export interface SchedulerInput {
  /** The requests that the engine accepts. */
  readonly requests: Requests
  /** The engine arguments. */
  readonly settings: EngineSettings
  /** The cost model of one step. */
  readonly stepTime: StepTime
  /** Number of KV blocks. */
  readonly kvBlocks: number
  /** Leading tokens that all prompts have in common. */
  readonly sharedPrefixTokens: number
  /** `max_tokens` of the requests: longer answers are cut. */
  readonly maxOutputTokens: number
  /** Time after which a client aborts its request. Infinity: never. */
  readonly clientTimeoutS: number
  /** The active impairments. */
  readonly impairments: ActiveImpairments
  /** Absent if the load contains no images. */
  readonly imageMemory?: ImageMemory
  /** When the kernel kills the engine. */
  readonly hostMemory: HostMemory
  /** End of the window. */
  readonly endS: number
}

/** GPU memory that encoding images takes at run time, beyond the memory that profiling reserved. */
export interface ImageMemory {
  /** Bytes per image token of one step. */
  readonly bytesPerToken: number
  /** Image tokens of one step that profiling reserved memory for. */
  readonly profiledTokens: number
  /** Free memory. */
  readonly slackBytes: number
  /** The engine's last message if `bytes` more than the reserved memory are needed. */
  readonly message: (bytes: number) => string
}

/**
 * State of the engine between two steps: its requests, the progress of each, and their KV blocks.
 *
 * Requests are numbered in order of arrival. Their data is in typed arrays, because a window has millions of request
 * steps.
 */
export class EngineState {
  /** The window to serve. */
  readonly input: SchedulerInput
  /** Collects what is observed. */
  readonly recorder: WindowRecorder
  /** Outcomes of requests, and tokens looked up and found in the prefix cache. */
  readonly counts = { stopped: 0, cutByLength: 0, aborted: 0, errored: 0, prefixQueries: 0, prefixHits: 0 }
  /** The KV cache. */
  readonly blocks: KvBlocks
  /** Requests that have arrived and are not running. */
  readonly waiting: WaitingQueue
  /** Running requests, oldest first. */
  readonly running: number[] = []
  /** Memory of the image encoder; `undefined` if the load contains no images. */
  readonly images: ImageEncoding | undefined
  /** By request: tokens whose keys and values are computed. */
  readonly computed: Int32Array
  /** By request: output tokens. */
  readonly generated: Int32Array
  /** By request: tokens in the current step. */
  readonly chunk: Int32Array
  /** By request: time of the first admission. */
  readonly scheduled: Float64Array
  /** By request: time of the first output token. */
  readonly firstToken: Float64Array
  /** By request: time of the latest output token. */
  readonly lastToken: Float64Array

  constructor(input: SchedulerInput) {
    const { count, arrival } = input.requests
    this.input = input
    this.recorder = new WindowRecorder(input.endS)
    this.blocks = new KvBlocks(input.kvBlocks, input.settings.blockSize, count)
    this.waiting = new WaitingQueue(arrival)
    this.images = input.imageMemory && new ImageEncoding(input.imageMemory, input.requests)
    this.computed = new Int32Array(count)
    this.generated = new Int32Array(count)
    this.chunk = new Int32Array(count)
    this.scheduled = new Float64Array(count)
    this.firstToken = new Float64Array(count)
    this.lastToken = new Float64Array(count)
  }

  /** Running and waiting requests and KV usage at this moment. */
  get occupancy(): Occupancy {
    return { running: this.running.length, waiting: this.waiting.length, kvUsage: this.blocks.usage }
  }

  /** Aborts the requests that are older than the timeout of their clients. */
  abortTimedOut(now: number): void {
    const { requests, clientTimeoutS } = this.input
    if (clientTimeoutS === Number.POSITIVE_INFINITY) return
    const expired = (request: number) => {
      if (now - (requests.arrival[request] ?? 0) <= clientTimeoutS) return false
      this.blocks.release(request)
      this.counts.aborted++
      return true
    }
    let kept = 0
    for (const request of this.running) if (!expired(request)) this.running[kept++] = request
    this.running.length = kept
    this.waiting.expire(expired)
  }

  /** The engine died: all requests fail, including those that arrive later. */
  loseAll(): void {
    this.counts.errored += this.running.length + this.waiting.clear()
    for (const request of this.running) this.blocks.release(request)
    this.running.length = 0
  }
}

/**
 * Waiting requests in order of arrival, which is the order of their numbers.
 *
 * Preempted requests come first: they are older than all requests that were never scheduled.
 */
class WaitingQueue {
  readonly #arrival: Float64Array
  /** The next request to resume is the last element. */
  readonly #preempted: number[] = []
  /** Requests from here to `#arrived` have arrived and were never scheduled. */
  #fresh = 0
  #arrived = 0

  constructor(arrival: Float64Array) {
    this.#arrival = arrival
  }

  /** Number of waiting requests. */
  get length(): number {
    return this.#preempted.length + this.#arrived - this.#fresh
  }

  /** Requests that have not arrived yet. */
  get expected(): number {
    return this.#arrival.length - this.#arrived
  }

  /** Time of the next arrival; infinity after the last one. */
  get nextArrival(): number {
    return this.#arrival[this.#arrived] ?? Number.POSITIVE_INFINITY
  }

  /** The request to schedule next; `undefined` if no request waits. */
  get head(): number | undefined {
    return this.#preempted.at(-1) ?? (this.#fresh < this.#arrived ? this.#fresh : undefined)
  }

  /** Adds the requests that arrive until `time`. */
  arriveUntil(time: number): void {
    while (this.nextArrival <= time) this.#arrived++
  }

  /** Removes the head. @returns whether it was preempted before. */
  shift(): boolean {
    if (this.#preempted.pop() !== undefined) return true
    this.#fresh++
    return false
  }

  /** Puts a preempted request back. The newest request is preempted first, so the oldest ends up at the head. */
  unshift(request: number): void {
    this.#preempted.push(request)
  }

  /** Removes expired requests. Age follows the order of arrival, so the unscheduled ones expire from the front. */
  expire(expired: (request: number) => boolean): void {
    let kept = 0
    for (const request of this.#preempted) if (!expired(request)) this.#preempted[kept++] = request
    this.#preempted.length = kept
    while (this.#fresh < this.#arrived && expired(this.#fresh)) this.#fresh++
  }

  /** Removes all requests, including those that have not arrived yet. @returns their number. */
  clear(): number {
    const count = this.length + this.expected
    this.#preempted.length = 0
    this.#arrived = this.#arrival.length
    this.#fresh = this.#arrived
    return count
  }
}

/** Counts the image tokens that each step encodes, and detects a step that needs more memory than there is. */
class ImageEncoding {
  readonly #memory: ImageMemory
  readonly #requests: Requests
  /** Image tokens of the current step. */
  #tokens = 0

  constructor(memory: ImageMemory, requests: Requests) {
    this.#memory = memory
    this.#requests = requests
  }

  /** Starts a new step without image tokens. */
  beginStep(): void {
    this.#tokens = 0
  }

  /** Adds a chunk of a request after `context` tokens. Images come first in a prompt; each is encoded as a whole. */
  schedule(request: number, context: number, chunk: number): void {
    const tokens = this.#requests.imageTokens[request] ?? 0
    if (context >= tokens) return
    const size = tokens / (this.#requests.images[request] ?? 1)
    const after = Math.ceil(Math.min(context + chunk, tokens) / size)
    this.#tokens += (after - Math.ceil(context / size)) * size
  }

  /** The engine's last message if this step needs too much memory, otherwise `undefined`. */
  get failure(): string | undefined {
    const { bytesPerToken, profiledTokens, slackBytes, message } = this.#memory
    const bytes = (this.#tokens - profiledTokens) * bytesPerToken
    return bytes > slackBytes ? message(bytes) : undefined
  }
}
