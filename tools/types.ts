import type { DeploymentConfig } from '../fixtures/deployment.ts'

/**
 * The documents that the incident tools exchange. Field names are those of the JSON; units stand in the names
 * (`_s` seconds, `_ms` milliseconds, `_gb` GiB) or in the comment.
 */

export type { DeploymentConfig } from '../fixtures/deployment.ts'

/** One step of a fix plan. Absent optional members change nothing. */
export type FixAction =
  /** `null` removes an argument: vLLM's default holds again. */
  | { readonly action: 'set_engine_args'; readonly args: { readonly [name: string]: boolean | number | string | null } }
  | { readonly action: 'set_env'; readonly env: { readonly [name: string]: string | null } }
  | { readonly action: 'change_image'; readonly image: string }
  | { readonly action: 'restart_engine' }
  | {
      readonly action: 'set_resources'
      readonly resources: {
        readonly host_memory_gb?: number
        readonly cpu_cores?: number
        readonly shm_gb?: number
      }
    }
  | { readonly action: 'drain_node'; readonly node: string }
  | { readonly action: 'reset_gpu'; readonly gpu: number }
  | { readonly action: 'align_nccl_env'; readonly env: { readonly [name: string]: string } }
  | { readonly action: 'no_change'; readonly reason: string }

/** What shall be done about an incident. Actions are applied in order. */
export interface FixPlan {
  readonly summary: string
  readonly actions: readonly FixAction[]
  readonly rationale?: string
  /** What could go wrong, or what is not known. */
  readonly risks?: readonly string[]
}

/** A distribution in seconds. `null` where nothing was observed. */
export interface Distribution {
  readonly count: number
  readonly mean: number | null
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

/** One observed window of serving, summed up. Raw logs and metrics come from the fetch tools. */
export interface Telemetry {
  readonly scenario: string
  readonly phase: 'pre' | 'post'
  readonly config_id: string
  readonly window: { readonly start: string; readonly end: string; readonly duration_s: number }
  readonly slo: {
    readonly ttft_p95_s: number
    readonly inter_token_p99_s: number
    /** Smallest share of arrived requests that has to be served, 0 to 1. */
    readonly served_ratio: number
  }
  readonly requests: {
    readonly arrived: number
    readonly served: number
    readonly failed: number
    /** Still waiting or running when the window closed. */
    readonly unfinished: number
    readonly preemptions: number
  }
  readonly latency: {
    readonly ttft_s: Distribution
    readonly inter_token_s: Distribution
    readonly e2e_s: Distribution
    readonly queue_s: Distribution
    readonly prefill_s: Distribution
    readonly decode_s: Distribution
  }
  readonly throughput: {
    readonly requests_per_s: number
    readonly prompt_tokens_per_s: number
    readonly generation_tokens_per_s: number
  }
  readonly queue: {
    readonly waiting_mean: number
    readonly waiting_max: number
    readonly running_mean: number
    readonly running_max: number
  }
  /** Shares are 0 to 1. */
  readonly kv_cache: { readonly capacity_tokens: number; readonly usage_mean: number; readonly usage_max: number }
  readonly health: {
    readonly engine_up: boolean
    readonly healthy_workers: number
    readonly stuck_workers: number
    /** Last message of an engine that is down. */
    readonly reason?: string
  }
  /** Members that nobody observed: what stands in them is 0 or `null` and means nothing. Absent: all were observed. */
  readonly missing?: ('requests' | 'latency' | 'throughput' | 'queue' | 'kv_cache')[]
}

export interface MetricSample {
  readonly name: string
  readonly labels: { readonly [name: string]: string }
  /** JSON has no NaN or infinity: those come as the strings `NaN`, `+Inf`, `-Inf`. */
  readonly value: number | string
  /** Only where the page gives one. */
  readonly timestamp_ms?: number
}

/** Result of `analyze_metrics`. */
export interface MetricsAnalysis {
  /** Mean seconds per request and share (0 to 1) of the end-to-end time, by phase. */
  readonly latency_breakdown: Readonly<
    Record<'queue' | 'prefill' | 'decode' | 'other', { readonly mean_s: number | null; readonly share: number | null }>
  >
  readonly derived_metrics: {
    readonly ttft_p95_s: number | string | null
    readonly inter_token_p99_s: number | string | null
    readonly e2e_p95_s: number | string | null
    readonly queue_mean_s: number | null
    readonly running: number | null
    readonly waiting: number | null
    readonly kv_cache_usage: number | null
    readonly preemptions: number | null
    readonly preemptions_per_served: number | null
    readonly prompt_tokens_per_s: number | null
    readonly generation_tokens_per_s: number | null
    readonly prefix_cache_hit_rate: number | null
    readonly served: number | null
  }
  readonly hotspot: {
    readonly kind:
      | 'kv_cache'
      | 'concurrency_cap'
      | 'prefill_interference'
      | 'engine_down'
      | 'engine_stalled'
      | 'frontend'
      | 'decode'
      | 'none'
      | 'unknown'
    /** The figures that led to `kind`, one sentence each. */
    readonly because: string[]
  }
}

/** A JSON Patch-like row (RFC 6902); `from` is the earlier value, absent where there was none. */
export interface ConfigChange {
  readonly op: 'add' | 'remove' | 'replace'
  readonly path: string
  readonly from?: boolean | number | string | null
  readonly value?: boolean | number | string | null
}

/** Result of `apply_fix_simulation`. */
export interface FixResult {
  readonly updated_config: DeploymentConfig
  readonly diff: ConfigChange[]
  /** What the change does by vLLM's documentation, one sentence per action. */
  readonly expected_impact: string[]
}

/** What a log line is in the story: `cascade` follows from another failure, `benign` looks like one and is none. */
export type LogErrorKind = 'cause_candidate' | 'cascade' | 'benign'

export interface LogError {
  readonly message: string
  readonly kind: LogErrorKind
  /** Class of the failure, e.g. `linux_oom_kill`; `other` for an error that no rule knows. */
  readonly class: string
  /** The line as it stands in the log, the first of several equal ones. */
  readonly line: string
  /** How many lines of this class and message were seen. */
  readonly count: number
  /** What a catalogue says of it: for an Xid, its meaning and the action that NVIDIA asks for. */
  readonly detail?: string
}

export type ValidationStatus = 'improved' | 'unchanged' | 'regressed' | 'unknown'

export interface MetricDelta {
  readonly metric: string
  readonly unit: string
  readonly before: number | null
  readonly after: number | null
  /** (after - before) / before; `null` where one is missing or before is 0. */
  readonly relative: number | null
  readonly verdict: 'better' | 'worse' | 'same' | 'unknown'
}

/** Result of `validate_improvement`. */
export interface Validation {
  readonly status: ValidationStatus
  readonly deltas: MetricDelta[]
  readonly summary: string
}
