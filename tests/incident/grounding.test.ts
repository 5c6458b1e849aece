import { expect, test } from 'vitest'
import { groundingProblems, isGrounded } from '../../lib/incident/agent/grounding.ts'
import type { ToolResult } from '../../router/tool-call.ts'

const base = { id: 'a', callId: 'a', content: '', clipped: false, durationMs: 0, repairs: [] }
const line = '[ 8211.4] NVRM: Xid (PCI:0000:3b:00): 79, pid=4711, name="python", GPU has fallen off the bus.'
const results: readonly ToolResult[] = [
  {
    ...base,
    status: 'ok',
    name: 'fetch_system_logs',
    input: {},
    value: { source: 'dmesg', lines: ['ok', line], errors: [] },
  },
  {
    ...base,
    status: 'ok',
    name: 'fetch_runtime_state',
    input: {},
    value: { waiting: 60, worker_health: { stuck: 1 } },
  },
  { ...base, status: 'error', name: 'fetch_gpu_stats', error: { kind: 'tool_failed', message: 'no such GPU' } },
]
const grounded = (tool: string, quote: string) => isGrounded({ tool, quote }, { results })

test.each([
  ['a piece of the JSON', 'fetch_runtime_state', '"worker_health":{"stuck":1}'],
  ['JSON with added white space', 'fetch_runtime_state', '"waiting": 60,\n  "worker_health": { "stuck": 1'],
  ['a figure with its name', 'fetch_runtime_state', '"waiting":60'],
  ['a line of a log', 'fetch_system_logs', line],
  ['part of a line', 'fetch_system_logs', 'name="python", GPU has fallen off the bus'],
  ['a line with JSON escapes', 'fetch_system_logs', 'name=\\"python\\", GPU'],
  ['a line with other white space', 'fetch_system_logs', `${line.replaceAll(' ', '  ')}\n`],
])('%s is found', (_name, tool, quote) => {
  expect(grounded(tool, quote)).toBe(true)
})

test.each([
  ['a figure that the result does not contain', 'fetch_runtime_state', '"waiting":61'],
  ['a line in other words', 'fetch_system_logs', 'GPU fell off the bus'],
  ["another tool's line", 'fetch_vllm_logs', line],
  ["a tool's line under another tool's name", 'fetch_runtime_state', line],
  ['the message of a failed call', 'fetch_gpu_stats', 'no such GPU'],
  ['an empty text', 'fetch_system_logs', ''],
  ['blanks', 'fetch_system_logs', ' \n'],
  ['parts of two lines', 'fetch_system_logs', 'ok [ 8211.4] NVRM'],
])('%s is not found', (_name, tool, quote) => {
  expect(grounded(tool, quote)).toBe(false)
})

test('every quote that is not found gives one problem with its place and the next step', () => {
  const problems = groundingProblems(
    [
      { tool: 'fetch_system_logs', quote: 'Xid (PCI:0000:3b:00): 79' },
      { tool: 'fetch_system_logs', quote: 'GPU fell off the bus' },
      { tool: 'fetch_gpu_stats', quote: '"util":0' },
    ],
    { results },
  )
  expect(problems).toEqual([
    expect.stringMatching(/^diagnosis\.evidence\[1\]: no result of fetch_system_logs .*Copy it/),
    expect.stringMatching(/^diagnosis\.evidence\[2\]: .*"fetch_gpu_stats".*fetch_system_logs, fetch_runtime_state/),
  ])
})
