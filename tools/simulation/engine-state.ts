import { ImageEncoding } from './image-encoding.ts'
import { KvBlocks } from './kv-blocks.ts'
import { type Load, Recorder } from './recorder.ts'
import type { SchedulerInput } from './scheduler-input.ts'
import { WaitingQueue } from './waiting-queue.ts'

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
