import { ImageEncoding } from './image-encoding.ts'
import { KvBlocks } from './kv-blocks.ts'
import { Recorder } from './recorder.ts'
import type { SchedulerInput } from './scheduler-input.ts'
import { WaitingQueue } from './waiting-queue.ts'

/**
 * Discrete-event model of vLLM V1's scheduler (`vllm/v1/core/sched/scheduler.py`) in virtual time.
 *
 * One step: running requests first, each with the tokens it lacks (one when decoding, a chunk when prefilling), then
 * waiting ones in order of arrival, until the token budget, `max_num_seqs` or the KV blocks are used up. Without a free
 * block the newest running request is preempted: its blocks are freed and all its tokens are computed again later.
 * Nothing is admitted in a step that preempted. Of a preempted request only the shared prefix stays cached.
 */
export class Scheduler {
  readonly recorder: Recorder
  readonly counts = { stopped: 0, cutByLength: 0, aborted: 0, errored: 0, prefixQueries: 0, prefixHits: 0 }
  readonly #input: SchedulerInput
  readonly #blocks: KvBlocks
  readonly #waiting: WaitingQueue
  readonly #running: number[] = []
  readonly #images: ImageEncoding | undefined
  // Columns by request number: a window has millions of request steps.
  readonly #computed: Int32Array
  readonly #generated: Int32Array
  readonly #scheduled: Float64Array
  readonly #firstToken: Float64Array
  readonly #lastToken: Float64Array
  #now = 0
  // Of the step in progress.
  readonly #chunk: Int32Array
  #budget = 0
  #contextTokens = 0
  #attentionPairs = 0
  #finishedTokens = 0
  #death: { readonly atS: number; readonly reason: string | undefined } | undefined

  constructor(input: SchedulerInput) {
    const { count, arrival } = input.requests
    this.#input = input
    this.recorder = new Recorder(input.endS)
    this.#blocks = new KvBlocks(input.kvBlocks, input.settings.blockSize, count)
    this.#waiting = new WaitingQueue(arrival)
    this.#images = input.imageMemory && new ImageEncoding(input.imageMemory, input.requests)
    this.#computed = new Int32Array(count)
    this.#generated = new Int32Array(count)
    this.#chunk = new Int32Array(count)
    this.#scheduled = new Float64Array(count)
    this.#firstToken = new Float64Array(count)
    this.#lastToken = new Float64Array(count)
  }

  get running(): number {
    return this.#running.length
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get kvUsage(): number {
    return this.#blocks.usage
  }

  /** When and why the engine died; `undefined` if it did not. */
  get death(): { readonly atS: number; readonly reason: string | undefined } | undefined {
    return this.#death
  }

  /** At the end of the window: seconds since the first of the waiting requests arrived; 0 when none waits. */
  get oldestWaitingS(): number {
    const oldest = this.#waiting.head
    return oldest === undefined ? 0 : this.#input.endS - (this.#input.requests.arrival[oldest] ?? 0)
  }

  run(): void {
    const { endS, impairments } = this.#input
    while (this.#now < endS) {
      this.#waiting.arriveUntil(this.#now)
      if (impairments.downAt <= this.#now) {
        this.#die(impairments.downReason)
        return
      }
      const stalledUntil = impairments.stalledUntil(this.#now)
      if (stalledUntil > this.#now) {
        this.#idleUntil(Math.min(stalledUntil, impairments.downAt, endS))
        continue
      }
      this.#abortTimedOut()
      if (this.running + this.waiting === 0) {
        this.#idleUntil(Math.min(this.#waiting.nextArrival, impairments.downAt, endS))
        continue
      }
      if (!this.#step()) break
      if (this.#death !== undefined) return
    }
    this.#idleUntil(endS)
  }

  /** @returns `false` when the step would end after the window: nothing of it is observed. */
  #step(): boolean {
    const { settings, stepTime, impairments, endS } = this.#input
    this.#budget = settings.maxNumBatchedTokens
    this.#contextTokens = 0
    this.#attentionPairs = 0
    this.#images?.beginStep()
    const preempted = this.#scheduleRunning()
    if (!preempted) this.#scheduleWaiting()
    const tokens = settings.maxNumBatchedTokens - this.#budget
    if (tokens === 0)
      throw new RangeError(`A request needs more than the ${this.#blocks.total} KV blocks of the engine.`)
    const reading = this.#contextTokens * stepTime.perContextToken
    const attention = reading + this.#attentionPairs * stepTime.perAttentionPair
    const duration = stepTime.ofTokens(tokens) + attention + impairments.stepDelayS(this.#now)
    const end = this.#now + duration
    const load = { running: this.running, waiting: this.waiting, kvUsage: this.kvUsage }
    const failure = this.#images?.failure
    if (failure !== undefined) {
      this.#die(failure)
      return true
    }
    this.recorder.advance(end, load, true, Math.min(1, (stepTime.weightRead + reading) / duration))
    if (end > endS) return false
    this.recorder.observed.iterationTokens.add(tokens)
    this.#finishStep(end)
    this.#now = end
    const { hostMemory } = this.#input
    if (this.#finishedTokens >= hostMemory.tokensUntilKilled) this.#die(hostMemory.reason)
    return true
  }

  /**
   * The first half of the hot loop: nearly every request decodes one token into a block that it holds already.
   *
   * @returns whether a request was preempted.
   */
  #scheduleRunning(): boolean {
    const { promptTokens } = this.#input.requests
    const [running, images, covered] = [this.#running, this.#images, this.#blocks.covered]
    const [computedTokens, chunks, generatedTokens] = [this.#computed, this.#chunk, this.#generated]
    let [budget, contextTokens, preempted] = [this.#budget, 0, false]
    for (let position = 0; position < running.length; position++) {
      const request = running[position] ?? 0
      const computed = computedTokens[request] ?? 0
      const missing = (promptTokens[request] ?? 0) + (generatedTokens[request] ?? 0) - computed
      if (missing === 1 && budget > 0 && computed < (covered[request] ?? 0)) {
        chunks[request] = 1
        budget--
        contextTokens += computed + 1
        images?.schedule(request, computed, 1)
        continue
      }
      this.#budget = budget
      const tokens = this.#chunkOf(missing)
      chunks[request] = 0
      if (tokens === 0) continue
      while (!this.#blocks.grow(request, computed + tokens)) {
        preempted = true
        this.#preemptNewest()
        if (running.length === position) break
      }
      if (running.length === position) break
      this.#schedule(request, tokens)
      budget = this.#budget
    }
    this.#budget = budget
    this.#contextTokens += contextTokens
    return preempted
  }

  #scheduleWaiting(): void {
    const { settings } = this.#input
    while (this.#budget > 0 && this.running < settings.maxNumSeqs) {
      const request = this.#waiting.head
      if (request === undefined) return
      const known = this.#known(request)
      const cached = this.#blocks.prefixTokens
      const tokens = this.#chunkOf(known - cached)
      if (!settings.enableChunkedPrefill && tokens < known - cached) return
      if (settings.reserveFullPrompt && !this.#blocks.fits(known)) return
      this.#blocks.begin(request)
      this.#computed[request] = cached
      if (!this.#blocks.grow(request, cached + tokens)) return
      const resumed = this.#waiting.shift()
      if (!resumed) {
        this.#scheduled[request] = this.#now
        this.counts.prefixQueries += known
        this.counts.prefixHits += cached
        this.recorder.promptTokens(cached)
      }
      this.#running.push(request)
      this.#schedule(request, tokens)
    }
  }

  /** Tokens that a request has so far: its prompt and what was generated. */
  #known(request: number): number {
    return (this.#input.requests.promptTokens[request] ?? 0) + (this.#generated[request] ?? 0)
  }

  #chunkOf(tokens: number): number {
    const threshold = this.#input.settings.longPrefillTokenThreshold
    return Math.min(tokens, this.#budget, threshold > 0 ? threshold : tokens)
  }

  #schedule(request: number, tokens: number): void {
    const context = this.#computed[request] ?? 0
    this.#budget -= tokens
    this.#chunk[request] = tokens
    this.#contextTokens += context + tokens
    if (tokens > 1) this.#attentionPairs += tokens * (context + tokens / 2)
    this.#images?.schedule(request, context, tokens)
  }

  #preemptNewest(): void {
    const newest = this.#running.pop()
    if (newest === undefined) return
    this.#blocks.release(newest)
    this.#waiting.unshift(newest)
    this.recorder.preemption()
  }

  /** The second half of the hot loop: columns are read into locals once. */
  #finishStep(end: number): void {
    const { promptTokens, outputTokens } = this.#input.requests
    const { ttft, interToken } = this.recorder.observed
    const [running, now, lastToken] = [this.#running, this.#now, this.#lastToken]
    const [computedTokens, chunks, generatedTokens] = [this.#computed, this.#chunk, this.#generated]
    let [sampled, sameInterval, kept] = [0, 0, 0]
    for (let position = 0; position < running.length; position++) {
      const request = running[position] ?? 0
      const generated = generatedTokens[request] ?? 0
      const chunk = chunks[request] ?? 0
      const computed = (computedTokens[request] ?? 0) + chunk
      computedTokens[request] = computed
      // A prompt computed again after a preemption is work, but not a prompt token of a request.
      if (generated === 0) this.recorder.promptTokens(chunk)
      if (chunk === 0 || computed < (promptTokens[request] ?? 0) + generated) {
        running[kept++] = request
        continue
      }
      sampled++
      generatedTokens[request] = generated + 1
      if (generated === 0) this.#first(request, end, ttft)
      else if (lastToken[request] === now) sameInterval++
      else interToken.add(end - (lastToken[request] ?? 0))
      lastToken[request] = end
      if (generated + 1 >= (outputTokens[request] ?? 0)) this.#finish(request, end)
      else running[kept++] = request
    }
    running.length = kept
    interToken.add(end - now, sameInterval)
    this.recorder.generationTokens(sampled)
  }

  #first(request: number, end: number, ttft: Recorder['observed']['ttft']): void {
    const { requests, settings, sharedPrefixTokens } = this.#input
    this.#firstToken[request] = end
    ttft.add(end - (requests.arrival[request] ?? 0))
    if (settings.enablePrefixCaching) this.#blocks.sharePrefix(request, sharedPrefixTokens)
  }

  #finish(request: number, end: number): void {
    const { requests, maxOutputTokens, settings } = this.#input
    const promptTokens = requests.promptTokens[request] ?? 0
    const outputTokens = this.#generated[request] ?? 0
    const cut = outputTokens >= maxOutputTokens || promptTokens + outputTokens >= settings.maxModelLen
    if (cut) this.counts.cutByLength++
    else this.counts.stopped++
    this.recorder.finish({
      arrival: requests.arrival[request] ?? 0,
      scheduled: this.#scheduled[request] ?? 0,
      firstToken: this.#firstToken[request] ?? 0,
      end,
      promptTokens,
      computedPromptTokens: promptTokens - this.#blocks.sharedBy(request),
      outputTokens,
    })
    this.#blocks.release(request)
    this.#finishedTokens += promptTokens + outputTokens
  }

  #abortTimedOut(): void {
    const { requests, clientTimeoutS } = this.#input
    if (clientTimeoutS === Number.POSITIVE_INFINITY) return
    const expired = (request: number) => {
      if (this.#now - (requests.arrival[request] ?? 0) <= clientTimeoutS) return false
      this.#blocks.release(request)
      this.counts.aborted++
      return true
    }
    let kept = 0
    for (const request of this.#running) if (!expired(request)) this.#running[kept++] = request
    this.#running.length = kept
    this.#waiting.expire(expired)
  }

  /** While the engine does nothing, clients go on arriving. */
  #idleUntil(time: number): void {
    do {
      const next = Math.min(time, this.#waiting.nextArrival)
      const load = { running: this.running, waiting: this.waiting, kvUsage: this.kvUsage }
      this.recorder.advance(next, load, false, 0)
      this.#now = Math.max(this.#now, next)
      this.#waiting.arriveUntil(this.#now)
    } while (this.#now < time)
  }

  /** A dead engine loses what it has and refuses what comes. */
  #die(reason: string | undefined): void {
    const { endS } = this.#input
    this.#death = { atS: this.#now, reason }
    this.counts.errored += this.running + this.#waiting.clear()
    for (const request of this.#running) this.#blocks.release(request)
    this.#running.length = 0
    this.recorder.advance(endS, { running: 0, waiting: 0, kvUsage: 0 }, false, 0)
    this.#now = endS
  }
}
