/** Documentation of a vLLM engine argument. */
export interface EngineArgument {
  /** Type of the value. */
  readonly type: 'boolean' | 'integer' | 'number' | 'string'
  /** Smallest value of a number. */
  readonly minimum?: number
  /** Largest value of a number. */
  readonly maximum?: number
  /** All allowed values. */
  readonly choices?: readonly (string | number)[]
  /** Whether the text must be a JSON object. */
  readonly json?: boolean
  /** The argument affects speed or memory, but the simulation does not model it. */
  readonly notSimulated?: true
  /** First version of vLLM that has the argument. */
  readonly since?: string
  /** Effect of a higher value, of `true`, or of a new text. */
  readonly up?: string
  /** Effect of a lower value or of `false`. */
  readonly down?: string
}

// Types that many arguments share.
const flag = { type: 'boolean' } as const
const text = { type: 'string' } as const
const json = { type: 'string', json: true } as const
/** vLLM's kernels index tokens and requests with 32-bit integers, so no larger count can work. */
const count = { type: 'integer', minimum: 1, maximum: 2 ** 31 - 1 } as const
const bytes = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const
const amount = { type: 'number', minimum: 0 } as const
/** Marks an argument whose effect the simulation would not show. A plan that sets it is rejected with its effect. */
const notSimulated = { notSimulated: true } as const

/**
 * The engine arguments of vLLM V1 that operators change.
 *
 * Sources: names and types from `vllm/engine/arg_utils.py`, effects from the vLLM documentation. Arguments without an
 * effect on speed or memory have no text.
 *
 * An entry answers three questions of a fix plan: whether vLLM accepts the value, whether the simulation can show the
 * effect, and which effect to expect. `tools/simulation/engine-settings.ts` reads those that are simulated; to simulate
 * another one, read it there and remove `notSimulated` here.
 */
export const engineArguments: { readonly [name: string]: EngineArgument } = {
  // Scheduler: size of a batch.
  max_num_batched_tokens: {
    ...count,
    up: 'More prefill per step: shorter time to first token, more throughput, longer inter-token latency, more activation memory.',
    down: 'Less prefill per step: shorter inter-token latency, longer time to first token.',
  },
  max_num_seqs: {
    ...count,
    up: 'More requests at once: less queueing, more KV cache pressure and preemptions, more sampler memory.',
    down: 'Fewer requests at once: more waiting before the first token, fewer preemptions, shorter inter-token latency.',
  },
  // GPU memory and KV cache.
  gpu_memory_utilization: {
    type: 'number',
    // vLLM requires more than 0; less than 1 % cannot hold any model.
    minimum: 0.01,
    maximum: 1,
    up: 'More KV cache, so fewer preemptions; less free memory for allocations at run time.',
    down: 'Less KV cache, more free memory for allocations at run time.',
  },
  kv_cache_memory_bytes: { ...bytes, up: 'Sets the KV cache size directly and overrides gpu_memory_utilization.' },
  kv_cache_dtype: {
    type: 'string',
    choices: ['auto', 'bfloat16', 'float16', 'fp8', 'fp8_e4m3', 'fp8_e5m2', 'fp8_inc', 'fp8_ds_mla'],
    up: 'Element type of the KV cache: fp8 halves the bytes per token, so about twice as many tokens fit; accuracy may drop.',
  },
  // Parallelism. More ranks than GPUs keep the engine from starting.
  tensor_parallel_size: {
    ...count,
    up: 'More GPUs per layer: shorter steps and more KV cache, at the cost of all-reduces.',
    down: 'Fewer GPUs per layer: longer steps, less KV cache.',
  },
  pipeline_parallel_size: {
    ...count,
    up: 'More GPUs in stages: more KV cache, some latency per stage.',
    down: 'Fewer stages, less KV cache.',
  },
  // Every replica has a scheduler of its own, and the simulation has one.
  data_parallel_size: {
    ...count,
    ...notSimulated,
    up: 'More replicas: more throughput and isolation, but single requests are not faster.',
  },
  // Limits and modes of the engine.
  max_model_len: {
    ...count,
    up: 'Longer requests are accepted; the KV cache must hold at least one request of that length.',
    down: 'Longer requests are refused. Frees no memory, but allows startup with a smaller KV cache.',
  },
  enable_chunked_prefill: {
    ...flag,
    up: 'Decodes are scheduled first, and prefill fills the rest of the budget.',
    down: 'Prompts are computed in one step: requires max_num_batched_tokens >= max_model_len.',
  },
  enable_prefix_caching: {
    ...flag,
    up: 'Shared prefixes are computed once.',
    down: 'Every prompt is computed in full.',
  },
  enforce_eager: {
    ...flag,
    up: 'No CUDA graphs: saves a little memory; steps with small batches take much longer.',
    down: 'CUDA graphs: shorter steps.',
  },
  // Scheduler: order and admission.
  // On by default since the version that added it.
  scheduler_reserve_full_isl: {
    ...flag,
    since: '0.20.0',
    up: 'A request is admitted only if its whole prompt fits: fewer preemptions, more queueing.',
  },
  async_scheduling: { ...flag, ...notSimulated, up: 'The next step is scheduled while the GPU works: fewer gaps.' },
  scheduling_policy: {
    type: 'string',
    choices: ['fcfs', 'priority'],
    ...notSimulated,
    up: 'Order of the waiting queue.',
  },
  performance_mode: {
    type: 'string',
    choices: ['balanced', 'interactivity', 'throughput'],
    ...notSimulated,
    since: '0.20.0',
    up: 'Preset for the scheduling budgets.',
  },
  long_prefill_token_threshold: { ...count, minimum: 0, up: 'Limits the chunk of a long prompt per step.' },
  max_num_partial_prefills: { ...count, ...notSimulated, up: 'Short prompts can overtake long ones.' },
  max_long_partial_prefills: {
    ...count,
    ...notSimulated,
    up: 'Number of long prompts that can be in progress at the same time.',
  },
  // KV blocks, and offloading to host memory. V1 preempts by recomputation, so blocks are never swapped to the host.
  // The sizes that vLLM's type `BlockSize` lists.
  block_size: { type: 'integer', choices: [1, 8, 16, 32, 64, 128, 256], up: 'Tokens per KV block.' },
  num_gpu_blocks_override: {
    ...count,
    up: 'Sets the number of KV blocks directly, instead of deriving it from gpu_memory_utilization.',
    down: 'Sets a smaller number of KV blocks directly: more preemptions, more free memory for allocations at run time.',
  },
  // The next three arguments use host memory, which `planHostMemory` compares with the limit of the container.
  cpu_offload_gb: { ...amount, up: 'Weights move to host memory: frees GPU memory, but every step waits for PCIe.' },
  kv_offloading_size: { ...amount, up: 'KV blocks are kept in host memory: more host memory used.' },
  kv_offloading_backend: text,
  // Compilation and CUDA graphs. Only `enforce_eager` is simulated: it turns both off.
  optimization_level: {
    type: 'integer',
    minimum: 0,
    maximum: 3,
    ...notSimulated,
    up: 'Longer startup, shorter steps.',
  },
  cudagraph_mode: { ...text, ...notSimulated },
  compilation_config: { ...text, ...notSimulated },
  // API server and processes. Each API server holds host memory and a cache of preprocessed images.
  stream_interval: { ...count, ...notSimulated, up: 'Fewer and larger pieces per stream: less CPU load.' },
  api_server_count: count,
  disable_log_stats: flag,
  disable_custom_all_reduce: { ...flag, up: 'All-reduces go through NCCL instead of the custom kernel.' },
  distributed_executor_backend: { type: 'string', choices: ['mp', 'ray', 'uni', 'external_launcher'] },
  distributed_timeout_seconds: {
    ...count,
    up: 'Collective operations have more time before they are aborted; does not remove the cause.',
  },
  enable_expert_parallel: { ...flag, ...notSimulated },
  // Weights and models. The size of the weights comes from the model's data, so other types are not simulated.
  dtype: {
    type: 'string',
    choices: ['auto', 'half', 'float16', 'bfloat16', 'float', 'float32'],
    ...notSimulated,
    up: 'Element type of weights and activations: float32 doubles memory and step time.',
  },
  quantization: { ...text, ...notSimulated, up: 'Smaller weights: more KV cache, shorter steps; accuracy may drop.' },
  load_format: text,
  tokenizer_mode: text,
  trust_remote_code: flag,
  served_model_name: text,
  seed: { type: 'integer' },
  attention_backend: { ...text, ...notSimulated },
  speculative_config: {
    ...json,
    ...notSimulated,
    up: 'Drafts tokens ahead: shorter inter-token latency with small batches; little gain or a loss with large ones.',
  },
  enable_lora: flag,
  max_loras: count,
  max_lora_rank: count,
  // Images. Only two members of the JSON values are read: `image`, and `max_pixels`.
  limit_mm_per_prompt: {
    ...json,
    up: 'Limits the images and videos per prompt, which limits the memory of the encoder.',
  },
  mm_processor_kwargs: {
    ...json,
    up: 'Options of the image processor: a smaller max_pixels scales images down, which reduces the memory of the encoder.',
  },
  mm_processor_cache_gb: {
    ...amount,
    up: 'More host memory for preprocessed inputs.',
    down: 'Less host memory; inputs are preprocessed again.',
  },
  // Arguments that mostly have no effect on latency. They are listed so that a plan may set them, and so that the
  // arguments of a configuration can be checked when the image changes.
  skip_mm_profiling: { ...flag, ...notSimulated },
  hf_overrides: json,
  enable_sleep_mode: flag,
  kv_transfer_config: { ...json, ...notSimulated },
  override_generation_config: json,
  structured_outputs_config: json,
  generation_config: text,
  tokenizer: text,
  revision: text,
  download_dir: text,
  otlp_traces_endpoint: text,
  max_logprobs: { type: 'integer' },
  disable_cascade_attn: flag,
  disable_hybrid_kv_cache_manager: flag,
  enable_prompt_embeds: flag,
  calculate_kv_scales: flag,
  enable_dbo: { ...flag, ...notSimulated },
  decode_context_parallel_size: { ...count, ...notSimulated },
  enable_log_requests: flag,
  kv_cache_metrics: flag,
  show_hidden_metrics_for_version: text,
}

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
