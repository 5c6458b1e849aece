import { KvBlocks } from './kv-blocks.ts'
import { type Load, Recorder } from './recorder.ts'
import type { Requests } from './requests.ts'
import type { ImageMemory, SchedulerInput } from './scheduler-input.ts'

/** What an engine holds between two steps: its requests, how far each is, and the blocks that they have. */
export class EngineState {
  readonly input: SchedulerInput
  readonly recorder: Recorder
  readonly counts = { stopped: 0, cutByLength: 0, aborted: 0, errored: 0, prefixQueries: 0, prefixHits: 0 }
  readonly blocks: KvBlocks
  readonly waiting: WaitingQueue
  /** The oldest first. */
  readonly running: number[] = []
  readonly images: ImageEncoding | undefined
  // Columns by request number: a window has millions of request steps.
  readonly computed: Int32Array
  readonly generated: Int32Array
  /** Tokens in the step in progress. */
  readonly chunk: Int32Array
  readonly scheduled: Float64Array
  readonly firstToken: Float64Array
  readonly lastToken: Float64Array

  constructor(input: SchedulerInput) {
    const { count, arrival } = input.requests
    this.input = input
    this.recorder = new Recorder(input.endS)
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

  get load(): Load {
    return { running: this.running.length, waiting: this.waiting.length, kvUsage: this.blocks.usage }
  }

  /** Drops the requests that have waited for longer than their clients do. */
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

  /** A dead engine loses what it has and refuses what comes. */
  loseAll(): void {
    this.counts.errored += this.running.length + this.waiting.clear()
    for (const request of this.running) this.blocks.release(request)
    this.running.length = 0
  }
}

/**
 * Requests that wait, in order of arrival, which is the order of their numbers.
 *
 * Preempted requests stand before those that were never scheduled: they are older than all of them.
 */
class WaitingQueue {
  readonly #arrival: Float64Array
  /** The next to be resumed stands last. */
  readonly #preempted: number[] = []
  /** Requests from here up to `#arrived` were never scheduled. */
  #fresh = 0
  #arrived = 0

  constructor(arrival: Float64Array) {
    this.#arrival = arrival
  }

  get length(): number {
    return this.#preempted.length + this.#arrived - this.#fresh
  }

  /** Requests that have not arrived yet. */
  get expected(): number {
    return this.#arrival.length - this.#arrived
  }

  /** When the next request arrives; infinity after the last. */
  get nextArrival(): number {
    return this.#arrival[this.#arrived] ?? Number.POSITIVE_INFINITY
  }

  /** The request to be scheduled next; `undefined` when none waits. */
  get head(): number | undefined {
    return this.#preempted.at(-1) ?? (this.#fresh < this.#arrived ? this.#fresh : undefined)
  }

  arriveUntil(time: number): void {
    while (this.nextArrival <= time) this.#arrived++
  }

  /** Takes the head. @returns whether it was preempted before. */
  shift(): boolean {
    if (this.#preempted.pop() !== undefined) return true
    this.#fresh++
    return false
  }

  /** Puts a preempted request back; the newest is preempted first, so that the oldest ends up in front. */
  unshift(request: number): void {
    this.#preempted.push(request)
  }

  /** Removes the requests that `expired` names. They are the oldest: among those never scheduled, the first ones. */
  expire(expired: (request: number) => boolean): void {
    let kept = 0
    for (const request of this.#preempted) if (!expired(request)) this.#preempted[kept++] = request
    this.#preempted.length = kept
    while (this.#fresh < this.#arrived && expired(this.#fresh)) this.#fresh++
  }

  /** Drops everybody, those who have not arrived yet included. @returns how many there were. */
  clear(): number {
    const count = this.length + this.expected
    this.#preempted.length = 0
    this.#arrived = this.#arrival.length
    this.#fresh = this.#arrived
    return count
  }
}

/** Counts the images that the steps of a window encode, and says when a step needs more memory for them than there is. */
class ImageEncoding {
  readonly #memory: ImageMemory
  readonly #requests: Requests
  /** Image tokens of the step in progress. */
  #tokens = 0

  constructor(memory: ImageMemory, requests: Requests) {
    this.#memory = memory
    this.#requests = requests
  }

  beginStep(): void {
    this.#tokens = 0
  }

  /** A chunk of a request, after `context` tokens. Images stand first in a prompt, and each is encoded as a whole. */
  schedule(request: number, context: number, chunk: number): void {
    const tokens = this.#requests.imageTokens[request] ?? 0
    if (context >= tokens) return
    const size = tokens / (this.#requests.images[request] ?? 1)
    const after = Math.ceil(Math.min(context + chunk, tokens) / size)
    this.#tokens += (after - Math.ceil(context / size)) * size
  }

  /** The engine's last message when this step needs too much; `undefined` when it does not. */
  get failure(): string | undefined {
    const { bytesPerToken, profiledTokens, slackBytes, message } = this.#memory
    const bytes = (this.#tokens - profiledTokens) * bytesPerToken
    return bytes > slackBytes ? message(bytes) : undefined
  }
}
