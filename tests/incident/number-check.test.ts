import { expect, test } from 'vitest'
import { instructions } from '../../lib/incident/agent/incident-prompt.ts'
import { knownNumbers, unknownNumbers } from '../../lib/incident/agent/number-check.ts'
import type { ToolResult } from '../../router/tool-call.ts'

const result: ToolResult = {
  id: 'a',
  callId: 'a',
  name: 'fetch_runtime_state',
  input: {},
  status: 'ok',
  content: '',
  clipped: false,
  durationMs: 0,
  repairs: [],
  value: {
    waiting: 206,
    served: 37,
    ttft_s: 36.710035,
    usage: 0.9187,
    bytes: 85899345920,
    line: 'watchdog: BUG: soft lockup - CPU#7 stuck for 247s! 1,840 lines',
  },
}
const known = knownNumbers({ results: [result] }, [{ action: 'set_engine_args', args: { max_num_seqs: 64 } }])

test.each([
  'TTFT p95 is 36.7 s, about 37 s or 36,710 ms.',
  'The cache is 92 % full (0.92).',
  'The GPU has 80 GiB.',
  'CPU 7 was stuck for 247s, which is 4.1 minutes.',
  'Only 37 of 206 requests, 18 %, were served; 169 were not.',
  'At 08:11:03 on 2026-02-17 an H100 with vLLM 0.15.0 at 0000:3b:00.0 failed on gpu-node-14.',
  '2 workers of 8 are stuck.',
  'Of 1 840 lines none helps.',
  'max_num_seqs becomes 64.',
  'Run `dcgmi diag -r 33` or curl localhost:8000/metrics --retry 55.',
  'The 95th percentile and 100 % of the p99.',
])('%s', (text) => {
  expect(unknownNumbers(text, known)).toEqual([])
})

test.each([
  ['All of 9999 requests are served.', '9999 requests'],
  ['p95 rose to 777.7 s.', '777.7 s'],
  ['The queue has 207 requests.', '207 requests'],
  ['The cache is 55 % full.', '55 %'],
  ['It took 12.5 ms.', '12.5 ms'],
])('%s', (text, number) => {
  expect(unknownNumbers(text, known)).toEqual([number])
})

test.each([
  ['TTFT p95 is 36.7 ms.', '36.7 ms'],
  ['TTFT p95 is 36.7 minutes.', '36.7 minutes'],
  ['Usage is 36.7 %.', '36.7 %'],
  ['It is 36.7× slower.', '36.7×'],
  ['It takes 206 ms.', '206 ms'],
])('a number of another unit is unknown: %s', (text, number) => {
  expect(unknownNumbers(text, known)).toEqual([number])
})

test('an answer with thousands of numbers is checked before the test is stopped', () => {
  const counts = Array.from({ length: 2000 }, (_, index) => 3 * index + 11)
  const all = knownNumbers({ results: [{ ...result, value: counts }] }, [])
  const unknown = counts.map((count) => `${1e6 + 7919 * count}.5`)
  // With all pairs of the known numbers, this takes minutes.
  expect(unknownNumbers([...counts, ...unknown].join(' '), all)).toEqual(unknown)
  expect(unknownNumbers('x'.repeat(200_000), all)).toEqual([])
})

const own = 'p95 is 9876 s on purpose'

test.each([
  ['the topics of a query', 'fetch_vllm_logs', { topics: [own] }, { lines: [], notes: [`No line has "${own}".`] }],
  ['the reason of a plan', 'apply_fix_simulation', { fix_plan: { actions: [{ reason: own }] } }, { impact: [own] }],
])(
  'numbers that the model wrote into %s are unknown, also where the result repeats them',
  (_name, name, input, value) => {
    const repeating = knownNumbers({ results: [{ ...result, name, input, value }] }, [
      { action: 'no_change', reason: own },
    ])
    expect(unknownNumbers('It takes 9876 s.', repeating)).toEqual(['9876 s'])
  },
)

test('a number must occur in a source; what it counts is not compared, and the prompt promises no more', () => {
  expect(unknownNumbers('37 C, 37 errors and 206 GiB.', known)).toEqual([])
  expect(instructions).toContain('Numbers in your words, in ruled_out too, must occur in results.')
})
