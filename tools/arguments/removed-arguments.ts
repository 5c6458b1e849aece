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
