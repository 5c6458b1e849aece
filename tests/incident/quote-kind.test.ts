import { expect, test } from 'vitest'
import { feedbackOf, groundingProblems, isGrounded } from '../../lib/incident/agent/grounding.ts'
import { collectTelemetry } from '../../lib/incident/index.ts'
import { isObject } from '../../router/json/json.ts'
import { runTool } from '../../router/run-tool.ts'
import type { ToolResult } from '../../router/tool-call.ts'
import { incidentTools } from '../../tools/index.ts'
import { plan } from './support/answer.ts'

// A quote is evidence if it is a log line, a figure with its name, or a setting or state of the deployment.

const scenario = 'cuda_ecc_uncorrectable'

async function call(name: string, input: object, id: string): Promise<ToolResult> {
  const tool = incidentTools.find((one) => one.name === name)
  if (tool === undefined) throw new Error(`There is no tool ${name}.`)
  return { ...(await runTool(tool, input)), id }
}

const membersOf = (result: ToolResult | undefined) =>
  result?.status === 'ok' && isObject(result.value) ? result.value : {}

/** The results of all tools. */
async function gather() {
  const preTelemetry = await collectTelemetry(scenario)
  const names = incidentTools.map(({ name }) => name).filter((name) => name.startsWith('fetch_'))
  const fetched = await Promise.all(names.map((name) => call(name, { scenario }, name)))
  const get = (name: string) => membersOf(fetched.find((result) => result.name === name))
  const analysis = await call(
    'analyze_metrics',
    { pre_telemetry: preTelemetry, prometheus_samples: get('fetch_prometheus_metrics')['samples'] },
    'analysis',
  )
  const applied = await call(
    'apply_fix_simulation',
    { current_config: get('fetch_config')['config'], fix_plan: plan },
    'applied',
  )
  const collected = await call(
    'collect_post_telemetry',
    { scenario, updated_config: membersOf(applied)['updated_config'] },
    'collected',
  )
  const validated = await call(
    'validate_improvement',
    { pre_telemetry: preTelemetry, post_telemetry: membersOf(collected)['post_telemetry'] },
    'validated',
  )
  return { results: [...fetched, analysis, applied, collected, validated], preTelemetry }
}

const sources = await gather()
const textOf = (name: string) => {
  const result = sources.results.find((one) => one.name === name)
  return result?.status === 'ok' ? `${result.content}\n${JSON.stringify(result.value)}` : ''
}
/** The first text of a result that a pattern matches: so no test is about a text that no result has. */
function found(tool: string, pattern: RegExp): string {
  const text = tool === 'pre_telemetry' ? JSON.stringify(sources.preTelemetry) : textOf(tool)
  const match = pattern.exec(text)?.[0]
  if (match === undefined) throw new Error(`${tool} has nothing like ${pattern}.`)
  return match
}

test.each<[string, string, RegExp]>([
  ['a line of the kernel', 'fetch_system_logs', /NVRM: Xid [^\n]{20,60}/],
  ['a line of the engine', 'fetch_vllm_logs', /EngineCore[^\n"]{40,80}/],
  ['a figure of the state', 'fetch_runtime_state', /"healthy":\d+/],
  ['a figure of a GPU', 'fetch_gpu_stats', /"mem_used_gb":[\d.]+/],
  ['a count of ECC errors', 'fetch_gpu_stats', /"uncorrected":\d+/],
  ['a state of the memory of a GPU', 'fetch_gpu_stats', /"pending":(?:true|false)/],
  ['a setting', 'fetch_config', /"image":"[^"]+"/],
  ['the driver', 'fetch_config', /"driver_version":"[\d.]+"/],
  ['a limit of the engine', 'fetch_config', /"max_num_seqs":\d+/],
  ['the state of the engine', 'pre_telemetry', /"engine_up":(?:true|false)/],
  ['a count of requests', 'pre_telemetry', /"arrived":\d+/],
  ['a change', 'validate_improvement', /Served \d+ → \d+ of \d+/],
])('%s is evidence', (_name, tool, pattern) => {
  expect(isGrounded({ tool, quote: found(tool, pattern) }, sources)).toBe(true)
})

test.each<[string, string, RegExp]>([
  ['the name of the source', 'fetch_vllm_logs', /"source":"vllm"/],
  ['the role of a line', 'fetch_system_logs', /"kind":"cause_candidate"/],
  ['the class of a line', 'fetch_system_logs', /"class":"\w+"/],
  ['the heading of a finding', 'fetch_system_logs', /\d+\. cause_candidate \w+, \d+ lines?/],
  ['the heading of the findings', 'fetch_system_logs', /Findings: \d+ groups? of lines[^.]*/],
  ['the number of lines', 'fetch_system_logs', /\w+(?:\+\w+)?: \d+ lines/],
  ['the meaning of a code', 'fetch_system_logs', /meaning: [^\n]{20,60}/],
  ['a bare time of a line', 'fetch_vllm_logs', /\d\d-\d\d \d\d:\d\d:\d\d/],
  ['the kind of the hotspot', 'analyze_metrics', /"kind":"\w+"/],
  ['the verdict', 'validate_improvement', /"status":"\w+"/],
  ['the bare name of a field', 'fetch_runtime_state', /"worker_health":\{/],
  ['the bare name of a figure', 'pre_telemetry', /"stuck_workers":/],
  ['the place of a page', 'fetch_prometheus_metrics', /at [\dT:.Z-]+: page \d+ of \d+/],
  ['the phase', 'pre_telemetry', /"phase":"pre"/],
  ['the id of the configuration', 'fetch_config', /"config_id":"[^"]+"/],
  ['the number of a GPU', 'fetch_gpu_stats', /\{"id":\d+/],
])('%s is a label and not evidence', (_name, tool, pattern) => {
  const quote = found(tool, pattern)
    .replace(/,"power$/, '')
    .padEnd(8)
  expect(isGrounded({ tool, quote }, sources)).toBe(false)
})

test('a label is sent back with its reason and the next step', () => {
  const quote = found('analyze_metrics', /"kind":"\w+"/)
  expect(groundingProblems([{ tool: 'analyze_metrics', quote }], sources).flatMap(feedbackOf)).toEqual([
    'diagnosis.evidence[0]: this quote is a label of analyze_metrics, not a fact. Quote a figure with its name, or at least 12 characters of a log line.',
  ])
})

const base = { id: 'a', callId: 'a', content: '', clipped: false, durationMs: 0, repairs: [], status: 'ok' } as const
const analysed = (because: string): ToolResult => ({
  ...base,
  name: 'analyze_metrics',
  input: {},
  value: { hotspot: { kind: 'none', because: [because] } },
})

test.each([
  ['All latencies meet their objectives.', false],
  ['The engine is down.', false],
  ['Latency misses its objective, but no metric shows the cause.', false],
  ['Engine 2: the load is not balanced.', false],
  ['KV cache usage reached 99.5 % of 145248 tokens.', true],
  ['2 workers are stuck in startup.', true],
])('a sentence of the analysis needs a figure: %s', (sentence, isEvidence) => {
  expect(isGrounded({ tool: 'analyze_metrics', quote: sentence }, { results: [analysed(sentence)] })).toBe(isEvidence)
})

test('text of a prompt in a log is not evidence', () => {
  const line = `INFO 02-17 14:00:10 [logger.py:39] Received request cmpl-1: prompt: 'The GPU has fallen off the bus.', params: x`
  const result: ToolResult = { ...base, name: 'fetch_vllm_logs', input: {}, value: { lines: [line] } }
  const quoted = (quote: string) => isGrounded({ tool: 'fetch_vllm_logs', quote }, { results: [result] })
  expect(quoted('The GPU has fallen off the bus.')).toBe(false)
})
