import type { Observations } from './distribution.ts'
import type { EngineSettings } from './engine-settings.ts'
import type { MemoryPlan } from './memory.ts'

/** vLLM writes its stats line every ten seconds; the timeline has the same grid. */
export const intervalSeconds = 10

/** What happened within one interval of the timeline; `running`, `waiting` and `kvUsage` are read at its end. */
export interface Interval {
  readonly endS: number
  readonly promptTokens: number
  readonly generationTokens: number
  readonly preemptions: number
  readonly running: number
  readonly waiting: number
  /** 0 to 1. */
  readonly kvUsage: number
  /** Share of the interval in which the GPUs computed, and in which their memory was read, 0 to 1. */
  readonly busy: number
  readonly memoryBusy: number
}

/** Everything observed in a window, in seconds and tokens. What a tool shows is derived from this and nothing else. */
export interface SimulatedWindow {
  readonly startS: 0
  readonly endS: number
  readonly settings: EngineSettings
  /** Absent when the engine did not start; `engine.reason` says why. */
  readonly memory: MemoryPlan | undefined
  readonly engine: {
    readonly up: boolean
    /** Whether it got through its start. */
    readonly started: boolean
    /** Alive, and making no step when the window closes. */
    readonly stalled: boolean
    /** When it died; 0 for one that did not start. */
    readonly downAtS: number | undefined
    readonly reason: string | undefined
  }
  /** What nobody collected, and GPUs that no tool lists any more. */
  readonly notObserved: ReadonlySet<'engine' | 'gpus'>
  readonly lostGpus: readonly number[]
  readonly counts: {
    readonly arrived: number
    /** Longer than the engine accepts (HTTP 400). */
    readonly refused: number
    readonly stopped: number
    readonly cutByLength: number
    /** Clients that gave up. */
    readonly aborted: number
    /** Requests that a dead engine refused or lost. */
    readonly errored: number
    readonly preemptions: number
    readonly promptTokens: number
    readonly generationTokens: number
    readonly prefixQueries: number
    readonly prefixHits: number
  }
  /** State when the window closes. */
  readonly end: {
    readonly running: number
    readonly waiting: number
    readonly kvUsage: number
    readonly oldestWaitingS: number
  }
  /** Time-weighted means and maxima. */
  readonly load: {
    readonly runningMean: number
    readonly runningMax: number
    readonly waitingMean: number
    readonly waitingMax: number
    readonly kvUsageMean: number
    readonly kvUsageMax: number
  }
  /** `ttft` and `interToken` are observed as they happen, the others when a request finishes. */
  readonly observed: {
    readonly ttft: Observations
    readonly interToken: Observations
    readonly e2e: Observations
    readonly queue: Observations
    readonly prefill: Observations
    readonly decode: Observations
    readonly inference: Observations
    readonly timePerOutputToken: Observations
    readonly promptTokens: Observations
    readonly generationTokens: Observations
    readonly computedPromptTokens: Observations
    readonly iterationTokens: Observations
  }
  /** One entry per started interval. */
  readonly timeline: readonly Interval[]
  /** Finished requests as (time, prompt tokens, output tokens), in order of time. */
  readonly finished: readonly { readonly atS: number; readonly promptTokens: number; readonly outputTokens: number }[]
}
