import { expect, test } from 'vitest'
import { exactQuote, feedbackOf, groundingProblems, isGrounded } from '../../lib/incident/agent/grounding.ts'
import { collectTelemetry } from '../../lib/incident/index.ts'
import { runTool } from '../../router/run-tool.ts'
import type { ToolResult } from '../../router/tool-call.ts'
import { fetchPrometheusMetrics } from '../../tools/fetch-prometheus-metrics.ts'
import { fetchSystemLogs } from '../../tools/fetch-system-logs.ts'
import { fetchVllmLogs } from '../../tools/fetch-vllm-logs.ts'

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
const feedback = (...args: Parameters<typeof groundingProblems>) => groundingProblems(...args).flatMap(feedbackOf)
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
  const problems = feedback(
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

const plan = { summary: 'Reset the GPU.', actions: [{ action: 'no_change', reason: 'the model believes this' }] }
const applied: ToolResult = {
  ...base,
  status: 'ok',
  name: 'apply_fix_simulation',
  input: { current_config: {}, fix_plan: plan },
  value: { expected_impact: ['Nothing changes: the model believes this'], diff: [] },
}

test('words that the model wrote itself prove nothing, and the message says so', () => {
  const quote = { tool: 'apply_fix_simulation', quote: 'the model believes this' }
  const sources = { results: [...results, applied] }
  expect(isGrounded(quote, sources)).toBe(false)
  expect(feedback([quote], sources)).toEqual([expect.stringMatching(/your own words.*Quote a log line/)])
})

test("a quote under another tool's name is answered with the right name", () => {
  const problems = feedback([{ tool: 'fetch_vllm_logs', quote: line }], { results })
  expect(problems).toEqual([expect.stringContaining('this quote is from fetch_system_logs')])
})

test('the text that the model was shown counts, also if it differs from the value', () => {
  const content = 'vllm: 3 lines.\n[×3 to 08:12:00] 08:11:03 The cache has no free blocks.'
  const viewed = { ...applied, name: 'fetch_vllm_logs', content, value: {} }
  const quote = '[×3 to 08:12:00] 08:11:03 The cache has no free'
  expect(isGrounded({ tool: 'fetch_vllm_logs', quote }, { results: [viewed] })).toBe(true)
})

test.each([`${line.replaceAll(' ', '  ')}\n`, line.replace('GPU has', 'GPU\thas')])(
  'a quote with other white space is given as its source has it: %j',
  (quote) => {
    expect(exactQuote({ tool: 'fetch_system_logs', quote }, { results })).toBe(line)
  },
)

test('the telemetry of the task can be cited', async () => {
  const preTelemetry = await collectTelemetry('kv_cache_pressure')
  const cited = (quote: string) => isGrounded({ tool: 'pre_telemetry', quote }, { results, preTelemetry })
  expect(cited('"p95":36.7')).toBe(true)
  expect(cited('"p95":36.710035')).toBe(true)
  expect(cited('"arrived":839,"served":701')).toBe(true)
  expect(cited('"p95":12.34')).toBe(false)
  expect(isGrounded({ tool: 'pre_telemetry', quote: '"arrived":839' }, { results })).toBe(false)
})

const invented = 'all requests were served'
const scenario = 'kv_cache_pressure'

test.each([
  ['topics of a log query', fetchVllmLogs, { scenario, topics: [invented, 'nothing else'] }],
  ['topics of a query of the system log', fetchSystemLogs, { scenario, topics: [invented] }],
  ['an endpoint', fetchPrometheusMetrics, { scenario, endpoint: invented }],
  ['names of metrics', fetchPrometheusMetrics, { scenario, names: [invented] }],
  ['topics that are parts of a sentence', fetchVllmLogs, { scenario, topics: ['everyone', 'got served', 'gladly'] }],
])('%s are no evidence, also where the result repeats them', async (_name, tool, input) => {
  const result: ToolResult = await runTool(tool, input)
  const sources = { results: [result, { ...result, id: 'again' }], preTelemetry: await collectTelemetry(scenario) }
  const cited = 'topics' in input ? JSON.stringify(input.topics).slice(1, -1) : invented
  const quote = { tool: tool.name, quote: cited }
  expect(isGrounded(quote, sources)).toBe(false)
  expect(feedback([quote], sources)).toEqual([expect.stringMatching(/your own words from your call.*Quote/)])
})

test('own words in a note of the tool are no evidence either', async () => {
  const result: ToolResult = await runTool(fetchVllmLogs, { scenario, topics: [invented] })
  const quote = `has the topics ["${invented}"]`
  expect(result.content).toContain(quote)
  expect(isGrounded({ tool: 'fetch_vllm_logs', quote }, { results: [result] })).toBe(false)
})

test('a log line or a figure is evidence although the query named its words', async () => {
  const logs: ToolResult = await runTool(fetchVllmLogs, { scenario, topics: ['Running: '] })
  const page: ToolResult = await runTool(fetchPrometheusMetrics, { scenario, names: ['vllm:num_requests_waiting'] })
  const sources = { results: [logs, page] }
  const line = logs.content.split('\n').findLast((one) => one.includes('Running: ')) ?? ''
  expect(isGrounded({ tool: 'fetch_vllm_logs', quote: line }, sources)).toBe(true)
  const figure = page.content.split('\n').findLast((one) => one.startsWith('vllm:num_requests_waiting')) ?? ''
  expect(isGrounded({ tool: 'fetch_prometheus_metrics', quote: figure }, sources)).toBe(true)
})
