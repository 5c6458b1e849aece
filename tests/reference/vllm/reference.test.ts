import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { comparable, firstDifference, replay, unknownSettings } from './replay.ts'
import { readTrace } from './trace.ts'

const files = ['traces-0.15', 'traces-0.32'].flatMap((folder) =>
  readdirSync(join(import.meta.dirname, folder)).map((file) => `${folder}/${file}`),
)
const traceOf = (file: string) => readTrace(join(import.meta.dirname, file))
const folder = mkdtempSync(join(tmpdir(), 'reference-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('traces of two versions of vLLM are committed', () => {
  expect(files).toHaveLength(54)
  expect(new Set(files.map((file) => traceOf(file).vllm))).toEqual(new Set(['0.15.0', '0.32.0']))
})

test.each(files)('%s: the scheduler does what vLLM did in every step', (file) => {
  const trace = traceOf(file)
  const { steps } = replay(trace)
  const different = firstDifference(trace.steps, steps)
  if (different !== undefined) expect(comparable(steps[different])).toBe(comparable(trace.steps[different]))
  expect(steps).toHaveLength(trace.steps.length)
})

test.each([
  ['kv_storm_caching', { enable_prefix_caching: false }],
  ['kv_storm_async', { async_scheduling: false }],
  ['kv_pressure', { num_gpu_blocks: 19 }],
  ['watermark', { watermark: 0 }],
  ['kv_pressure_reserve', { scheduler_reserve_full_isl: false }],
  ['threshold', { long_prefill_token_threshold: 0 }],
  ['drafts_kv', { speculative_config: '{"method": "ngram", "num_speculative_tokens": 5}' }],
  ['drafts_caching', { speculative_config: '{"method": "ngram", "num_speculative_tokens": 4}' }],
  ['drafts_async', { async_scheduling: false }],
])('%s: another setting gives other steps, so the comparison sees it', (name, settings) => {
  const trace = traceOf(`traces-0.32/${name}.json`)
  const other = replay({ ...trace, settings: { ...trace.settings, ...settings } }).steps
  expect(firstDifference(trace.steps, other)).toBeDefined()
})

test.each(['release_order', 'release_order_async', 'threshold'])('%s: vLLM 0.15 and 0.32 differ', (name) => {
  const trace = traceOf(`traces-0.32/${name}.json`)
  expect(firstDifference(trace.steps, replay({ ...trace, vllm: '0.15.0' }).steps)).toBeDefined()
})

// Recorded from `PrefixCacheStats` of both versions with the committed workloads. Before 0.27 a request that waits for
// KV blocks counts again with every lookup.
test.each([
  ['kv_pressure', '0.15', 0, 0],
  ['kv_pressure_caching', '0.15', 1570, 0],
  ['kv_pressure_caching', '0.32', 529, 0],
  ['shared_prefix', '0.15', 1162, 576],
  ['shared_prefix', '0.32', 1162, 576],
  ['shared_prefix_kv', '0.15', 10_294, 4736],
  ['shared_prefix_kv', '0.32', 1182, 576],
  ['release_order', '0.15', 7028, 2368],
  ['release_order', '0.32', 1150, 448],
  ['release_order_async', '0.15', 2166, 1440],
  ['release_order_async', '0.32', 1213, 800],
])('%s of vLLM %s: the prefix cache counts %i tokens looked up and %i found', (name, version, queries, hits) => {
  expect(replay(traceOf(`traces-${version}/${name}.json`)).lookups).toEqual({ queries, hits })
})

test('a setting that is not simulated is named, and the trace is replayed without it', () => {
  const trace = traceOf('traces-0.32/plenty.json')
  const other = { ...trace, settings: { ...trace.settings, policy: 'fcfs' } }
  expect(unknownSettings(other)).toEqual(['policy'])
  expect(firstDifference(trace.steps, replay(other).steps)).toBeUndefined()
})

test('requests of a trace need not be in order of arrival', () => {
  const trace = traceOf('traces-0.32/idle_gaps.json')
  const last = trace.requests.length - 1
  const steps = trace.steps.map((step) => ({
    ...step,
    scheduled: Object.fromEntries(
      Object.entries(step.scheduled).map(([name, tokens]) => [last - Number(name), tokens]),
    ),
    preempted: step.preempted.map((request) => last - request),
  }))
  expect(firstDifference(steps, replay({ ...trace, requests: trace.requests.toReversed() }).steps)).toBeUndefined()
})

test('the command prints one line per trace, and exits with 1 if a trace differs or cannot be read', () => {
  const trace = traceOf('traces-0.15/block_edges.json')
  const steps = trace.steps.map((step) => (step.step === 3 ? { ...step, free: step.free + 1 } : step))
  writeFileSync(join(folder, 'a.json'), JSON.stringify(trace))
  const good = run()
  expect([good.status, good.stdout]).toEqual([0, 'SAME block_edges\n'])
  writeFileSync(join(folder, 'b.json'), JSON.stringify({ ...trace, name: 'changed', steps }))
  writeFileSync(join(folder, 'c.json'), '{}')
  const { status, stdout } = run()
  const lines = stdout.trimEnd().split('\n')
  expect(status).toBe(1)
  expect(lines).toHaveLength(3)
  expect(lines[0]).toBe('SAME block_edges')
  expect(lines[1]).toMatch(/^DIFF changed: step 3 of \d+; vLLM \{.*\}; simulation \{.*\}$/)
  expect(lines[2]).toMatch(/^DIFF .*c\.json: the file is not a trace: "name" must be/)
})

test('the command takes one trace, and says how to use it if no trace is named', () => {
  const file = join(import.meta.dirname, 'traces-0.15', 'block_edges.json')
  expect(run(file)).toMatchObject({ status: 0, stdout: 'SAME block_edges\n' })
  expect(run('--help')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^Usage: npm run reference -- <folder/),
  })
  const parent = run(import.meta.dirname)
  expect(parent.status).toBe(2)
  expect(parent.stderr).toMatch(/contains no trace.* These folders do: .*traces-0\.15, .*traces-0\.32\.$/m)
})

test.each([
  ['cut off', (text: string) => text.slice(0, 500), /not a JSON object\. It may be cut off/],
  [
    'without KV blocks',
    (text: string) => text.replace('num_gpu_blocks', 'blocks'),
    /"settings" must be .*num_gpu_blocks/,
  ],
  ['of a nameless version', (text: string) => text.replace('"0.15.0"', '"main"'), /"vllm" must be a version/],
  [
    'with a fraction of a token',
    (text: string) => text.replace(/"prompt": ?\d+/, '"prompt": 5.5'),
    /"requests" must be/,
  ],
])('a trace that is %s is refused with the member to correct', (_, change, message) => {
  const file = join(folder, 'damaged')
  writeFileSync(file, change(JSON.stringify(traceOf('traces-0.15/block_edges.json'))))
  expect(() => readTrace(file)).toThrow(message)
})

function run(path = folder): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const command = join(import.meta.dirname, 'print-reference.ts')
  return spawnSync(process.execPath, ['--import', 'tsx', command, path], { encoding: 'utf8' })
}
