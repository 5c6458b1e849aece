import type { BlockContents } from './block-contents.ts'
import type { AcceptedDrafts } from './draft-acceptance.ts'
import type { EngineSettings } from './engine-settings.ts'
import { ImageEncoding, type ImageMemory } from './image-encoding.ts'
import { KvBlocks } from './kv-blocks.ts'
import { type KvTransferInput, KvTransfers } from './kv-transfers.ts'
import type { Requests } from './requests.ts'
import { WaitingQueue } from './waiting-queue.ts'
import { type Occupancy, WindowRecorder } from './window-recorder.ts'

/** The requests and settings of an engine. Times are in seconds. */
export interface EngineInput {
  /** The requests that the engine accepts. */
  readonly requests: Requests
  /** The requests that come to this engine, in order. More can be added at its end. Absent: all. */
  readonly assigned?: readonly number[]
  /** The engine arguments. */
  readonly settings: EngineSettings
  /** Number of KV blocks, including the null block. */
  readonly kvBlocks: number
  /** The tokens that the requests write into their KV blocks. */
  readonly contents: BlockContents
  /** `max_tokens` of the requests: longer answers are cut. */
  readonly maxOutputTokens: number
  /** Time after which a client aborts its request. Infinity: never. */
  readonly clientTimeoutS: number
  /** Absent if the load contains no images. */
  readonly imageMemory?: ImageMemory
  /** Tokens that a layer with a sliding window attends to. Absent: no layer has one. */
  readonly slidingWindow?: number
  /** Absent if the engine computes the prompts itself. */
  readonly kvTransfer?: KvTransferInput
  /** Time that a request spends outside the engine core, in front of it and after it. Default: 0. */
  readonly frontEndS?: number
  /** How many drafted tokens are accepted. Absent: all. */
  readonly accepted?: AcceptedDrafts
  /** End of the window. */
  readonly endS: number
  /** Whether to record distributions of latencies. Default: yes. */
  readonly distributions?: boolean
}

/**
 * State of the engine between two steps: its requests, the progress of each, and their KV blocks.
 *
 * Requests are numbered in order of arrival. Their data is in typed arrays, because a window has millions of request
 * steps.
 */
export class EngineState {
  /** The window to serve. */
  readonly input: EngineInput
  /** Collects what is observed. */
  readonly recorder: WindowRecorder
  /** Outcomes of requests, and tokens looked up and found in the prefix cache. */
  readonly counts = {
    stopped: 0,
    cutByLength: 0,
    aborted: 0,
    errored: 0,
    prefixQueries: 0,
    prefixHits: 0,
    externalQueries: 0,
    externalHits: 0,
    externalPromptTokens: 0,
  }
  /** The KV cache. */
  readonly blocks: KvBlocks
  /** Requests that have arrived and are not running. */
  readonly waiting: WaitingQueue
  /** Running requests in order of their latest admission. */
  readonly running: number[] = []
  /** Memory of the image encoder; `undefined` if the load contains no images. */
  readonly images: ImageEncoding | undefined
  /** Transfers of KV blocks from a prefill engine; `undefined` if the engine computes the prompts itself. */
  readonly transfers: KvTransfers | undefined
  /** Steps that can be scheduled before the oldest of them is executed: 2 with asynchronous scheduling, otherwise 1. */
  readonly stepsInFlight: number
  /** KV blocks that an admission leaves free while other requests run. */
  readonly watermarkBlocks: number
  /** By request: where it is. */
  readonly place: Uint8Array
  /** By request: tokens whose keys and values are computed, or will be when the scheduled steps are executed. */
  readonly computed: Int32Array
  /** By request: output tokens. */
  readonly generated: Int32Array
  /** By request: output tokens that the scheduled steps will sample. It stays 0 without asynchronous scheduling. */
  readonly sampling: Uint8Array
  /** By request: drafted tokens that its next step verifies. It stays 0 without speculative decoding. */
  readonly drafts: Uint8Array
  /** By request: tokens found in the prefix cache at the first admission, and those that a prefill engine computed. */
  readonly cached: Int32Array
  /** By request: how often it was preempted. */
  readonly preemptions: Uint16Array
  /** By request: time of the first admission. */
  readonly scheduled: Float64Array
  /** By request: time of the first output token. */
  readonly firstToken: Float64Array
  /** By request: time of the latest output token. */
  readonly lastToken: Float64Array
  /** By request: longest time between two output tokens. */
  readonly longestGap: Float64Array

  constructor(input: EngineInput) {
    const { settings, kvBlocks } = input
    const { count, arrival, engineArrival = arrival } = input.requests
    const { blockSize, enablePrefixCaching, partialBlocksFirst } = settings
    this.input = input
    this.recorder = new WindowRecorder(input.endS, input.frontEndS, input.distributions, settings.speculation?.tokens)
    this.blocks = new KvBlocks(
      {
        total: kvBlocks,
        blockSize,
        caching: enablePrefixCaching,
        partialBlocksFirst,
        dropsLastFound: settings.speculation?.hasHead ?? false,
      },
      input.contents,
    )
    this.transfers = input.kvTransfer && new KvTransfers(input.kvTransfer)
    this.stepsInFlight = settings.asyncScheduling ? 2 : 1
    this.watermarkBlocks = Math.floor(settings.watermark * kvBlocks)
    this.waiting = new WaitingQueue(engineArrival, input.assigned)
    this.images = input.imageMemory && new ImageEncoding(input.imageMemory, input.requests)
    this.place = new Uint8Array(count)
    this.computed = new Int32Array(count)
    this.generated = new Int32Array(count)
    this.sampling = new Uint8Array(count)
    this.drafts = new Uint8Array(count)
    this.cached = new Int32Array(count)
    this.preemptions = new Uint16Array(count)
    this.scheduled = new Float64Array(count)
    this.firstToken = new Float64Array(count)
    this.lastToken = new Float64Array(count)
    this.longestGap = new Float64Array(count)
  }

  /** Running and waiting requests and KV usage at this moment. */
  get occupancy(): Occupancy {
    const { waiting, transfers } = this
    const occupancy = { running: this.running.length, waiting: waiting.length, kvUsage: this.blocks.usage }
    if (transfers === undefined) return occupancy
    return { ...occupancy, waiting: waiting.length + transfers.waiting, deferred: transfers.waiting }
  }

  /** Time of the next arrival or of the next end of a transfer; infinity after the last one. */
  get nextEvent(): number {
    return Math.min(this.waiting.nextArrival, this.transfers?.nextEnd ?? Number.POSITIVE_INFINITY)
  }

  /** Requests arrive and transfers end until `time`. */
  passUntil(time: number): void {
    this.waiting.arriveUntil(time)
    for (const request of this.transfers?.advance(time) ?? []) this.blocks.release(request)
  }

  /** Tokens of a request that are known: its prompt and its output so far. */
  knownTokens(request: number): number {
    return (this.input.requests.promptTokens[request] ?? 0) + (this.generated[request] ?? 0)
  }

  /** Moves the head of the waiting requests to the running ones. `cached` of its tokens were found in the cache. */
  admit(request: number, cached: number, now: number): void {
    this.computed[request] = cached
    this.place[request] = Place.running
    this.running.push(request)
    // A resumed request keeps its first admission time and counts only once in the prefix cache statistics.
    const resumed = this.waiting.shift()
    if (resumed) return
    this.scheduled[request] = now
    this.cached[request] = cached
    if (!this.input.settings.countsEveryLookup) this.#countLookup(request, cached)
  }

  /**
   * The head of the waiting requests gets KV blocks for its whole prompt, and a prefill engine fills them
   * (`WAITING_FOR_REMOTE_KVS`). `cached` of its tokens were found in the local cache.
   */
  receive(request: number, cached: number, now: number): void {
    const known = this.knownTokens(request)
    this.waiting.shift()
    this.place[request] = Place.receiving
    this.cached[request] = known
    if (!this.input.settings.countsEveryLookup) this.#countLookup(request, cached)
    this.counts.externalQueries += known - cached
    this.counts.externalHits += known - cached
    this.transfers?.start(request, known - cached, now)
  }

  /** Moves the request that has had its blocks for the longest time to the running ones. Its last token is computed. */
  admitReceived(request: number, now: number): void {
    const known = this.knownTokens(request)
    this.transfers?.shift()
    this.blocks.remember(request, known)
    this.computed[request] = known - 1
    this.place[request] = Place.running
    this.scheduled[request] = now
    this.running.push(request)
  }

  /** Counts a lookup of a waiting request in the prefix cache. A resumed request does not count. */
  lookedUp(request: number, cached: number): void {
    const isNew = this.place[request] === Place.new
    if (isNew && this.input.settings.countsEveryLookup) this.#countLookup(request, cached)
  }

  #countLookup(request: number, cached: number): void {
    if (!this.input.settings.enablePrefixCaching) return
    this.counts.prefixQueries += this.knownTokens(request)
    this.counts.prefixHits += cached
  }

  /**
   * Preempts the newest running request, because it loses the least work. A token that is being sampled is not lost.
   *
   * @returns the request; `undefined` if no request runs.
   */
  preemptNewest(): number | undefined {
    const newest = this.running.pop()
    if (newest === undefined) return undefined
    this.blocks.release(newest)
    this.computed[newest] = 0
    this.sampling[newest] = 0
    this.drafts[newest] = 0
    this.place[newest] = Place.preempted
    this.waiting.unshift(newest)
    this.preemptions[newest] = (this.preemptions[newest] ?? 0) + 1
    this.recorder.preemption()
    return newest
  }

  /** A request ends: its blocks are free. The caller removes it from the running requests. */
  leave(request: number): void {
    if (this.place[request] === Place.preempted) this.waiting.remove(request)
    this.place[request] = Place.left
    this.blocks.release(request)
  }

  /** Aborts the requests that are older than the timeout of their clients. */
  abortTimedOut(now: number): void {
    const { requests, clientTimeoutS } = this.input
    if (clientTimeoutS === Number.POSITIVE_INFINITY) return
    const expired = (request: number) => {
      if (now - (requests.arrival[request] ?? 0) <= clientTimeoutS) return false
      // The blocks of a transfer in progress stay until it ends.
      if (this.place[request] !== Place.receiving) this.blocks.release(request)
      this.place[request] = Place.left
      this.counts.aborted++
      return true
    }
    for (const request of this.transfers?.abandon(expired) ?? []) this.blocks.release(request)
    let kept = 0
    for (const request of this.running) if (!expired(request)) this.running[kept++] = request
    this.running.length = kept
    this.waiting.expire(expired)
  }

  /** The engine died: all requests fail, including those that arrive later. */
  loseAll(): void {
    const received = this.transfers?.clear() ?? []
    this.counts.errored += this.running.length + this.waiting.clear() + received.length
    for (const request of [...this.running, ...received]) this.blocks.release(request)
    this.running.length = 0
  }
}

/** Where a request is. */
export const Place = {
  /** Not scheduled yet. */
  new: 0,
  /** Among the running requests. */
  running: 1,
  /** Among the waiting requests, after it was preempted. */
  preempted: 2,
  /** Finished or aborted. */
  left: 3,
  /** Waiting until a prefill engine has sent its KV blocks. */
  receiving: 4,
} as const
