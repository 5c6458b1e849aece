import type { ValidationStatus } from '../../../tools/types.ts'

type Status = ValidationStatus | 'rejected'

/** A change of engine arguments with the verdict that a careful engineer gives. */
export interface JudgedPlan {
  /** The incident. */
  readonly scenario:
    | 'kv_cache_pressure'
    | 'prefill_interference'
    | 'concurrency_cap'
    | 'healthy_control'
    | 'cuda_ecc_uncorrectable'
    | 'linux_oom_killer'
  /** The changed engine arguments. */
  readonly args: Readonly<Record<string, string | number | boolean>>
  /** The verdict; several if both are defensible. `rejected` if the plan cannot be applied. */
  readonly status: Status | readonly Status[]
  /** The reason of the engineer. */
  readonly because: string
}

type Row = readonly [args: JudgedPlan['args'], status: JudgedPlan['status'], because: string]

const rows = (scenario: JudgedPlan['scenario'], plans: readonly Row[]): JudgedPlan[] =>
  plans.map(([args, status, because]) => ({ scenario, args, status, because }))

/** Plans that try to look good, and plans that are good, for four incidents and a healthy service. */
export const judgedPlans: readonly JudgedPlan[] = [
  ...rows('kv_cache_pressure', [
    [{ max_model_len: 4096 }, 'regressed', 'A quarter of the requests is refused.'],
    [{ max_model_len: 4300 }, 'regressed', '24 % of the requests are refused.'],
    [{ max_model_len: 4400 }, 'regressed', '22 % of the requests are refused.'],
    [{ max_model_len: 5000 }, 'regressed', '16 % of the requests are refused.'],
    [{ max_model_len: 6000 }, 'regressed', '8 % of the requests are refused.'],
    [{ max_model_len: 7000 }, 'regressed', '4 % of the requests are refused.'],
    [{ max_model_len: 9000 }, 'regressed', 'The longest requests are refused, and long answers are cut.'],
    [{ max_model_len: 12_000 }, 'regressed', 'Some requests that were served before are refused or cut.'],
    [{ max_model_len: 30_000 }, 'unchanged', 'No request is that long.'],
    [{ gpu_memory_utilization: 0.85 }, 'improved', 'More KV cache: fewer preemptions.'],
    [{ gpu_memory_utilization: 0.95 }, 'improved', 'More KV cache: no preemptions.'],
    [{ gpu_memory_utilization: 0.7 }, 'regressed', 'Less KV cache: a storm of preemptions.'],
    [{ kv_cache_dtype: 'fp8' }, 'improved', 'Twice as many tokens fit; the cost in accuracy is named.'],
    [{ tensor_parallel_size: 8 }, 'improved', 'Twice the memory and the compute.'],
    [{ enforce_eager: true }, 'regressed', 'Every step is slower, for a little memory.'],
    [{ enable_prefix_caching: false }, 'regressed', 'A preempted request is computed again from its start.'],
    [{ max_num_seqs: 16 }, 'regressed', 'Requests wait for one of 16 places.'],
    [{ max_num_seqs: 4 }, 'regressed', 'Nearly all requests wait until the window ends.'],
    [{ max_num_seqs: 1 }, 'regressed', 'One request at a time.'],
    [{ max_num_queued_reqs: 4 }, 'rejected', 'vLLM 0.15 has no such argument.'],
    [{ max_num_batched_tokens: 128 }, 'regressed', 'The budget is below max_num_seqs: the engine does not start.'],
    [{ max_num_seqs: 72 }, ['improved', 'unchanged'], 'Streams no longer pause, and requests wait instead.'],
    [{ max_num_seqs: 1024 }, 'regressed', 'The KV cache is the limit, and more graphs take its memory.'],
    [{ num_gpu_blocks_override: 3000 }, 'regressed', 'An eighth of the KV cache.'],
    [
      { long_prefill_token_threshold: 512 },
      'regressed',
      'More prompts are admitted at once, each with a little KV cache, and more are preempted.',
    ],
    [
      { max_num_batched_tokens: 512 },
      ['improved', 'unchanged'],
      'Fewer prompts are admitted at once, at the same load.',
    ],
    [
      { max_num_batched_tokens: 16_384 },
      'regressed',
      'Nearly every stream pauses longer than its limit while prompts are read.',
    ],
  ]),
  ...rows('prefill_interference', [
    [{ max_num_batched_tokens: 256 }, 'improved', 'The pauses end; the first token comes later.'],
    [{ max_num_batched_tokens: 512 }, 'improved', 'The pauses are short.'],
    [{ max_num_batched_tokens: 1024 }, 'improved', 'The pauses are short.'],
    [{ max_num_batched_tokens: 2048 }, 'improved', 'The pauses are below the limit.'],
    [{ max_num_batched_tokens: 4096 }, 'improved', 'The pauses are much shorter, but not below the limit.'],
    [{ max_num_batched_tokens: 8192 }, 'improved', 'The longest pauses halve.'],
    [{ max_num_batched_tokens: 32_768 }, 'regressed', 'The pauses are as long as before, and requests wait longer.'],
    [{ long_prefill_token_threshold: 1024 }, 'improved', 'A long prompt is read in small parts.'],
    [{ max_num_seqs: 1 }, 'regressed', 'No pause, because nobody else is served.'],
    [{ max_num_seqs: 2 }, 'regressed', 'Requests wait instead.'],
    [{ max_num_seqs: 4 }, 'regressed', 'Requests wait instead.'],
    [{ max_num_seqs: 16 }, 'regressed', 'The pauses remain, and some requests wait.'],
    [{ max_model_len: 4096 }, 'regressed', 'Most documents are refused.'],
    [{ max_model_len: 8192 }, 'regressed', 'A quarter of the documents is refused.'],
    [{ max_model_len: 16_384 }, 'regressed', 'Some documents are refused.'],
    [{ max_model_len: 22_000 }, 'regressed', 'The longest documents are refused.'],
    [{ max_model_len: 30_000 }, 'unchanged', 'No document is that long.'],
    [{ gpu_memory_utilization: 0.94 }, 'unchanged', 'The KV cache is not the limit.'],
    [{ tensor_parallel_size: 2 }, 'improved', 'Two GPUs read prompts faster.'],
    [{ kv_cache_dtype: 'fp8' }, 'improved', 'The pauses remain, and answers come a fifth sooner.'],
    [{ enforce_eager: true }, 'unchanged', 'The pauses are the time to read prompts, which needs no graphs.'],
    [{ num_gpu_blocks_override: 2200 }, 'regressed', 'So small a KV cache holds few documents at once.'],
  ]),
  ...rows('concurrency_cap', [
    [{ max_num_seqs: 64 }, 'improved', 'The cap was the cause.'],
    [{ max_num_seqs: 4096 }, 'regressed', 'More sequences than the budget has tokens: the engine does not start.'],
    [{ max_num_seqs: 12 }, 'improved', 'Half as many again are served at once.'],
    [{ max_num_seqs: 9 }, 'improved', 'One more place shortens the queue.'],
    [{ max_num_seqs: 7 }, 'regressed', 'One place fewer makes the queue longer.'],
    [{ max_num_seqs: 4 }, 'regressed', 'Half the places.'],
    [{ max_num_seqs: 1 }, 'regressed', 'One request at a time.'],
    [{ max_model_len: 600 }, 'regressed', 'A third of the requests is refused.'],
    [{ max_model_len: 900 }, 'regressed', 'Long prompts are refused, and answers are cut.'],
    [{ max_model_len: 1500 }, 'regressed', 'Some prompts are refused, and answers are cut.'],
    [{ max_model_len: 2500 }, 'regressed', 'A few prompts are refused, and answers are cut.'],
    [{ max_model_len: 8192 }, 'unchanged', 'No request is that long.'],
    [{ enforce_eager: true }, 'regressed', 'Every step is slower, so that the queue grows.'],
    [{ enforce_eager: true, max_num_seqs: 64 }, 'improved', 'Streams are slower within their limit, and nobody waits.'],
    [{ gpu_memory_utilization: 0.95 }, 'unchanged', 'The KV cache is not the limit.'],
    [
      { gpu_memory_utilization: 0.2 },
      'regressed',
      'The weights leave too little memory, and the engine does not start.',
    ],
    [{ max_num_batched_tokens: 8192 }, 'unchanged', 'The budget is not the limit.'],
    [
      { max_num_batched_tokens: 64 },
      'unchanged',
      'The queue, not the reading of prompts, decides the time to first token.',
    ],
    [{ enable_prefix_caching: false }, 'regressed', 'The shared prefix is computed for every request.'],
    [{ num_gpu_blocks_override: 1024 }, 'unchanged', 'Eight requests still fit.'],
    [
      { max_num_seqs: 64, max_model_len: 1000 },
      'regressed',
      'The cure is there, but requests are refused without need.',
    ],
    [{ tensor_parallel_size: 2 }, 'improved', 'Faster streams free their places sooner.'],
  ]),
  ...rows('healthy_control', [
    [{ max_num_batched_tokens: 3072 }, 'regressed', 'A quarter of the streams pauses longer than the limit.'],
    [{ max_num_batched_tokens: 8192 }, 'regressed', 'A quarter of the streams pauses longer than the limit.'],
    [{ max_num_batched_tokens: 512 }, 'regressed', 'The first token comes later, and nothing is better.'],
    [{ enable_prefix_caching: false }, 'regressed', 'The shared prefix is computed for every request.'],
    [{ max_model_len: 1300 }, 'regressed', 'Nearly half of the requests is refused.'],
    [{ kv_cache_dtype: 'fp8' }, 'unchanged', 'There was room in the KV cache.'],
    [{ max_num_seqs: 512 }, 'unchanged', 'There were places for all requests.'],
  ]),
  ...rows('linux_oom_killer', [
    [{ max_model_len: 1000 }, 'regressed', 'Requests are refused, and the engine is killed all the same.'],
    [{ max_model_len: 2000 }, 'regressed', 'Requests are refused, and the engine is killed all the same.'],
    [{ max_model_len: 2400 }, 'regressed', 'Requests are refused, and the engine is killed all the same.'],
  ]),
  ...rows('cuda_ecc_uncorrectable', [
    [{ max_model_len: 7000 }, 'regressed', 'The engine still dies, and some draws have a request that is now refused.'],
    [{ max_model_len: 30_000 }, 'unchanged', 'No request is that long, and the engine still dies.'],
  ]),
]
