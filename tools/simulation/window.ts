import type { Distribution } from './distribution.ts'
import type { EngineSettings } from './engine-settings.ts'
import type { MemoryPlan } from './memory.ts'

/** Length of an interval of the timeline. vLLM writes its stats line every ten seconds. */
export const intervalSeconds = 10

/** One interval of the timeline. */
export interface Interval {
  /** End of the interval, in seconds since the window opened. */
  readonly endS: number
  /** Prompt tokens in the interval. */
  readonly promptTokens: number
  /** Output tokens in the interval. */
  readonly generationTokens: number
  /** Preemptions in the interval. */
  readonly preemptions: number
  /** Running requests at its end. */
  readonly running: number
  /** Waiting requests at its end. */
  readonly waiting: number
  /** Share of KV blocks in use at its end, 0 to 1. */
  readonly kvUsage: number
  /** Share of the interval in which the GPUs computed, 0 to 1. */
  readonly busy: number
  /** Share of the interval in which the GPUs' memory was read, 0 to 1. */
  readonly memoryBusy: number
}

/** Everything observed in a window, in seconds and tokens. Tools derive all their results from it. */
export interface SimulatedWindow {
  /** Start of the window: times are relative to it. */
  readonly startS: 0
  /** Length of the window. */
  readonly endS: number
  /** The engine arguments. */
  readonly settings: EngineSettings
  /** GPU memory after startup. `undefined` if the engine did not start; then `engine.reason` is vLLM's message. */
  readonly memory: MemoryPlan | undefined
  /** The engine when the window closes. */
  readonly engine: {
    /** Whether it is alive and serves requests. */
    readonly up: boolean
    /** Whether it finished its start. */
    readonly started: boolean
    /** Whether it is alive but makes no progress. */
    readonly stalled: boolean
    /** Time of its death; 0 if it did not start. */
    readonly downAtS: number | undefined
    /** Its last message, if it is down. */
    readonly reason: string | undefined
  }
  /** Parts of the telemetry that were not collected. */
  readonly notObserved: ReadonlySet<'engine' | 'gpus'>
  /** GPUs of the first node that the driver has lost, so that no tool lists them. */
  readonly lostGpus: readonly number[]
  /** Sums over the window. */
  readonly counts: {
    /** Requests that arrived. */
    readonly arrived: number
    /** Requests that exceed a limit of the engine (HTTP 400). */
    readonly refused: number
    /** Requests that ended by themselves. */
    readonly stopped: number
    /** Requests that were cut at their maximum length. */
    readonly cutByLength: number
    /** Requests that their clients aborted. */
    readonly aborted: number
    /** Requests that a dead engine refused or lost. */
    readonly errored: number
    /** Preemptions. */
    readonly preemptions: number
    /** Prompt tokens, computed or cached. */
    readonly promptTokens: number
    /** Output tokens. */
    readonly generationTokens: number
    /** Tokens looked up in the prefix cache. */
    readonly prefixQueries: number
    /** Tokens found in the prefix cache. */
    readonly prefixHits: number
  }
  /** State when the window closes. */
  readonly end: {
    readonly running: number
    readonly waiting: number
    readonly kvUsage: number
    readonly oldestWaitingS: number
  }
  /** Requests in the engine and use of the KV cache: time-weighted means, and maxima. */
  readonly occupancy: {
    readonly runningMean: number
    readonly runningMax: number
    readonly waitingMean: number
    readonly waitingMax: number
    readonly kvUsageMean: number
    readonly kvUsageMax: number
  }
  /** Latencies and lengths. `ttft`, `interToken` and `iterationTokens` are observed as they happen, the others when a request finishes. */
  readonly observed: {
    readonly ttft: Distribution
    readonly interToken: Distribution
    readonly e2e: Distribution
    readonly queue: Distribution
    readonly prefill: Distribution
    readonly decode: Distribution
    readonly inference: Distribution
    readonly timePerOutputToken: Distribution
    readonly promptTokens: Distribution
    readonly generationTokens: Distribution
    readonly computedPromptTokens: Distribution
    readonly iterationTokens: Distribution
  }
  /** One entry per interval. */
  readonly timeline: readonly Interval[]
  /** Finished requests in order of time. */
  readonly finished: readonly { readonly atS: number; readonly promptTokens: number; readonly outputTokens: number }[]
}
