import type { ArgumentRange } from './argument-table.ts'
import { readSpeculativeConfig } from './speculative-config.ts'

/** Documentation of an argument that the simulation models. */
export interface SimulatedArgument {
  /** Effect of a higher value, of `true`, or of a new text, according to vLLM's documentation. */
  readonly up: string
  /** Effect of a lower value, of `false`, or of the default of a text. */
  readonly down: string
  /** Effect of the default, for a number that the engine otherwise derives from other arguments. */
  readonly removed?: string
  /**
   * Value that the default acts like, where the table has none: a value, or the argument that it follows. Absent: vLLM
   * derives the default, and whether a value is higher is not known.
   */
  readonly absent?: number | boolean | { readonly follows: string }
  /** The number that means that there is no limit. */
  readonly noLimit?: number
  /** Range that the simulation needs, if vLLM's own is wider. */
  readonly range?: ArgumentRange
  /** The only values that are modelled. Absent: all. */
  readonly values?: readonly string[]
  /** Whether a text is modelled, for an argument with too many values for a list. Absent: by `values`. */
  readonly isModelled?: (text: string) => boolean
}

/** vLLM's kernels index tokens and requests with 32-bit integers, so no larger count can work. */
const count = { ge: 1, le: 2 ** 31 - 1 } as const

/**
 * The arguments that the simulation models: `tools/simulation/engine-settings.ts` reads them. To simulate another one,
 * read it there and add it here.
 */
export const simulatedArguments: { readonly [name: string]: SimulatedArgument } = {
  // Scheduler: size of a batch.
  max_num_batched_tokens: {
    range: count,
    up: 'More prefill per step: shorter time to first token, more throughput, longer inter-token latency, more activation memory.',
    down: 'Less prefill per step: shorter inter-token latency, longer time to first token.',
  },
  max_num_seqs: {
    range: count,
    up: 'More requests at once: less queueing, a fuller KV cache, more preemptions, more sampler memory.',
    down: 'Fewer requests at once: more waiting before the first token, fewer preemptions, shorter inter-token latency.',
  },
  performance_mode: {
    up: '"throughput" doubles the default sizes of a batch.',
    down: 'The default sizes of a batch are not doubled.',
    values: ['balanced', 'throughput'],
  },
  // GPU memory and KV cache.
  gpu_memory_utilization: {
    range: { gt: 0, le: 1 },
    up: 'More KV cache, so fewer preemptions; less free memory for allocations at run time.',
    down: 'Less KV cache, more free memory for allocations at run time.',
  },
  kv_cache_memory_bytes: {
    range: { ge: 1 },
    up: 'Sets the KV cache size directly and overrides gpu_memory_utilization.',
    down: 'Sets a smaller KV cache directly: more preemptions, more free memory for allocations at run time.',
    removed: 'The size of the KV cache follows from gpu_memory_utilization again.',
  },
  kv_cache_dtype: {
    up: 'Element type of the KV cache: fp8 halves the bytes per token, so about twice as many tokens fit; accuracy may drop.',
    down: 'The KV cache has the element type of the model: a 16-bit type holds about half as many tokens as fp8.',
    values: ['auto', 'bfloat16', 'float16', 'fp8', 'fp8_e4m3', 'fp8_e5m2', 'fp8_inc', 'fp8_ds_mla'],
  },
  // Parallelism. More ranks than GPUs keep the engine from starting.
  tensor_parallel_size: {
    range: count,
    up: 'More GPUs per layer: shorter steps and more KV cache, at the cost of all-reduces.',
    down: 'Fewer GPUs per layer: longer steps, less KV cache.',
  },
  pipeline_parallel_size: {
    range: count,
    up: 'More GPUs in stages: more KV cache, some latency per stage.',
    down: 'Fewer stages, less KV cache.',
  },
  data_parallel_size: {
    range: count,
    up: 'More engines, each with its own GPUs, KV cache and queue: more throughput, but single requests are not faster.',
    down: 'Fewer engines, so each gets more requests.',
  },
  // Limits and modes of the engine.
  max_model_len: {
    range: count,
    // The default is the longest that the model allows.
    absent: Number.POSITIVE_INFINITY,
    up: 'Longer requests are accepted; the KV cache must hold at least one request of that length.',
    down: 'Longer requests are refused. Frees no memory, but allows startup with a smaller KV cache.',
  },
  enable_chunked_prefill: {
    absent: true,
    up: 'Decodes are scheduled first, and prefill fills the rest of the budget.',
    down: 'Prompts are computed in one step: requires max_num_batched_tokens >= max_model_len.',
  },
  enable_prefix_caching: {
    absent: true,
    up: 'Shared prefixes are computed once.',
    down: 'Every prompt is computed in full.',
  },
  enforce_eager: {
    up: 'No CUDA graphs: saves a little memory; steps with small batches take much longer.',
    down: 'CUDA graphs: shorter steps.',
  },
  // Scheduler: order and admission.
  scheduler_reserve_full_isl: {
    up: 'A request is admitted only if its whole prompt fits: fewer preemptions, more queueing.',
    down: 'A request is admitted before its whole prompt fits: less queueing, more preemptions.',
  },
  async_scheduling: {
    absent: true,
    up: 'The next step is scheduled while the GPU works: fewer gaps; blocks are freed a step later.',
    down: 'The next step is scheduled after the GPU finishes: gaps between steps; blocks are freed at once.',
  },
  watermark: {
    up: 'Keeps a share of the KV blocks free at admission: fewer preemptions, more queueing.',
    down: 'Keeps fewer KV blocks free at admission: less queueing, more preemptions.',
  },
  long_prefill_token_threshold: {
    range: { le: count.le },
    noLimit: 0,
    up: 'Larger chunks of a long prompt per step: it is computed sooner, and the other requests wait longer for a step. 0 means no limit.',
    down: 'Limits the chunk of a long prompt per step: shorter steps for the other requests, a later first token of long prompts.',
  },
  // The impairment `draft_acceptance` says how many drafted tokens are accepted. Other methods are not modelled.
  speculative_config: {
    up: 'Drafts tokens ahead and verifies them: shorter inter-token latency if they are accepted. Rejected tokens make each step longer, most of all with large batches. null turns it off; a smaller num_speculative_tokens wastes less.',
    down: 'No tokens are drafted: no time is lost with rejected ones, and each step gives a request one token.',
    isModelled: (text) => readSpeculativeConfig(text) !== undefined,
  },
  // KV blocks, and offloading to host memory. V1 preempts by recomputation, so blocks are never swapped to the host.
  block_size: {
    range: count,
    absent: 16,
    up: 'More tokens per KV block: more of the last block of a request stays empty, and shared prefixes match in larger pieces.',
    down: 'Fewer tokens per KV block: less of the last block of a request stays empty, and shared prefixes match in smaller pieces.',
  },
  num_gpu_blocks_override: {
    range: count,
    removed: 'The number of KV blocks follows from gpu_memory_utilization or kv_cache_memory_bytes again.',
    up: 'Sets the number of KV blocks directly, instead of deriving it from gpu_memory_utilization.',
    down: 'Sets a smaller number of KV blocks directly: more preemptions, more free memory for allocations at run time.',
  },
  // The next arguments use host memory, which `planHostMemory` compares with the limit of the container.
  cpu_offload_gb: {
    range: { ge: 0 },
    up: 'Weights move to host memory: frees GPU memory, but every step waits for PCIe.',
    down: 'Fewer weights in host memory: more GPU memory and less host memory used, and steps wait less for PCIe.',
  },
  kv_offloading_size: {
    range: { ge: 0 },
    absent: 0,
    up: 'KV blocks are kept in host memory: more host memory used.',
    down: 'Fewer or no KV blocks are kept in host memory: less host memory used.',
  },
  // Modelled for the decode engine of a NIXL pair, in a scenario that knows the link.
  kv_transfer_config: {
    up: 'A prefill engine computes the prompts, and their KV blocks come over a link: requests wait for them.',
    down: 'The engine computes its prompts itself: no KV blocks come over a link, and prefill competes with decode.',
  },
  api_server_count: {
    range: count,
    absent: { follows: 'data_parallel_size' },
    up: 'More API servers share tokenizing and preprocessing: more host memory.',
    down: 'Fewer API servers share tokenizing and preprocessing: less host memory.',
  },
  mm_processor_cache_gb: {
    range: { ge: 0 },
    up: 'More host memory for preprocessed inputs; those sent again are found.',
    down: 'Less host memory; inputs are preprocessed again.',
  },
  // Images. Only two members of the JSON values are read: `image`, and `max_pixels`.
  limit_mm_per_prompt: {
    up: 'Limits the images and videos per prompt, which limits the memory of the encoder.',
    down: 'The images and videos per prompt are not limited, so the encoder may need more memory.',
  },
  mm_processor_kwargs: {
    up: 'Options of the image processor: a smaller max_pixels scales images down, which reduces the memory of the encoder.',
    down: 'The image processor has its own options again: without max_pixels, images are not scaled down further.',
  },
}

/**
 * Arguments that mostly have no effect on speed and memory, so the simulation ignores them. A plan may set them.
 *
 * `distributed_timeout_seconds` only gives collective operations more time before they are aborted.
 */
export const argumentsWithoutEffect: ReadonlySet<string> = new Set([
  // API server.
  ...['allow_credentials', 'allowed_headers', 'allowed_methods', 'allowed_origins', 'api_key', 'chat_template'],
  ...['chat_template_content_format', 'config', 'default_chat_template_kwargs', 'disable_access_log_for_endpoints'],
  ...['disable_fastapi_docs', 'disable_uvicorn_access_log', 'enable_auto_tool_choice', 'enable_force_include_usage'],
  ...[
    'enable_prompt_tokens_details',
    'enable_request_id_headers',
    'enable_server_load_tracking',
    'host',
    'max_log_len',
  ],
  ...['middleware', 'port', 'response_role', 'return_tokens_as_token_ids', 'root_path', 'ssl_ca_certs'],
  ...['ssl_cert_reqs', 'ssl_certfile', 'ssl_keyfile', 'tool_call_parser', 'tool_parser_plugin', 'tool_server'],
  ...['trust_request_chat_template', 'uds', 'uvicorn_log_level', 'shutdown_timeout'],
  // Model and tokenizer.
  ...['allowed_local_media_path', 'allowed_media_domains', 'code_revision', 'download_dir', 'enable_prompt_embeds'],
  ...['enable_sleep_mode', 'generation_config', 'hf_config_path', 'hf_overrides', 'hf_token', 'load_format'],
  ...['logprobs_mode', 'max_logprobs', 'model', 'model_tag', 'override_generation_config', 'reasoning_parser'],
  ...['revision', 'runner', 'seed', 'served_model_name', 'structured_outputs_config', 'tokenizer', 'tokenizer_mode'],
  ...['tokenizer_revision', 'trust_remote_code', 'use_tqdm_on_load', 'reasoning_parser_plugin', 'config_format'],
  ...['safetensors_load_strategy', 'model_loader_extra_config', 'ignore_patterns', 'max_parallel_loading_workers'],
  // Engine.
  ...['calculate_kv_scales', 'disable_cascade_attn', 'disable_hybrid_kv_cache_manager'],
  ...['disable_log_stats', 'distributed_executor_backend', 'distributed_timeout_seconds', 'enable_log_requests'],
  ...['cpu_distributed_timeout_seconds', 'enable_lora', 'max_loras', 'max_lora_rank', 'max_cpu_loras', 'lora_modules'],
  ...['kv_cache_metrics', 'kv_cache_metrics_sample', 'kv_events_config', 'kv_offloading_backend', 'log_level'],
  ...['logging_config', 'master_addr', 'master_port', 'nnodes', 'node_rank', 'otlp_traces_endpoint'],
  ...['prefix_caching_hash_algo', 'show_hidden_metrics_for_version', 'disable_custom_all_reduce'],
  ...['collect_detailed_traces', 'cudagraph_metrics', 'enable_mfu_metrics', 'aggregate_engine_logging'],
])

/** Effects of arguments that a plan may set although no step of the engine depends on them. */
export const effectsOutsideEngine: { readonly [name: string]: string } = {
  tokenizer_mode:
    '"slow" tokenizes prompts in Python, before the scheduler sees them: a longer time to first token, most of all for long prompts. "auto" uses the fast tokenizer.',
  disable_log_stats: 'With it, the engine logs no statistics, and its metrics page has no figures of the engine.',
}

/**
 * Effects of arguments that vLLM has and the simulation does not model. A plan that sets one is refused with its effect,
 * so that the model can recommend it in the rationale instead. Arguments in none of the three lists are not modelled either.
 */
export const effectsNotSimulated: { readonly [name: string]: string } = {
  scheduling_policy: 'Order of the waiting queue.',
  max_num_active_seqs: 'Fewer running requests, without smaller CUDA graphs or buffers.',
  max_num_queued_reqs: 'Further requests are refused with HTTP 503, which bounds the queue.',
  max_num_queued_tokens: 'Further requests are refused with HTTP 503, which bounds the time to first token.',
  long_prefill_token_threshold_adaptive: 'Raises the limit on the chunks of long prompts while few requests run.',
  max_num_partial_prefills: 'Short prompts can overtake long ones.',
  max_long_partial_prefills: 'Number of long prompts that can be in progress at the same time.',
  // Only `enforce_eager` is simulated: it turns compilation and CUDA graphs off.
  optimization_level: 'Longer startup, shorter steps.',
  max_cudagraph_capture_size: 'CUDA graphs for larger batches: shorter steps, more memory.',
  stream_interval: 'Fewer and larger pieces per stream: less CPU load.',
  // See `weightTypes`.
  dtype: 'Element type of weights and activations: float32 doubles memory and step time.',
  quantization: 'Smaller weights: more KV cache, shorter steps; accuracy may drop.',
  enable_expert_parallel: 'Each GPU holds whole experts instead of a slice of all of them.',
  decode_context_parallel_size: 'The KV cache of a request is spread over several GPUs.',
}

/** Arguments of {@link effectsNotSimulated} whose memory is simulated, but not their speed. */
export const weightTypes: ReadonlySet<string> = new Set(['dtype', 'quantization'])

/**
 * Arguments of vLLM V0 that V1 does not have, with the reason or the replacement, as a sentence without a period.
 *
 * Models know many of them from older documentation. With the reason they can choose another argument at once, and do not
 * try the next spelling.
 */
export const removedArguments: { readonly [name: string]: string } = {
  swap_space:
    'V1 preempts by recomputation and never swaps; the argument had no effect and was removed in 2026 (vLLM #36216)',
  preemption_mode: 'It belonged to V0; V1 preempts only by recomputation (vLLM #18115)',
  num_scheduler_steps: 'Multi-step scheduling belonged to V0',
  multi_step_stream_outputs: 'Multi-step scheduling belonged to V0',
  use_v2_block_manager: 'It was a switch of V0; V1 has only one block manager',
  scheduler_delay_factor: 'It belonged to the scheduler of V0',
  worker_use_ray: 'Use distributed_executor_backend',
  max_seq_len_to_capture: 'V1 captures CUDA graphs by batch size, not by sequence length',
  max_context_len_to_capture: 'V1 captures CUDA graphs by batch size, not by sequence length',
  num_lookahead_slots: 'It belonged to the scheduler of V0',
  guided_decoding_backend: 'Use structured_outputs_config',
  speculative_model: 'Use speculative_config',
  num_speculative_tokens: 'Use speculative_config',
  rope_scaling: 'Use hf_overrides',
  rope_theta: 'Use hf_overrides',
  disable_log_requests: 'Requests are logged only if enable_log_requests is set',
  disable_async_output_proc: 'It was a switch of V0; see async_scheduling',
  tokenizer_pool_size: 'It belonged to the tokenizer pool of V0',
}
