import { Distribution } from './distribution.ts'
import { addDraft, type DraftCounts, noDrafts } from './draft-acceptance.ts'
import { type Interval, intervalSeconds, type SimulatedWindow } from './window.ts'

/** Requests in the engine and use of its KV cache, at one moment. */
export interface Occupancy {
  /** Running requests. */
  running: number
  /** Waiting requests. */
  waiting: number
  /** Share of KV blocks in use, 0 to 1. */
  kvUsage: number
  /** Waiting requests whose KV blocks come from a prefill engine. Absent if the engine computes the prompts itself. */
  deferred?: number
}

/** A request that got its last token. Times are in seconds of the window. */
interface FinishedRequest {
  /** Time of arrival at the front end. */
  readonly arrival: number
  /** Time of arrival at the engine. */
  readonly queued: number
  /** Time of the first admission. */
  readonly scheduled: number
  /** Time of the first output token. */
  readonly firstToken: number
  /** Time of the last output token. */
  readonly end: number
  /** Length of the prompt. */
  readonly promptTokens: number
  /** Prompt tokens that were not cached. */
  readonly computedPromptTokens: number
  /** Length of the answer. */
  readonly outputTokens: number
  /** How often it was preempted. */
  readonly preemptions: number
}

/** Collects what happens in a window: latency distributions, time-weighted means and the timeline. */
export class WindowRecorder {
  /** Distributions of latencies and lengths. */
  readonly observed: SimulatedWindow['observed']
  /** Finished requests in order of time. */
  readonly finished: { atS: number; promptTokens: number; outputTokens: number }[] = []
  /** Closed intervals. */
  readonly timeline: Interval[] = []
  /** Sums over the window. */
  readonly totals = { promptTokens: 0, cachedPromptTokens: 0, generationTokens: 0, preemptions: 0 }
  /** Sums over the drafts; `undefined` without speculative decoding. */
  readonly drafts: DraftCounts | undefined
  #intervalDrafts: DraftCounts | undefined
  readonly #endS: number
  readonly #integral = { running: 0, waiting: 0, kvUsage: 0 }
  readonly #max = { running: 0, waiting: 0, kvUsage: 0 }
  #interval = emptyInterval()
  #now = 0

  readonly #frontEndS: number

  /**
   * @param endS end of the window in seconds; later time is not recorded.
   * @param frontEndS time that a request spends outside the engine core; clients wait for it too.
   * @param distributions `false` to leave the distributions empty, which is faster.
   * @param draftedTokens tokens of a draft. Absent: no speculative decoding.
   */
  constructor(endS: number, frontEndS = 0, distributions = true, draftedTokens?: number) {
    this.drafts = draftedTokens === undefined ? undefined : noDrafts(draftedTokens)
    this.#intervalDrafts = draftedTokens === undefined ? undefined : noDrafts(draftedTokens)
    this.observed = {
      ttft: new Distribution(distributions),
      interToken: new Distribution(distributions),
      e2e: new Distribution(distributions),
      queue: new Distribution(distributions),
      prefill: new Distribution(distributions),
      decode: new Distribution(distributions),
      inference: new Distribution(distributions),
      timePerOutputToken: new Distribution(distributions),
      promptTokens: new Distribution(distributions),
      generationTokens: new Distribution(distributions),
      computedPromptTokens: new Distribution(distributions),
      iterationTokens: new Distribution(distributions),
      preemptions: new Distribution(distributions),
    }
    this.#endS = endS
    this.#frontEndS = frontEndS
  }

  /**
   * Records that the engine was in one state until `to`.
   *
   * @param busy whether the GPUs computed.
   * @param memoryShare share of this time in which GPU memory was read, 0 to 1.
   */
  advance(to: number, occupancy: Occupancy, busy: boolean, memoryShare: number): void {
    const max = this.#max
    if (occupancy.running > max.running) max.running = occupancy.running
    if (occupancy.waiting > max.waiting) max.waiting = occupancy.waiting
    if (occupancy.kvUsage > max.kvUsage) max.kvUsage = occupancy.kvUsage
    const until = Math.min(to, this.#endS)
    while (this.#now < until) {
      const intervalEnd = Math.min((this.timeline.length + 1) * intervalSeconds, this.#endS)
      const next = Math.min(until, intervalEnd)
      const elapsed = next - this.#now
      this.#integral.running += elapsed * occupancy.running
      this.#integral.waiting += elapsed * occupancy.waiting
      this.#integral.kvUsage += elapsed * occupancy.kvUsage
      if (busy) {
        this.#interval.busyS += elapsed
        this.#interval.memoryS += elapsed * memoryShare
      }
      this.#now = next
      if (next === intervalEnd) this.#closeInterval(intervalEnd, occupancy)
    }
  }

  /** Records that a request got its first token, `latency` seconds after it arrived. */
  firstToken(latency: number): void {
    this.observed.ttft.add(latency + this.#frontEndS)
  }

  /**
   * Counts the tokens of a step. The front end counts a prompt as a whole, when its first token comes, and it does not see
   * steps that give no request a token.
   *
   * @param promptTokens lengths of the prompts whose first token came.
   * @param cachedPromptTokens how many of these tokens were found in the prefix cache.
   * @param generationTokens output tokens.
   */
  endStep(promptTokens: number, cachedPromptTokens: number, generationTokens: number): void {
    if (generationTokens === 0) return
    this.observed.iterationTokens.add(promptTokens + generationTokens)
    for (const sums of [this.#interval, this.totals]) {
      sums.promptTokens += promptTokens
      sums.cachedPromptTokens += cachedPromptTokens
      sums.generationTokens += generationTokens
    }
  }

  /** Counts a preemption. */
  preemption(): void {
    this.#interval.preemptions++
    this.totals.preemptions++
  }

  /** Counts a draft. */
  draft(drafted: number, accepted: number): void {
    if (this.drafts === undefined || this.#intervalDrafts === undefined) return
    addDraft(this.drafts, drafted, accepted)
    addDraft(this.#intervalDrafts, drafted, accepted)
  }

  /** Records a finished request. */
  finish(request: FinishedRequest): void {
    const { arrival, queued, scheduled, firstToken, end, promptTokens, outputTokens } = request
    const observed = this.observed
    observed.e2e.add(end - arrival + this.#frontEndS)
    observed.queue.add(scheduled - queued)
    observed.prefill.add(firstToken - scheduled)
    observed.decode.add(end - firstToken)
    observed.inference.add(end - scheduled)
    // vLLM observes 0 for an answer of one token.
    observed.timePerOutputToken.add(outputTokens > 1 ? (end - firstToken) / (outputTokens - 1) : 0)
    observed.promptTokens.add(promptTokens)
    observed.generationTokens.add(outputTokens)
    observed.computedPromptTokens.add(request.computedPromptTokens)
    observed.preemptions.add(request.preemptions)
    this.finished.push({ atS: end, promptTokens, outputTokens })
  }

  /** Time-weighted means and maxima over the window. */
  occupancy(): SimulatedWindow['occupancy'] {
    return {
      runningMean: this.#integral.running / this.#endS,
      runningMax: this.#max.running,
      waitingMean: this.#integral.waiting / this.#endS,
      waitingMax: this.#max.waiting,
      kvUsageMean: this.#integral.kvUsage / this.#endS,
      kvUsageMax: this.#max.kvUsage,
    }
  }

  /** Ends an interval of the timeline. The last one can be shorter. */
  #closeInterval(endS: number, occupancy: Occupancy): void {
    const { busyS, memoryS, ...counts } = this.#interval
    const length = endS - this.timeline.length * intervalSeconds
    this.timeline.push({
      endS,
      ...counts,
      ...occupancy,
      busy: busyS / length,
      memoryBusy: memoryS / length,
      observed: { ttft: this.observed.ttft.added, interToken: this.observed.interToken.added },
      ...(this.#intervalDrafts === undefined ? {} : { drafts: this.#intervalDrafts }),
    })
    if (this.drafts !== undefined) this.#intervalDrafts = noDrafts(this.drafts.acceptedPerPosition.length)
    this.#interval = emptyInterval()
  }
}

/** Sums of an interval that begins. */
function emptyInterval() {
  return { promptTokens: 0, cachedPromptTokens: 0, generationTokens: 0, preemptions: 0, busyS: 0, memoryS: 0 }
}
