import { classifyLogLines } from '../../../tools/logs/classify-log-lines.ts'
import type { DeploymentConfig, LogError, MetricsAnalysis, Telemetry, ValidationStatus } from '../../../tools/types.ts'

const nothing = { count: 0, mean: null, p50: null, p95: null, p99: null }

export const config: DeploymentConfig = {
  config_id: 'made_up',
  scenario: 'made_up',
  model: 'meta-llama/Llama-3.1-8B-Instruct',
  image: 'vllm/vllm-openai:v0.15.0',
  vllm_version: '0.15.0',
  engine_args: { max_num_seqs: 64, gpu_memory_utilization: 0.85, max_num_batched_tokens: 8192 },
  env: { NCCL_PROTO: 'LL128', PATH: '/usr/bin' },
  resources: { host_memory_gb: 64, cpu_cores: 16, shm_gb: 8 },
  placement: {
    node: 'node-a',
    gpu_model: 'NVIDIA A100',
    gpus: [0, 4],
    driver_version: '590.48.01',
    spare_nodes: [{ node: 'node-b', driver_version: '590.48.01' }],
  },
  history: { engine_restarts: 0, gpu_resets: [] },
}

export const telemetry: Telemetry = {
  scenario: 'made_up',
  phase: 'pre',
  config_id: 'made_up',
  window: { start: '2026-05-01T10:00:00Z', end: '2026-05-01T10:10:00Z', duration_s: 600 },
  slo: { ttft_p95_s: 2, inter_token_p99_s: 0.2, served_ratio: 0.99 },
  requests: { arrived: 100, served: 40, failed: 0, unfinished: 60, preemptions: 12 },
  latency: {
    ttft_s: nothing,
    inter_token_s: nothing,
    e2e_s: nothing,
    queue_s: nothing,
    prefill_s: nothing,
    decode_s: nothing,
  },
  throughput: { requests_per_s: 1, prompt_tokens_per_s: 100, generation_tokens_per_s: 50 },
  queue: { waiting_mean: 30, waiting_max: 60, running_mean: 20, running_max: 24 },
  kv_cache: { capacity_tokens: 50_000, usage_mean: 0.97, usage_max: 1 },
  health: { engine_up: true, healthy_workers: 1, stuck_workers: 0 },
}

export function analysis(
  kind: MetricsAnalysis['hotspot']['kind'],
  acceptance: number | null = null,
  reasons: readonly string[] = [],
): MetricsAnalysis {
  const phase = { mean_s: 1, share: 0.25 }
  return {
    latency_breakdown: { queue: phase, prefill: phase, decode: phase, other: phase },
    derived_metrics: {
      ttft_p95_s: 9,
      inter_token_p99_s: 0.1,
      e2e_p95_s: 30,
      queue_mean_s: 8,
      running: 24,
      waiting: 60,
      waiting_deferred: null,
      kv_cache_usage: 0.99,
      kv_cache_tokens: 50_000,
      preemptions: 12,
      preemptions_per_served: 0.3,
      recomputed_tokens_at_most: null,
      mean_batch: null,
      prompt_tokens_per_s: 100,
      generation_tokens: 2000,
      generation_tokens_per_s: 50,
      prefix_cache_hit_rate: 0,
      external_cache_hit_rate: null,
      draft_acceptance_rate: acceptance,
      kv_transfer_mean_s: null,
      served: 40,
      aborted: null,
      errored: null,
      rejected: null,
    },
    hotspot: { kind, because: ['60 requests wait while "kv_cache_usage" is 0.99.', ...reasons] },
  }
}

/** The entry of `findings` for a line, with the class that the log tools give it. */
export function cause(message: string): LogError {
  const [found] = classifyLogLines([message])
  return {
    message,
    kind: 'cause_candidate',
    class: found?.class ?? 'other',
    line: `[  12.3] kernel: ${message}`,
    count: 1,
  }
}

/** `count` lines in which the engine waits for its own processes. */
export function waits(count: number): LogError {
  return { ...cause('Waiting for 1 local, 0 remote core engine proc(s) to start.'), kind: 'benign', count }
}

/** Results of the tools. `status` has the verdicts of `validate_improvement` in order. */
export interface World {
  readonly hotspot?: MetricsAnalysis['hotspot']['kind']
  /** Share of the drafted tokens that are accepted. Default: the page does not show it. */
  readonly acceptance?: number
  /** Further reasons of the hotspot. */
  readonly reasons?: readonly string[]
  readonly causes?: readonly LogError[]
  readonly stuck?: number
  /** Entries of `findings` in the result of `fetch_vllm_logs`. */
  readonly vllmErrors?: readonly LogError[]
  readonly config?: DeploymentConfig
  /** Further members of results, by tool. */
  readonly members?: Readonly<Record<string, object>>
  readonly status?: readonly ValidationStatus[]
  /** Tools that return an error. */
  readonly broken?: readonly string[]
}

/** The result of the n-th call of a tool in a made-up incident. */
export function toolResult(world: World, tool: string, number: number): unknown {
  if (world.broken?.includes(tool)) return { error: { kind: 'failed', message: `${tool} is out of order.` } }
  const results: Readonly<Record<string, unknown>> = {
    fetch_vllm_logs: {
      source: 'vllm',
      window: '15m',
      lines: ['INFO ready'],
      parsed: [],
      findings: world.vllmErrors ?? [],
      errors: [],
    },
    fetch_system_logs: { source: 'dmesg', window: '15m', lines: ['ok'], findings: world.causes ?? [], errors: [] },
    fetch_prometheus_metrics: { endpoint: '/metrics', raw_text: '', samples: [] },
    fetch_config: {
      config: world.config ?? config,
      runtime: { batch_size: 24, max_num_batched_tokens: 8192, max_num_seqs: 64 },
      version: '0.15.0',
    },
    fetch_runtime_state: {
      queue_depth: 60,
      running: 24,
      waiting: 60,
      scheduler_backlog_ms: 100,
      worker_health: { healthy: 1, stuck: world.stuck ?? 0 },
    },
    fetch_gpu_stats: { gpus: [{ id: 0, util: 1, mem_util: 0.9, mem_used_gb: 70, mem_total_gb: 80 }] },
    analyze_metrics: analysis(world.hotspot ?? 'engine_stalled', world.acceptance, world.reasons),
    apply_fix_simulation: { updated_config: config, diff: [], expected_impact: ['It helps.'] },
    collect_post_telemetry: { post_telemetry: { ...telemetry, phase: 'post' } },
    validate_improvement: {
      status: world.status?.[number] ?? 'improved',
      deltas: [],
      summary: 'Compared.',
    },
  }
  const members = world.members?.[tool]
  return members === undefined ? results[tool] : Object.assign({}, results[tool], members)
}
