/** The batch of one engine step: which requests it computes, how many tokens of each, and what that costs. */
export class StepBatch {
  /** Number of requests. */
  count = 0
  /** Sum of all tokens. */
  tokens = 0
  /** Tokens of context whose keys and values the step reads. */
  contextTokens = 0
  /** Pairs of a new token and an earlier token in prefill attention. */
  attentionPairs = 0
  /** The part of `contextTokens` and of `attentionPairs` that layers with a sliding window leave out. */
  contextOutsideWindow = 0
  pairsOutsideWindow = 0
  /** Drafted tokens that the step verifies. They are part of `tokens`. */
  drafts = 0
  /** Image tokens that the step encodes. */
  imageTokens = 0
  /** Requests that were preempted to make room. */
  readonly preempted: number[] = []
  /** The requests, in the order in which they were scheduled. */
  readonly requests: Int32Array
  /** By position in `requests`: tokens of the request in this step. */
  readonly chunks: Int32Array
  /** By position in `requests`: tokens of the request that are computed after this step. */
  readonly ends: Int32Array
  /** By position in `requests`: drafted tokens among those of the request. */
  readonly drafted: Int32Array

  readonly #window: number

  /**
   * @param capacity largest number of requests in a step.
   * @param window tokens that a layer with a sliding window attends to. Infinity: no layer has one.
   */
  constructor(capacity: number, window: number) {
    this.#window = window
    this.requests = new Int32Array(capacity)
    this.chunks = new Int32Array(capacity)
    this.ends = new Int32Array(capacity)
    this.drafted = new Int32Array(capacity)
  }

  /** Removes everything. */
  clear(): void {
    this.count = 0
    this.tokens = 0
    this.contextTokens = 0
    this.attentionPairs = 0
    this.contextOutsideWindow = 0
    this.pairsOutsideWindow = 0
    this.drafts = 0
    this.imageTokens = 0
    this.preempted.length = 0
  }

  /** Adds `tokens` tokens of a request, which follow `context` computed ones. The last `drafted` of them are drafts. */
  add(request: number, context: number, tokens: number, drafted = 0): void {
    const position = this.count++
    this.requests[position] = request
    this.chunks[position] = tokens
    this.ends[position] = context + tokens
    this.drafted[position] = drafted
    this.drafts += drafted
    this.tokens += tokens
    this.contextTokens += context + tokens
    if (tokens > 1) this.attentionPairs += tokens * (context + tokens / 2)
    if (context + tokens <= this.#window) return
    // The first new token sees the window before it, and the last one everything since.
    this.contextOutsideWindow += Math.max(0, context + 1 - this.#window)
    if (tokens > 1) this.pairsOutsideWindow += tokens * Math.max(0, context + tokens / 2 - this.#window)
  }
}
