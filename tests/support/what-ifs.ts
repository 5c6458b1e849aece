/** Engine arguments to change. */
export type WhatIf = Readonly<Record<string, string | number | boolean>>

/** The scenarios whose cause is the load, with changes of engine arguments that are often tried. */
export const whatIfs: Readonly<Record<string, readonly WhatIf[]>> = {
  healthy_control: [
    { max_num_batched_tokens: 512 },
    { tensor_parallel_size: 8 },
    { max_num_seqs: 8 },
    { enforce_eager: true },
    { enable_prefix_caching: false },
    { gpu_memory_utilization: 0.85 },
  ],
  concurrency_cap: [
    { max_num_seqs: 12 },
    { max_num_seqs: 16 },
    { max_num_seqs: 64 },
    { max_num_seqs: 4 },
    { enforce_eager: true },
    { tensor_parallel_size: 2 },
    { gpu_memory_utilization: 0.95 },
  ],
  kv_cache_pressure: [
    { gpu_memory_utilization: 0.95 },
    { gpu_memory_utilization: 0.7 },
    { kv_cache_dtype: 'fp8' },
    { max_num_seqs: 64 },
    { max_num_seqs: 16 },
    { max_num_seqs: 512 },
    { max_num_batched_tokens: 512 },
    { max_num_batched_tokens: 16_384 },
    { tensor_parallel_size: 8 },
    { enforce_eager: true },
    { max_model_len: 5000 },
  ],
  prefill_interference: [
    { max_num_batched_tokens: 2048 },
    { max_num_batched_tokens: 512 },
    { tensor_parallel_size: 2 },
    { max_num_seqs: 16 },
    { max_num_seqs: 2 },
    { enforce_eager: true },
    { long_prefill_token_threshold: 1024 },
    { max_model_len: 8192 },
  ],
  eager_decode: [
    { enforce_eager: false },
    { max_num_seqs: 16 },
    { max_num_seqs: 512 },
    { gpu_memory_utilization: 0.95 },
    { max_num_batched_tokens: 512 },
    { kv_cache_dtype: 'fp8' },
  ],
}
