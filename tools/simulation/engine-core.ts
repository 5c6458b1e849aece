import { type EngineState, Place } from './engine-state.ts'
import { StepBatch } from './step-batch.ts'

/**
 * vLLM's `schedule()` (`vllm/v1/core/sched/scheduler.py`) and its queue of scheduled steps.
 *
 * 1. Running requests get the tokens that they need: one when decoding, a chunk when prefilling.
 * 2. Without a free KV block, the newest running request is preempted: its blocks are freed, and what is not found in
 *    the prefix cache when it runs again is computed again.
 * 3. Waiting requests are admitted in order of arrival, unless the step preempted a request. Those whose KV blocks a prefill
 *    engine has sent come first.
 *
 * The token budget, `max_num_seqs` and the KV blocks limit the batch.
 *
 * With asynchronous scheduling a step is scheduled while the previous one computes. Its decoding requests count the token
 * that the previous step will sample, and the blocks of finished requests are free one step later.
 */
export class EngineCore {
  readonly #state: EngineState
  /** Scheduled steps that are not executed, oldest first. */
  readonly #queue: StepBatch[] = []
  /** The batches, used in turn: one more than can be in the queue. */
  readonly #batches: readonly StepBatch[]
  #turn = 0
  /** The step that is being scheduled, and what it may still add. */
  #batch: StepBatch
  #budget = 0
  #threshold = Number.POSITIVE_INFINITY

  /** @param state the requests and their KV blocks; scheduling changes them. */
  constructor(state: EngineState) {
    const { settings, requests, slidingWindow = Number.POSITIVE_INFINITY } = state.input
    const capacity = Math.min(settings.maxNumSeqs, requests.count)
    const newBatch = () => new StepBatch(capacity, slidingWindow)
    this.#state = state
    this.#batch = newBatch()
    this.#batches = [this.#batch, ...Array.from({ length: state.stepsInFlight }, newBatch)]
  }

  /** Number of scheduled steps that are not executed. */
  get scheduledSteps(): number {
    return this.#queue.length
  }

  /**
   * Schedules one step.
   *
   * @param now time that a request admitted by this step is recorded with.
   * @returns the batch, valid until its step was executed. A batch without requests does not enter the queue.
   */
  schedule(now: number): StepBatch {
    // A batch without requests did not enter the queue, so it can be used again at once.
    if (this.#batch.count > 0) this.#turn = (this.#turn + 1) % this.#batches.length
    const { settings } = this.#state.input
    const batch = this.#batches[this.#turn] ?? this.#batch
    this.#batch = batch
    batch.clear()
    this.#budget = settings.maxNumBatchedTokens
    this.#threshold = this.#chunkLimit()
    this.#scheduleRunning()
    if (batch.preempted.length === 0) this.#scheduleWaiting(now)
    this.#state.images?.measure(batch)
    if (batch.count > 0) this.#queue.push(batch)
    return batch
  }

  /** Takes the step to execute next; `undefined` if another one must be scheduled first. */
  takeDue(): StepBatch | undefined {
    if (this.#queue.length < this.#state.stepsInFlight && this.#batch.count > 0) return undefined
    return this.#queue.shift()
  }

  /** Largest chunk of a long prompt. Since vLLM 0.31.0 a request that is alone has no such limit. */
  #chunkLimit(): number {
    const { input, running, waiting, transfers } = this.#state
    const { longPrefillTokenThreshold, thresholdSparesLoneRequest } = input.settings
    const requests = running.length + waiting.length + (transfers?.waiting ?? 0)
    const unlimited = thresholdSparesLoneRequest && requests <= 1
    return longPrefillTokenThreshold > 0 && !unlimited ? longPrefillTokenThreshold : Number.POSITIVE_INFINITY
  }

  /**
   * Schedules running requests.
   *
   * This is the first half of the hot loop, so the arrays are read into locals once. Nearly every request decodes one
   * token into a block that it already holds and does not fill, which is the fast path at the top.
   */
  #scheduleRunning(): void {
    const { input, running, blocks, computed: computedTokens, generated, sampling, stepsInFlight } = this.#state
    const { promptTokens, outputTokens } = input.requests
    const { covered } = blocks
    const { speculation } = input.settings
    const batch = this.#batch
    let budget = this.#budget
    for (let position = 0; position < running.length && budget > 0; position++) {
      const request = running[position] ?? 0
      const computed = computedTokens[request] ?? 0
      const prompt = promptTokens[request] ?? 0
      const expected = sampling[request] ?? 0
      // The last token of the answer is being sampled: there is nothing to compute after it.
      if (expected > 0 && computed + 2 - expected >= prompt + (outputTokens[request] ?? 0)) continue
      const missing = prompt + (generated[request] ?? 0) + expected - computed
      if (speculation === undefined && missing === 1 && computed + 1 < (covered[request] ?? 0)) {
        budget--
        batch.add(request, computed, 1)
        computedTokens[request] = computed + 1
        if (stepsInFlight > 1) sampling[request] = expected + 1
        continue
      }
      const tokens =
        speculation === undefined
          ? Math.min(missing, this.#threshold, budget)
          : this.#withDrafts(request, missing, budget)
      if (tokens <= 0) continue
      const slots =
        speculation === undefined ? computed + tokens : this.#slots(computed + tokens, speculation.lookahead)
      // Preempt newer requests until the tokens fit; the last victim can be the request itself.
      while (!blocks.grow(request, slots)) {
        const victim = this.#state.preemptNewest()
        if (victim !== undefined) batch.preempted.push(victim)
        if (running.length === position) break
      }
      if (running.length === position) break
      this.#schedule(request, computed, tokens)
      budget -= tokens
    }
    this.#budget = budget
  }

  /** Tokens of a running request with its drafts. A step never computes the last position of the longest request. */
  #withDrafts(request: number, missing: number, budget: number): number {
    const { drafts, computed, input } = this.#state
    const room = input.settings.maxModelLen - 1 - (computed[request] ?? 0)
    return Math.min(missing + (drafts[request] ?? 0), this.#threshold, budget, room)
  }

  /** Tokens for which a request gets KV blocks: also those that the drafter writes ahead. */
  #slots(end: number, lookahead = 0): number {
    return lookahead === 0 ? end : Math.max(end, Math.min(end + lookahead, this.#state.input.settings.maxModelLen))
  }

  /** Admits waiting requests in order of arrival until a limit is reached. */
  #scheduleWaiting(now: number): void {
    const { input, running, waiting, blocks, transfers, place } = this.#state
    const { settings } = input
    while (this.#budget > 0 && running.length < settings.maxNumSeqs) {
      const received = transfers?.head
      if (received !== undefined) {
        this.#state.admitReceived(received, now)
        this.#schedule(received, this.#state.knownTokens(received) - 1, 1)
        this.#budget--
        continue
      }
      const request = waiting.head
      if (request === undefined) return
      const known = this.#state.knownTokens(request)
      const cached = blocks.find(request, known)
      this.#state.lookedUp(request, cached)
      if (transfers !== undefined && place[request] === Place.new) {
        if (!blocks.fits(known, running.length > 0 ? this.#state.watermarkBlocks : 0)) return
        blocks.begin(request)
        blocks.grow(request, known)
        this.#state.receive(request, cached, now)
        continue
      }
      const wanted = Math.min(known - cached, this.#threshold)
      // The first request that does not fit ends the admission: later requests must not overtake it.
      if (!settings.enableChunkedPrefill && wanted > this.#budget) return
      const tokens = Math.min(wanted, this.#budget)
      const reserve = running.length > 0 ? this.#state.watermarkBlocks : 0
      if (settings.reserveFullPrompt && !blocks.fits(known, reserve)) return
      const slots = this.#slots(cached + tokens, settings.speculation?.lookaheadAtAdmission)
      if (!blocks.fits(slots, reserve)) return
      blocks.begin(request)
      blocks.grow(request, slots)
      this.#state.admit(request, cached, now)
      this.#schedule(request, cached, tokens)
      this.#budget -= tokens
    }
  }

  /** Adds tokens of a request, which follow `context` computed ones, to the batch. */
  #schedule(request: number, context: number, tokens: number): void {
    const { blocks, computed, sampling, stepsInFlight } = this.#state
    const end = context + tokens
    const known = this.#state.knownTokens(request)
    const expected = sampling[request] ?? 0
    const drafted = this.#takeDrafts(request, end - known - expected)
    this.#batch.add(request, context, tokens, drafted)
    computed[request] = end
    // A token that is still being sampled has no known content.
    blocks.remember(request, Math.min(end, known))
    // A step that computes all tokens of a request samples the next one.
    if (stepsInFlight === 1 || end - drafted < known + expected) return
    sampling[request] = expected + 1 + drafted
    this.#state.drafts[request] = this.#state.input.settings.speculation?.tokens ?? 0
  }

  /** Takes the drafts of a request, of which `room` fit into the step. The others are lost. */
  #takeDrafts(request: number, room: number): number {
    const { drafts } = this.#state
    const drafted = Math.max(0, Math.min(drafts[request] ?? 0, room))
    drafts[request] = 0
    return drafted
  }
}
