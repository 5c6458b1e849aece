import { statSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  argumentsWithoutEffect,
  effectsNotSimulated,
  simulatedArguments,
} from '../../../tools/arguments/argument-effects.ts'
import { findArgument, nearestArgument } from '../../../tools/arguments/argument-name.ts'
import { argumentsOf, historyOf } from '../../../tools/arguments/argument-table.ts'
import { checkArgument } from '../../../tools/arguments/check-argument.ts'
import { imageLimit } from '../../../tools/arguments/prompt-limits.ts'

test('the table has the recorded number of arguments of each version, and is small', () => {
  expect(argumentsOf('0.15.0').size).toBe(208)
  expect(argumentsOf('0.32.0').size).toBe(317)
  expect(argumentsOf('0.11.0').size).toBe(184)
  const file = new URL('../../../tools/arguments/engine-arguments.tsv', import.meta.url)
  expect(statSync(file).size).toBeLessThan(50_000)
})

test('a patch release has the arguments of its minor version, and a version outside the table those at its end', () => {
  expect(argumentsOf('0.17.0')).toBe(argumentsOf('0.17.1'))
  expect(argumentsOf('0.15.2rc1')).toBe(argumentsOf('0.15.0'))
  expect(argumentsOf('0.10.1')).toBe(argumentsOf('0.10.1.1'))
  expect(argumentsOf('0.40.0')).toBe(argumentsOf('0.32.0'))
  expect(argumentsOf('0.1.0')).toBe(argumentsOf('0.8.5'))
})

test('every argument that the code names is one of some version', () => {
  const named = [...Object.keys(simulatedArguments), ...argumentsWithoutEffect, ...Object.keys(effectsNotSimulated)]
  expect(named.filter((name) => historyOf(name).length === 0)).toEqual([])
  expect(named.length).toBe(new Set(named).size)
})

test('the versions that have an argument are known', () => {
  expect(historyOf('watermark')).toEqual([{ first: '0.24' }])
  expect(historyOf('swap_space')).toEqual([{ first: '0.8', last: '0.17' }])
  expect(historyOf('cudagraph_mode')).toEqual([])
})

test.each([
  ['max_num_seqs', 'max_num_seqs'],
  ['--max-num-seqs', 'max_num_seqs'],
  ['max-num-seqs', 'max_num_seqs'],
  ['--max_num-seqs', 'max_num_seqs'],
  ['-tp', 'tensor_parallel_size'],
  ['--device-memory-utilization', 'gpu_memory_utilization'],
  ['--gpu-memory-util', 'gpu_memory_utilization'],
  ['--max-num-seq', 'max_num_seqs'],
  ['-O', 'optimization_level'],
])('vLLM 0.32 reads %s as %s', (spelling, name) => {
  expect(findArgument(spelling, '0.32.0')).toMatchObject({ argument: { name }, negated: false })
})

test('a switch can be negated, and other arguments and names in Python cannot be changed', () => {
  expect(findArgument('--no-enable-prefix-caching', '0.32.0')).toMatchObject({ negated: true })
  expect(findArgument('no_enable_prefix_caching', '0.32.0')).toMatchObject({ negated: true })
  for (const name of ['no_max_num_seqs', '--no-disable-log-stats', 'max_num_seq', '--max-num', '--tp', '--', '']) {
    expect(findArgument(name, '0.32.0'), name).toBeUndefined()
  }
})

test('the nearest argument of a misspelt one is found, and of a flag without its dash', () => {
  expect(nearestArgument('max_num_seq', '0.15.0')).toBe('max_num_seqs')
  expect(nearestArgument('--max-num-batch-tokens', '0.15.0')).toBe('max_num_batched_tokens')
  expect(nearestArgument('tp', '0.15.0')).toBe('tensor_parallel_size')
})

test.each([
  ['max_num_batched_tokens', '8k', 8000],
  ['max_num_batched_tokens', '8K', 8192],
  ['max_num_batched_tokens', '2.5k', 2500],
  ['kv_cache_memory_bytes', '1G', 2 ** 30],
  ['max_model_len', 'auto', 'auto'],
  ['max_model_len', -1, 'auto'],
  ['max_num_seqs', '64', 64],
  ['gpu_memory_utilization', '0.85', 0.85],
  ['no_enable_prefix_caching', true, false],
  ['kv_cache_dtype', 'fp8', 'fp8'],
  ['dtype', 'auto', 'auto'],
  ['data_parallel_size', 1, 1],
  ['max_num_seqs', null, null],
  ['max_num_seqs', ' 1_0 ', 10],
  ['max_model_len', ' AUTO ', 'auto'],
  ['gpu_memory_utilization', '.9', 0.9],
  ['cpu_offload_gb', '1_0.5e0', 10.5],
  // The text None, and an empty one, is no value where the argument may have none.
  ['num_gpu_blocks_override', 'None', null],
  ['kv_cache_memory_bytes', '', null],
  ['limit_mm_per_prompt', 'null', null],
  ['limit_mm_per_prompt', '{"image": {"count": 2}}', '{"image": {"count": 2}}'],
])('%s: %j is %j', (name, value, read) => {
  expect(checkArgument(name, value, '0.32.0')).toMatchObject({ kind: 'accepted', value: read })
})

test.each([
  ['max_num_seqs', '8k', 'expected integer, got "8k".'],
  ['max_num_batched_tokens', '2.5K', 'Decimals are not allowed with binary suffixes like K. Did you mean to use 2.5k'],
  ['max_num_batched_tokens', 'many', 'expected integer or a size such as "8k", got "many".'],
  ['no_enable_prefix_caching', false, 'expected true, got false; use enable_prefix_caching instead.'],
  ['watermark', 1, 'expected at least 0 and less than 1, got 1.'],
  ['kv_cache_dtype', 'fp7', 'expected one of auto, bfloat16, float16, fp8'],
  ['kv_offloading_backend', 'foo', 'expected one of lmcache, native, got "foo".'],
  ['quantization', 'fp9', 'expected one of awq,'],
  ['enforce_eager', 'yes', 'expected boolean, got "yes".'],
  ['max_num_seqs', true, 'expected a value, got true.'],
  ['max_num_seqs', 'None', 'expected integer, got "None".'],
  ['cpu_offload_gb', 'inf', 'expected a finite number, got Infinity.'],
  ['kv_offloading_size', 'nan', 'expected a finite number, got NaN.'],
  ['watermark', 'nan', 'expected at least 0 and less than 1, got NaN.'],
  ['cudagraph_capture_sizes', '1 2 x', 'expected integer, got "x".'],
  ['limit_mm_per_prompt', '[]', 'expected a JSON object as text'],
  ['limit_mm_per_prompt', '{"image": 2.5}', 'limit_mm_per_prompt.image.int: Input should be a valid integer, got'],
])('%s: %j is a wrong value', (name, value, message) => {
  expect(checkArgument(name, value, '0.32.0')).toMatchObject({
    kind: 'wrong_value',
    message: expect.stringContaining(message),
  })
})

test('a negative threshold is no limit before 0.25, and refused since', () => {
  const threshold = (version: string) => checkArgument('long_prefill_token_threshold', -1, version)
  expect(threshold('0.15.0')).toMatchObject({ kind: 'accepted', value: -1 })
  expect(threshold('0.32.0')).toMatchObject({ kind: 'wrong_value' })
})

test.each([
  ['{"image": 2}', 2],
  ['{"image": "2"}', 2],
  ['{"image": {"count": 2, "width": 512}}', 2],
  ['{"video": 2}', undefined],
  ['null', undefined],
])('the limit of images in %s is %s', (text, limit) => {
  expect(imageLimit(text)).toBe(limit)
})

test.each([
  ['0.15.0', 'watermark', 'vLLM 0.15.0 has no "watermark"; it was added in 0.24.'],
  ['0.15.0', 'distributed_timeout_seconds', 'it was added in 0.18.'],
  ['0.32.0', 'calculate_kv_scales', '0.27 was the last version that had it.'],
  ['0.32.0', 'max_num_partial_prefills', '0.26 was the last version that had it.'],
  ['0.32.0', 'swap_space', '0.17 was the last version that had it. V1 preempts by recomputation and never swaps'],
  ['0.32.0', 'preemption_mode', 'V1 preempts only by recomputation'],
  ['0.32.0', 'cudagraph_mode', 'unknown engine argument "cudagraph_mode": vLLM 0.32.0 has none of this name.'],
  ['0.40.0', 'max_num_seq', 'vLLM 0.32, the newest recorded version, has none of this name.'],
  ['0.15.0', 'max_num_seq', 'Did you mean "max_num_seqs"?'],
  [
    '0.15.0',
    'limit_mm_per_prompt.image',
    'set "limit_mm_per_prompt" to a JSON object as text, with the member "image".',
  ],
  ['0.15.0', 'constructor', 'unknown engine argument "constructor"'],
  ['0.15.0', '__proto__', 'unknown engine argument "__proto__"'],
])('vLLM %s has no %s, and the message says what to do', (version, name, message) => {
  expect(checkArgument(name, 1, version)).toMatchObject({
    kind: 'not_an_argument',
    message: expect.stringContaining(message),
  })
})

test.each([
  ['0.32.0', 'max_num_queued_reqs', 100, 'Further requests are refused with HTTP 503'],
  ['0.32.0', 'reasoning_config', '{}', 'vLLM has "reasoning_config", but the simulation does not model it'],
  ['0.32.0', 'kv_cache_dtype', 'nvfp4', 'does not model "kv_cache_dtype" "nvfp4", only auto, bfloat16'],
  ['0.15.0', 'swap_space', 16, 'vLLM 0.15.0 still has "swap_space", but later versions do not: V1 preempts'],
])('vLLM %s: %s = %j is not simulated', (version, name, value, message) => {
  expect(checkArgument(name, value, version)).toMatchObject({
    kind: 'not_simulated',
    message: expect.stringContaining(message),
  })
})
