import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { groupLogLines } from '../../../tools/index.ts'

const folder = new URL('logs/', import.meta.url)
const linesOf = (file: string) => readFileSync(new URL(file, folder), 'utf8').split('\n')

test.each([
  [
    'F_kv_too_small.log',
    ["ValueError: To serve at least one request with the model's max seq len (2048)"],
    'kv_cache_memory',
  ],
  [
    'F_seqs_over_tokens.log',
    [
      'pydantic_core._pydantic_core.ValidationError: 1 validation error for SchedulerConfig',
      '  Value error, max_num_batched_tokens (128) must be greater than or equal to max_num_seqs (256)',
    ],
    'configuration',
  ],
  ['F_swap_space.log', ['vllm: error: unrecognized arguments: --swap-space 4'], 'configuration'],
  [
    'startup_light.log',
    ['importlib.metadata.PackageNotFoundError: No package metadata was found for vllm'],
    'exception',
  ],
])('the cause of the failed start %s is its only cause candidate', (file, messages, name) => {
  const causes = groupLogLines(linesOf(file)).filter(({ kind }) => kind === 'cause_candidate')
  expect(causes.map(({ message }, index) => message.slice(0, messages[index]?.length))).toEqual(messages)
  expect(new Set(causes.map((cause) => cause.class))).toEqual(new Set([name]))
})

test('a normal start has no finding but its settings, and the eager mode that it was asked for', () => {
  const lines = linesOf('F_kv_too_small.log')
  const start = lines.slice(
    0,
    lines.findIndex((line) => line.includes('EngineCore failed to start')),
  )
  expect(start.length).toBeGreaterThan(40)
  const shown = groupLogLines(start).filter(({ kind }) => kind !== 'benign')
  expect(shown.map(({ kind, message }) => `${kind}: ${message.slice(0, 17)}`)).toEqual([
    'unclassified: Enforce eager set',
  ])
})
