import type { Distribution } from './distribution.ts'
import type { DraftCounts } from './draft-acceptance.ts'
import type { EngineSettings } from './engine-settings.ts'
import type { FinishedTransfer } from './kv-transfers.ts'
import type { MemoryPlan } from './memory.ts'

/** Length of an interval of the timeline. vLLM writes its stats line every ten seconds. */
export const intervalSeconds = 10

/** One interval of the timeline. */
export interface Interval {
  /** End of the interval, in seconds since the window opened. */
  readonly endS: number
  /** Prompt tokens in the interval. A prompt counts when its first token comes. */
  readonly promptTokens: number
  /** How many of the prompt tokens were found in the prefix cache. */
  readonly cachedPromptTokens: number
  /** Output tokens in the interval. */
  readonly generationTokens: number
  /** Preemptions in the interval. */
  readonly preemptions: number
  /** Running requests at its end. */
  readonly running: number
  /** Waiting requests at its end. */
  readonly waiting: number
  /** How many of them wait for KV blocks of a prefill engine. Absent if the engine computes the prompts itself. */
  readonly deferred?: number
  /** Share of KV blocks in use at its end, 0 to 1. */
  readonly kvUsage: number
  /** Share of the interval in which the GPUs computed, 0 to 1. */
  readonly busy: number
  /** Share of the interval in which the GPUs' memory was read, 0 to 1. */
  readonly memoryBusy: number
  /** `added` of the distributions of latencies at its end. Absent for several engines together. */
  readonly observed?: { readonly ttft: number; readonly interToken: number }
  /** Drafts in the interval. Absent without speculative decoding. */
  readonly drafts?: Readonly<DraftCounts>
}

/** How a request of a window ended. */
export const Outcome = {
  /** The engine refused it (HTTP 400). */
  refused: 0,
  /** It got its last token. */
  served: 1,
  /** It waits or runs when the window closes. */
  unfinished: 2,
  /** Its client gave up. */
  aborted: 3,
  /** A dead engine refused or lost it. */
  lost: 4,
} as const

/**
 * The outcome of each request that arrived, as columns in order of arrival. Two windows with the same load have the same
 * requests, so their outcomes can be compared one by one. Times are in seconds; they are 0 for a refused request.
 */
export interface RequestOutcomes {
  /** Number of requests. */
  readonly count: number
  /** A member of {@link Outcome}. */
  readonly outcome: Uint8Array
  /** Longest answer that the engine allows, in tokens. */
  readonly allowedTokens: Int32Array
  /** Output tokens in the window. */
  readonly tokens: Int32Array
  /** Time to the first token. Without one: how long the request has waited, which is less than its time to first token. */
  readonly ttft: Float64Array
  /** Time from arrival to the last token. Without one: the age of the request. */
  readonly age: Float64Array
  /** Time from the first token to the latest one. */
  readonly streamed: Float64Array
  /** Longest time without a token after the first one, also the one that lasts when the window closes. */
  readonly longestGap: Float64Array
}

/** The part of a window that one engine shows. */
export interface EngineWindow
  extends Pick<SimulatedWindow, 'drafts' | 'end' | 'occupancy' | 'observed' | 'timeline' | 'finished'> {
  /** Sums over the window. */
  readonly counts: Omit<SimulatedWindow['counts'], 'arrived' | 'refused'>
}

/** Transfers of KV blocks to a decode engine in a window. */
export interface WindowTransfers {
  /** Complete transfers, in order of their ends. */
  readonly finished: readonly FinishedTransfer[]
  /** Requests that wait for their blocks, or with their blocks for a place in the batch, when the window closes. */
  readonly waiting: number
  /** Start times of the transfers in progress when the window closes. */
  readonly inProgressSince: readonly number[]
  /** Layers of the model. */
  readonly layers: number
  /** Bytes of one token on one GPU. */
  readonly bytesPerTokenOfRank: number
  /**
   * Time after which the prefill engine releases blocks that were not read (`VLLM_NIXL_ABORT_REQUEST_TIMEOUT`). The decode
   * engine does not learn of it and goes on reading (vLLM issue #21570), so the policy for failed loads does not act.
   * Infinity: never, as since 0.22.0, where a decode engine renews its lease.
   */
  readonly releasedAfterS: number
  /** Transfers that lasted longer, or last longer when the window closes: their blocks may have had other contents. */
  readonly expired: number
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
    /** Prompt tokens of the requests that got a first token. A prompt counts once, even after a preemption. */
    readonly promptTokens: number
    /** How many of the prompt tokens were found in the prefix cache at the first admission, or computed by a prefill engine. */
    readonly cachedPromptTokens: number
    /** Output tokens. */
    readonly generationTokens: number
    /** Tokens looked up in the prefix cache when a request was first admitted; 0 without prefix caching. */
    readonly prefixQueries: number
    /** Tokens found in the prefix cache. */
    readonly prefixHits: number
    /** Tokens looked up at a prefill engine; 0 if the engine computes the prompts itself. */
    readonly externalQueries: number
    /** Tokens whose keys and values come from a prefill engine. */
    readonly externalHits: number
    /** How many of the prompt tokens a prefill engine computed. */
    readonly externalPromptTokens: number
    /** Images in the prompts of accepted requests. */
    readonly images: number
    /** How many of them were found in the cache of the API server. */
    readonly imagesFound: number
  }
  /** Drafts of the window; `undefined` without speculative decoding. */
  readonly drafts: Readonly<DraftCounts> | undefined
  /** State when the window closes. */
  readonly end: {
    /** Requests that have not reached the engine yet. */
    readonly inFrontEnd: number
    /** Running requests. */
    readonly running: number
    /** Waiting requests. */
    readonly waiting: number
    /** Share of KV blocks in use, 0 to 1. */
    readonly kvUsage: number
    /** Age of the oldest waiting request; 0 if no request waits. */
    readonly oldestWaitingS: number
  }
  /** Transfers of KV blocks from a prefill engine; `undefined` if the engine computes the prompts itself. */
  readonly transfers: WindowTransfers | undefined
  /** Requests in the engine and use of the KV cache: time-weighted means, and maxima. */
  readonly occupancy: {
    /** Mean number of running requests. */
    readonly runningMean: number
    /** Largest number of running requests. */
    readonly runningMax: number
    /** Mean number of waiting requests. */
    readonly waitingMean: number
    /** Largest number of waiting requests. */
    readonly waitingMax: number
    /** Mean share of KV blocks in use, 0 to 1. */
    readonly kvUsageMean: number
    /** Largest share of KV blocks in use, 0 to 1. */
    readonly kvUsageMax: number
  }
  /** Latencies and lengths. `ttft`, `interToken` and `iterationTokens` are observed as they happen, the others when a request finishes. */
  readonly observed: {
    /** Time from arrival to the first output token. */
    readonly ttft: Distribution
    /** Time between two output tokens of a request. */
    readonly interToken: Distribution
    /** Time from arrival to the last output token. */
    readonly e2e: Distribution
    /** Time from arrival to the first admission. */
    readonly queue: Distribution
    /** Time from the first admission to the first output token. */
    readonly prefill: Distribution
    /** Time from the first to the last output token. */
    readonly decode: Distribution
    /** Time from the first admission to the last output token. */
    readonly inference: Distribution
    /** Mean time between the output tokens of one request. */
    readonly timePerOutputToken: Distribution
    /** Prompt length in tokens. */
    readonly promptTokens: Distribution
    /** Output length in tokens. */
    readonly generationTokens: Distribution
    /** Prompt tokens that were not cached. */
    readonly computedPromptTokens: Distribution
    /** Prompt and output tokens that the front end counts in a step, see `counts`. */
    readonly iterationTokens: Distribution
    /** Preemptions of a request. */
    readonly preemptions: Distribution
  }
  /** The engines one by one, in order of their data-parallel ranks. The other members are those of all engines. */
  readonly engines: readonly EngineWindow[]
  /** One entry per interval. */
  readonly timeline: readonly Interval[]
  /** Finished requests in order of time. */
  readonly finished: readonly { readonly atS: number; readonly promptTokens: number; readonly outputTokens: number }[]
  /** The outcome of each request that arrived. */
  readonly outcomes: RequestOutcomes
}
