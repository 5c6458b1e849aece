import { EngineCore } from './engine-core.ts'
import { type EngineInput, EngineState } from './engine-state.ts'
import { finishStep } from './finish-step.ts'
import type { ActiveImpairments } from './impairments.ts'
import type { HostMemory } from './memory.ts'
import type { StepBatch } from './step-batch.ts'
import type { StepTime } from './step-time.ts'
import type { WindowRecorder } from './window-recorder.ts'

/** Everything that the scheduler needs for one window. */
export interface SchedulerInput extends EngineInput {
  /** The cost model of one step. */
  readonly stepTime: StepTime
  /** The active impairments. */
  readonly impairments: ActiveImpairments
  /** When the kernel kills the engine. */
  readonly hostMemory: HostMemory
}

/**
 * Discrete-event model of vLLM V1's engine core in virtual time.
 *
 * While there are requests, the engine makes one step after another; each takes as long as its batch. Otherwise it is
 * idle, stalled or dead. All times are in seconds since the window opened.
 */
export class Scheduler {
  readonly #input: SchedulerInput
  readonly #state: EngineState
  readonly #core: EngineCore
  #now = 0
  /** Whether no step preceded the next one without a break. */
  #idle = true
  #finishedTokens = 0
  /** Whether a step would end after the window: then nothing more is observed. */
  #isOver = false
  #death: { readonly atS: number; readonly reason: string | undefined } | undefined

  constructor(input: SchedulerInput) {
    this.#input = input
    this.#state = new EngineState(input)
    this.#core = new EngineCore(this.#state)
  }

  /** Everything observed so far. */
  get recorder(): WindowRecorder {
    return this.#state.recorder
  }

  /** The requests and their progress. Do not change it. */
  get state(): EngineState {
    return this.#state
  }

  /** Outcomes of requests, and prefix cache lookups. */
  get counts(): EngineState['counts'] {
    return this.#state.counts
  }

  /** Number of running requests. */
  get running(): number {
    return this.#state.running.length
  }

  /** Number of waiting requests. */
  get waiting(): number {
    return this.#state.occupancy.waiting
  }

  /** Share of KV blocks in use, 0 to 1. */
  get kvUsage(): number {
    return this.#state.blocks.usage
  }

  /** Time and reason of the engine's death; `undefined` if it is alive. */
  get death(): { readonly atS: number; readonly reason: string | undefined } | undefined {
    return this.#death
  }

  /** Age of the oldest waiting request at the end of the window, in seconds; 0 if no request waits. */
  get oldestWaitingS(): number {
    const { waiting, transfers } = this.#state
    const { arrival, engineArrival = arrival } = this.#input.requests
    const waits = [waiting.head ?? [], ...(transfers?.requests ?? [])]
      .flat()
      .map((request) => this.#input.endS - (engineArrival[request] ?? 0))
    return Math.max(0, ...waits)
  }

  /** Runs the engine until the end of the window. Call it once. */
  run(): void {
    const { endS } = this.#input
    this.runUntil(endS)
    // Requests that came to an engine after its death are lost too.
    if (this.#death !== undefined) this.#state.loseAll()
    else this.#idleUntil(endS)
  }

  /** Runs the engine until a time. A step that has begun is finished. */
  runUntil(time: number): void {
    const { endS, impairments } = this.#input
    const until = Math.min(time, endS)
    while (this.#now < until && !this.#isOver) {
      this.#state.passUntil(this.#now)
      // The order matters: a dead engine cannot stall, and a stalled engine does not notice timeouts.
      if (impairments.downAt <= this.#now) {
        this.#die(impairments.downReason)
        return
      }
      const stalledUntil = impairments.stalledUntil(this.#now)
      if (stalledUntil > this.#now) {
        this.#idleUntil(Math.min(stalledUntil, impairments.downAt, until))
        continue
      }
      this.#state.abortTimedOut(this.#now)
      if (this.running + this.waiting + this.#core.scheduledSteps === 0) {
        this.#idleUntil(Math.min(this.#state.waiting.nextArrival, impairments.downAt, until))
        continue
      }
      // A step that would end after the window is not observed, and neither is anything after it.
      if (!this.#step(until)) this.#isOver = true
      if (this.#death !== undefined) return
    }
  }

  /**
   * Schedules one step and executes the step that is due; idles at most until a time.
   *
   * @returns `false` if that would end after the window.
   */
  #step(until: number): boolean {
    const latest = this.#core.schedule(this.#now)
    const due = this.#core.takeDue()
    if (due !== undefined) return this.#execute(due)
    if (latest.count > 0) return true
    // The first waiting request needs more blocks than there are, and vLLM lets nobody overtake it, or all of them wait for
    // transfers. Clients may give up.
    const { impairments } = this.#input
    this.#idleUntil(Math.min(this.#now + 1, this.#state.nextEvent, impairments.downAt, until))
    return true
  }

  /** Executes a scheduled step. @returns `false` if it would end after the window: then its results are not observed. */
  #execute(batch: StepBatch): boolean {
    const { stepTime, impairments, hostMemory, endS } = this.#input
    const { recorder, images } = this.#state
    const { tokens } = batch
    const { windowShare } = stepTime
    const reading = (batch.contextTokens - windowShare * batch.contextOutsideWindow) * stepTime.perContextToken
    const pairs = batch.attentionPairs - windowShare * batch.pairsOutsideWindow
    const attention = reading + pairs * stepTime.perAttentionPair
    const start = this.#idle ? stepTime.idleStart : 0
    this.#idle = false
    const verified = stepTime.ofBatch(tokens, batch.count, batch.drafts)
    const computing = Math.max(verified + attention, stepTime.launches)
    const duration = start + computing + stepTime.drafting(tokens, batch.count) + impairments.stepDelayS(this.#now)
    const end = this.#now + duration
    // The encoder runs before the model, so a step that runs out of memory has no results.
    const failure = images?.failure(batch)
    if (failure !== undefined) {
      this.#die(failure)
      return true
    }
    recorder.advance(end, this.#state.occupancy, true, Math.min(1, (stepTime.weightRead + reading) / duration))
    if (end > endS) return false
    this.#finishedTokens += finishStep(this.#state, batch, this.#now, end)
    this.#now = end
    // KV blocks of finished requests are offloaded to the host until its memory limit is reached.
    if (this.#finishedTokens >= hostMemory.tokensUntilKilled) this.#die(hostMemory.reason)
    return true
  }

  /** Lets time pass without steps. Requests keep arriving. */
  #idleUntil(time: number): void {
    const { recorder } = this.#state
    this.#idle = true
    do {
      const next = Math.min(time, this.#state.nextEvent)
      recorder.advance(next, this.#state.occupancy, false, 0)
      this.#now = Math.max(this.#now, next)
      this.#state.passUntil(this.#now)
    } while (this.#now < time)
  }

  /** The engine dies now: all requests fail, and nothing happens until the end of the window. */
  #die(reason: string | undefined): void {
    const { endS } = this.#input
    this.#death = { atS: this.#now, reason }
    this.#state.loseAll()
    this.recorder.advance(endS, { running: 0, waiting: 0, kvUsage: 0 }, false, 0)
    this.#now = endS
  }
}
