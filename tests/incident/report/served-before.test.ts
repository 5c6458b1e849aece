import { expect, test } from 'vitest'
import { reportFacts } from '../../../lib/incident/report/report-facts.ts'
import { openIncident } from '../../../tools/incident-folder/open-incident.ts'
import { incidentId, scenarioSource } from '../../../tools/scenario-source.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { folderOf } from '../../tools/incident-folder/folder.ts'
import { resultWith } from './made-up-result.ts'

const started = '(APIServer pid=1) INFO 02-17 22:55:00 [api_server.py:1296] vLLM API server version 0.14.1'
const figures = (prompt: string, generation: string, running: number) =>
  '(EngineCore_DP0 pid=2) INFO 02-17 23:28:00 [loggers.py:127] Engine 000: ' +
  `Avg prompt throughput: ${prompt} tokens/s, Avg generation throughput: ${generation} tokens/s, Running: ${running} reqs, ` +
  'Waiting: 0 reqs, GPU KV cache usage: 20.0%, Prefix cache hit rate: 0.0%'
const failed = [
  '(EngineCore_DP0 pid=2) ERROR 02-17 23:40:09 [core.py:708] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.',
  '(APIServer pid=1) ERROR 02-17 23:40:10 [core_client.py:1] EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.',
]

async function onsetWith(line: string): Promise<string> {
  const folder = await folderOf({ 'vllm.log': `${[started, line, ...failed].join('\n')}\n` })
  const incident = await openIncident(folder)
  const scenario = incidentId(incident)
  const scenarios = scenarioSource([incident])
  const input = { scenario, scenarios, pre_telemetry: telemetryOf(scenario, scenarios) }
  return reportFacts({ ...input, result: resultWith({ status: 'unknown' }) }).onset.text
}

test.each([
  ['running requests', figures('0.0', '0.0', 5)],
  ['generated tokens', figures('0.0', '300.5', 0)],
  ['tokens of prompts', figures('900.0', '0.0', 0)],
  ['an answer', '(APIServer pid=1) INFO:     10.0.0.1:0 - "POST /v1/chat/completions HTTP/1.1" 200 OK'],
])('an engine with %s became ready, also if its log does not say so', async (_name, line) => {
  const text = await onsetWith(line)
  expect(text).toContain('CUDA out of memory')
  expect(text).not.toContain('ready')
})

test.each([
  ['figures of an idle engine', figures('0.0', '0.0', 0)],
  ['a refused request', '(APIServer pid=1) INFO:     10.0.0.1:0 - "POST /v1/chat/completions HTTP/1.1" 503 x'],
])('%s do not show that an engine became ready', async (_name, line) => {
  expect(await onsetWith(line)).toContain('did not become ready')
})
