import { Observations } from './distribution.ts'
import { type Interval, intervalSeconds, type SimulatedWindow } from './window.ts'

/** State of the scheduler as the recorder integrates it. */
export interface Load {
  running: number
  waiting: number
  /** Share of KV blocks in use, 0 to 1. */
  kvUsage: number
}

export interface FinishedRequest {
  readonly arrival: number
  readonly scheduled: number
  readonly firstToken: number
  readonly end: number
  readonly promptTokens: number
  /** Prompt tokens that were not cached. */
  readonly computedPromptTokens: number
  readonly outputTokens: number
}

/** Collects what a scheduler does: observations, time integrals and the timeline. */
export class Recorder {
  readonly observed: SimulatedWindow['observed'] = {
    ttft: new Observations(),
    interToken: new Observations(),
    e2e: new Observations(),
    queue: new Observations(),
    prefill: new Observations(),
    decode: new Observations(),
    inference: new Observations(),
    timePerOutputToken: new Observations(),
    promptTokens: new Observations(),
    generationTokens: new Observations(),
    computedPromptTokens: new Observations(),
    iterationTokens: new Observations(),
  }
  readonly finished: { atS: number; promptTokens: number; outputTokens: number }[] = []
  readonly timeline: Interval[] = []
  readonly totals = { promptTokens: 0, generationTokens: 0, preemptions: 0 }
  readonly #endS: number
  readonly #integral = { running: 0, waiting: 0, kvUsage: 0 }
  readonly #max = { running: 0, waiting: 0, kvUsage: 0 }
  #interval = { promptTokens: 0, generationTokens: 0, preemptions: 0, busyS: 0, memoryS: 0 }
  #now = 0

  constructor(endS: number) {
    this.#endS = endS
  }

  /** Lets time pass in state `load`; `memoryShare` is the share of it in which HBM was read, 0 when the GPU idles. */
  advance(to: number, load: Load, busy: boolean, memoryShare: number): void {
    const max = this.#max
    if (load.running > max.running) max.running = load.running
    if (load.waiting > max.waiting) max.waiting = load.waiting
    if (load.kvUsage > max.kvUsage) max.kvUsage = load.kvUsage
    const until = Math.min(to, this.#endS)
    while (this.#now < until) {
      const intervalEnd = Math.min((this.timeline.length + 1) * intervalSeconds, this.#endS)
      const next = Math.min(until, intervalEnd)
      const elapsed = next - this.#now
      this.#integral.running += elapsed * load.running
      this.#integral.waiting += elapsed * load.waiting
      this.#integral.kvUsage += elapsed * load.kvUsage
      if (busy) {
        this.#interval.busyS += elapsed
        this.#interval.memoryS += elapsed * memoryShare
      }
      this.#now = next
      if (next === intervalEnd) this.#closeInterval(intervalEnd, load)
    }
  }

  promptTokens(count: number): void {
    this.#interval.promptTokens += count
    this.totals.promptTokens += count
  }

  generationTokens(count: number): void {
    this.#interval.generationTokens += count
    this.totals.generationTokens += count
  }

  preemption(): void {
    this.#interval.preemptions++
    this.totals.preemptions++
  }

  /** A request came to its end; times in seconds of the window. */
  finish(request: FinishedRequest): void {
    const { arrival, scheduled, firstToken, end, promptTokens, outputTokens } = request
    const observed = this.observed
    observed.e2e.add(end - arrival)
    observed.queue.add(scheduled - arrival)
    observed.prefill.add(firstToken - scheduled)
    observed.decode.add(end - firstToken)
    observed.inference.add(end - scheduled)
    if (outputTokens > 1) observed.timePerOutputToken.add((end - firstToken) / (outputTokens - 1))
    observed.promptTokens.add(promptTokens)
    observed.generationTokens.add(outputTokens)
    observed.computedPromptTokens.add(request.computedPromptTokens)
    this.finished.push({ atS: end, promptTokens, outputTokens })
  }

  load(): SimulatedWindow['load'] {
    return {
      runningMean: this.#integral.running / this.#endS,
      runningMax: this.#max.running,
      waitingMean: this.#integral.waiting / this.#endS,
      waitingMax: this.#max.waiting,
      kvUsageMean: this.#integral.kvUsage / this.#endS,
      kvUsageMax: this.#max.kvUsage,
    }
  }

  #closeInterval(endS: number, load: Load): void {
    const { busyS, memoryS, ...counts } = this.#interval
    const length = endS - this.timeline.length * intervalSeconds
    this.timeline.push({
      endS,
      ...counts,
      running: load.running,
      waiting: load.waiting,
      kvUsage: load.kvUsage,
      busy: busyS / length,
      memoryBusy: memoryS / length,
    })
    this.#interval = { promptTokens: 0, generationTokens: 0, preemptions: 0, busyS: 0, memoryS: 0 }
  }
}
