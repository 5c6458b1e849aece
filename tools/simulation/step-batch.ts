import type { EngineState } from './engine-state.ts'

/**
 * The batch of one step: which requests it computes, and how many tokens of each. It follows `schedule()` in
 * `vllm/v1/core/sched/scheduler.py`.
 *
 * 1. Running requests get the tokens that they need: one when decoding, a chunk when prefilling.
 * 2. Without a free KV block, the newest running request is preempted: its blocks are freed, and all its tokens
 *    except the shared prefix are computed again later.
 * 3. Waiting requests are admitted in order of arrival, unless the step preempted a request.
 *
 * The token budget, `max_num_seqs` and the KV blocks limit the batch.
 */
export class StepBatch {
  readonly #state: EngineState
  #budget = 0
  #contextTokens = 0
  #attentionPairs = 0

  /** @param state the engine; the batch changes it. */
  constructor(state: EngineState) {
    this.#state = state
  }

  /** Tokens in the batch. */
  get tokens(): number {
    return this.#state.input.settings.maxNumBatchedTokens - this.#budget
  }

  /** Tokens of context whose keys and values the step reads. */
  get contextTokens(): number {
    return this.#contextTokens
  }

  /** Pairs of a new token and an earlier token in prefill attention. */
  get attentionPairs(): number {
    return this.#attentionPairs
  }

  /** Replaces the batch with the batch of the step that starts `now`. */
  compose(now: number): void {
    this.#budget = this.#state.input.settings.maxNumBatchedTokens
    this.#contextTokens = 0
    this.#attentionPairs = 0
    this.#state.images?.beginStep()
    const preempted = this.#scheduleRunning()
    if (!preempted) this.#scheduleWaiting(now)
  }

  /**
   * Schedules running requests. @returns whether a request was preempted.
   *
   * This is the first half of the hot loop, so the arrays are read into locals once. Nearly every request decodes one
   * token into a block that it already holds, which is the fast path at the top.
   */
  #scheduleRunning(): boolean {
    const { input, running, images, blocks, computed: computedTokens, generated, chunk } = this.#state
    const { promptTokens } = input.requests
    const { covered } = blocks
    let [budget, contextTokens, preempted] = [this.#budget, 0, false]
    for (let position = 0; position < running.length; position++) {
      const request = running[position] ?? 0
      const computed = computedTokens[request] ?? 0
      const missing = (promptTokens[request] ?? 0) + (generated[request] ?? 0) - computed
      // Fast path: decode one token into a block that the request already holds.
      if (missing === 1 && budget > 0 && computed < (covered[request] ?? 0)) {
        chunk[request] = 1
        budget--
        contextTokens += computed + 1
        images?.schedule(request, computed, 1)
        continue
      }
      this.#budget = budget
      const tokens = this.#chunkOf(missing)
      chunk[request] = 0
      if (tokens === 0) continue
      // Preempt newer requests until the tokens fit; the last victim can be the request itself.
      while (!blocks.grow(request, computed + tokens)) {
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

  /** Admits waiting requests in order of arrival until a limit is reached. */
  #scheduleWaiting(now: number): void {
    const { input, running, waiting, blocks, computed, generated, counts, recorder } = this.#state
    const { settings, requests } = input
    while (this.#budget > 0 && running.length < settings.maxNumSeqs) {
      const request = waiting.head
      if (request === undefined) return
      const known = (requests.promptTokens[request] ?? 0) + (generated[request] ?? 0)
      const cached = blocks.prefixTokens
      const tokens = this.#chunkOf(known - cached)
      // The first request that does not fit ends the admission: later requests must not overtake it.
      if (!settings.enableChunkedPrefill && tokens < known - cached) return
      if (settings.reserveFullPrompt && !blocks.fits(known)) return
      blocks.begin(request)
      computed[request] = cached
      if (!blocks.grow(request, cached + tokens)) return
      // A resumed request keeps its first admission time and counts only once in the prefix cache statistics.
      const resumed = waiting.shift()
      if (!resumed) {
        this.#state.scheduled[request] = now
        counts.prefixQueries += known
        counts.prefixHits += cached
        recorder.promptTokens(cached)
      }
      running.push(request)
      this.#schedule(request, tokens)
    }
  }

  /** Tokens of a request in this step: limited by the budget and the threshold for long prompts. */
  #chunkOf(tokens: number): number {
    const threshold = this.#state.input.settings.longPrefillTokenThreshold
    return Math.min(tokens, this.#budget, threshold > 0 ? threshold : tokens)
  }

  /** Adds tokens of a request to the batch. */
  #schedule(request: number, tokens: number): void {
    const context = this.#state.computed[request] ?? 0
    this.#budget -= tokens
    this.#state.chunk[request] = tokens
    this.#contextTokens += context + tokens
    if (tokens > 1) this.#attentionPairs += tokens * (context + tokens / 2)
    this.#state.images?.schedule(request, context, tokens)
  }

  /** Preempts the newest running request, because it loses the least work. */
  #preemptNewest(): void {
    const { running, blocks, waiting, recorder } = this.#state
    const newest = running.pop()
    if (newest === undefined) return
    blocks.release(newest)
    waiting.unshift(newest)
    recorder.preemption()
  }
}

/**
 * Ends the step from `start` to `end`: requests whose tokens are all computed get one output token, and finished requests
 * leave. This is the second half of the hot loop.
 *
 * @returns all tokens of the requests that finished.
 */
export function finishStep(state: EngineState, start: number, end: number): number {
  const { input, recorder, running, lastToken, computed: computedTokens, generated: generatedTokens, chunk } = state
  const { promptTokens, outputTokens } = input.requests
  const { interToken } = recorder.observed
  let [sampled, sameInterval, kept, finishedTokens] = [0, 0, 0, 0]
  for (let position = 0; position < running.length; position++) {
    const request = running[position] ?? 0
    const generated = generatedTokens[request] ?? 0
    const tokens = chunk[request] ?? 0
    const computed = (computedTokens[request] ?? 0) + tokens
    computedTokens[request] = computed
    // Prompt tokens that are computed again after a preemption are not counted twice.
    if (generated === 0) recorder.promptTokens(tokens)
    if (tokens === 0 || computed < (promptTokens[request] ?? 0) + generated) {
      running[kept++] = request
      continue
    }
    sampled++
    generatedTokens[request] = generated + 1
    if (generated === 0) beginOutput(state, request, end)
    // Most requests also got a token in the previous step: their latency is the duration of this step.
    else if (lastToken[request] === start) sameInterval++
    else interToken.add(end - (lastToken[request] ?? 0))
    lastToken[request] = end
    if (generated + 1 >= (outputTokens[request] ?? 0)) finishedTokens += finish(state, request, end)
    else running[kept++] = request
  }
  running.length = kept
  interToken.add(end - start, sameInterval)
  recorder.generationTokens(sampled)
  return finishedTokens
}

/** A request gets its first output token. From now on its prefix can be shared. */
function beginOutput({ input, recorder, blocks, firstToken }: EngineState, request: number, end: number): void {
  const { requests, settings, sharedPrefixTokens } = input
  firstToken[request] = end
  recorder.observed.ttft.add(end - (requests.arrival[request] ?? 0))
  if (settings.enablePrefixCaching) blocks.sharePrefix(request, sharedPrefixTokens)
}

/** Removes a finished request. @returns all its tokens. */
function finish(state: EngineState, request: number, end: number): number {
  const { input, recorder, counts, blocks } = state
  const { requests, maxOutputTokens, settings } = input
  const promptTokens = requests.promptTokens[request] ?? 0
  const outputTokens = state.generated[request] ?? 0
  const cut = outputTokens >= maxOutputTokens || promptTokens + outputTokens >= settings.maxModelLen
  if (cut) counts.cutByLength++
  else counts.stopped++
  recorder.finish({
    arrival: requests.arrival[request] ?? 0,
    scheduled: state.scheduled[request] ?? 0,
    firstToken: state.firstToken[request] ?? 0,
    end,
    promptTokens,
    computedPromptTokens: promptTokens - blocks.sharedBy(request),
    outputTokens,
  })
  blocks.release(request)
  return promptTokens + outputTokens
}
