import { describe, expect, test } from 'vitest'
import { converse } from '../support/converse.ts'
import { cause, config, telemetry } from '../support/made-up-incident.ts'

// What the rules say of incidents of which only files are known: nothing that no file shows, and no contradiction.

const unknownNode = {
  config: { ...config, placement: { ...config.placement, node: 'unknown' } },
  members: { fetch_config: { not_stated: ['placement.node', 'placement.gpus'] } },
}

test.each([
  ['both were collected', undefined, true],
  ['one was collected', ['journal'], true],
  ['none was collected', ['dmesg', 'journal'], false],
])('system logs rule out hardware only if they were read: %s', async (_, not_collected, isRuledOut) => {
  const logs = { source: 'dmesg+journal', ...(not_collected === undefined ? {} : { not_collected }) }
  const { answer } = await converse({ hotspot: 'kv_cache', members: { fetch_system_logs: logs } })
  expect(answer.diagnosis.ruled_out.join(' ').includes('kernel and hardware')).toBe(isRuledOut)
})

test('of two errors that end with the node the one with a clear action is the cause, and the driver is quoted', async () => {
  const link = cause('NVRM: Xid (PCI:0000:9b:00): 74, pid=1, NVLink: fatal error detected on link 6')
  const lost = cause('NVRM: Xid (PCI:0000:9b:00): 79, pid=1, GPU has fallen off the bus.')
  const action = cause(
    'NVRM: Xid (PCI:0000:9b:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)',
  )
  const { answer } = await converse({ ...unknownNode, causes: [link, lost, { ...action, kind: 'cascade' }] })
  expect(answer.diagnosis.root_cause).toContain('Xid 79')
  expect(answer.diagnosis.root_cause).toMatch(/restart the node\. The driver itself asks for: Node Reboot Required\.$/)
  // Neither a drain of an unknown node nor a reset of a GPU that no file names.
  expect(answer.fix_plan.actions).toMatchObject([{ action: 'no_change' }])
  expect(answer.fix_plan.summary).toBe('A person must decide. NVIDIA advises to restart the node.')
})

test('an NVLink error names the procedure of the catalogue', async () => {
  const causes = [cause('NVRM: Xid (PCI:0000:9b:00): 74, pid=1, NVLink: fatal error detected on link 6')]
  const { answer } = await converse({ causes })
  expect(answer.diagnosis.root_cause).toContain('WORKFLOW_NVLINK_ERR')
})

test('a concurrency cap whose size no file states is for a person', async () => {
  const runtime = { batch_size: null, max_num_batched_tokens: null, max_num_seqs: null }
  const { answer } = await converse({
    hotspot: 'batch_limit',
    config: { ...config, engine_args: {} },
    members: { fetch_config: { runtime, not_stated: ['engine_args'] } },
  })
  expect(answer.fix_plan.summary).toMatch(/^A person must decide\. Raise max_num_seqs/)
})

test.each([
  [
    'a batch that is smaller than the number of requests',
    'Value error, max_num_batched_tokens (128) must be greater than or equal to max_num_seqs (256). [type=value_error]',
    { max_num_batched_tokens: 256 },
  ],
  [
    'a length above that of the model',
    "Value error, User-specified max_model_len (8192) is greater than the derived max_model_len (max_position_embeddings=4096 or model_max_length=None in model's config.json).",
    { max_model_len: 4096 },
  ],
])('a refused start is a wrong configuration: %s', async (_, message, args) => {
  const refusal = { ...cause(message), class: 'configuration' }
  const { answer } = await converse({ hotspot: 'unknown', vllmErrors: [refusal] })
  expect(answer.diagnosis.category).toBe('configuration')
  expect(answer.diagnosis.evidence[0]?.quote).toContain('max_')
  expect(answer.fix_plan.actions[0]).toEqual({ action: 'set_engine_args', args })
})

test('a KV cache that is too small because its blocks are fixed gets them back', async () => {
  const { answer } = await converse({
    causes: [cause('ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`.')],
    config: { ...config, engine_args: { num_gpu_blocks_override: 16 } },
  })
  expect(answer.diagnosis.root_cause).toContain('num_gpu_blocks_override')
  expect(answer.fix_plan.actions[0]).toEqual({ action: 'set_engine_args', args: { num_gpu_blocks_override: null } })
})

test('a value that the page states is not set again', async () => {
  const { answer } = await converse({
    hotspot: 'kv_cache',
    config: { ...config, engine_args: {} },
    members: { fetch_config: { cache_config: { gpu_memory_utilization: 0.92, kv_cache_dtype: 'auto' } } },
  })
  expect(answer.fix_plan.actions[0]).toEqual({ action: 'set_engine_args', args: { kv_cache_dtype: 'fp8' } })
})

test('an uneven load is named although no file states the routing', async () => {
  const { answer } = await converse({
    hotspot: 'kv_cache',
    reasons: [
      'The load is not balanced: engine 0 has 100 % of the requests that are running or waiting now in 4 engines.',
    ],
    members: { fetch_config: { not_stated: ['image'] } },
  })
  expect(answer.diagnosis.root_cause).toContain('One engine')
  expect(answer.fix_plan.summary).toMatch(/^A person must decide\. Route requests/)
})

describe('statistics in the log', () => {
  const line = (running: number, waiting: number, usage: string, throughput = '301.2') =>
    `(APIServer pid=1) INFO 11-27 21:19:50 [loggers.py:257] Engine 000: Avg prompt throughput: 512.0 tokens/s, Avg generation throughput: ${throughput} tokens/s, Running: ${running} reqs, Waiting: ${waiting} reqs, GPU KV cache usage: ${usage}%, Prefix cache hit rate: 0.0%`
  const world = (lines: readonly string[]) => ({
    hotspot: 'unknown' as const,
    members: { fetch_vllm_logs: { lines }, fetch_runtime_state: { running: null, waiting: null, queue_depth: null } },
  })

  test.each([
    ['a full KV cache', line(40, 531, '99.9'), 'kv_cache'],
    ['a full batch', line(64, 200, '20.0'), 'batch_limit'],
    ['a stalled engine', line(4, 44, '50.0', '0.0'), 'engine_stalled'],
    ['an engine that handles its load', line(4, 0, '99.9'), 'unknown'],
    ['text of a request', `Received request: prompt: "${line(40, 531, '99.9')}"`, 'unknown'],
  ])('show %s without a page', async (_, text, category) => {
    const { answer } = await converse(world([line(1, 0, '1.0'), text]))
    expect(answer.diagnosis.category).toBe(category)
  })
})

test('a restart between the pages is the finding if nothing else is', async () => {
  const restarted = { ...telemetry, health: { ...telemetry.health, restarts: 1 } }
  const reasons = ['The engine restarted between the pages; the figures cover only the time after it.']
  const { answer } = await converse({ hotspot: 'unknown', reasons }, { preTelemetry: restarted })
  expect(answer.diagnosis.category).toBe('engine_restart')
  expect(answer.diagnosis.evidence).toEqual([{ tool: 'analyze_metrics', quote: reasons[0] }])
  expect(answer.fix_plan.summary).toMatch(/^A person must decide\. Read the log/)
})
