import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadScenario, readLog } from '../../fixtures/load-scenario.ts'
import { packJson, unpackJson } from '../../lib/temporal/checkpoint-codec.ts'
import { isObject } from '../../router/json/json.ts'
import type { Tool } from '../../router/tool.ts'
import { type FolderIncident, openIncident } from '../../tools/incident-folder/open-incident.ts'
import { builtInScenarios, createIncidentTools, fetchConfig, scenarioSource } from '../../tools/index.ts'
import { vllmPage } from '../../tools/prometheus/vllm-page.ts'
import { incidentLimitBytes, packIncident, unpackIncident } from '../../workflows/incident-payload.ts'
import { seededText } from '../support/seeded-text.ts'
import { call } from '../tools/call.ts'

const scenario = loadScenario('kv_cache_pressure')
const secret = 'sk-proj-abcdefgh12345678'
let folder: string
let incident: FolderIncident

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'incident-'))
  const log = [...readLog(scenario, 'vllm'), `INFO 02-17 14:15:00 [a.py:1] token ${secret}`]
  await writeFile(join(folder, 'vllm.log'), `${log.join('\n')}\n`)
  await writeFile(join(folder, 'notes.md'), 'nothing\n')
  const early = vllmPage({ ...scenario, window: { ...scenario.window, duration_s: 300 } })
  await writeFile(join(folder, 'm-2026-02-17T14-05-00Z.prom'), early)
  await writeFile(join(folder, 'm-2026-02-17T14-15-00Z.prom'), vllmPage(scenario))
  await writeFile(join(folder, 'launch.sh'), `HF_TOKEN=hf_abcdefgh12345678abc vllm serve x --max-num-seqs 8\n`)
  incident = await openIncident(folder)
})
afterAll(() => rm(folder, { recursive: true }))

test('the tools give the same results for an incident that has travelled, with its secrets masked', async () => {
  const packed = packIncident(incident)
  const { id } = incident.observation
  const here: readonly Tool[] = createIncidentTools({ scenarios: scenarioSource([incident]) })
  const there: readonly Tool[] = createIncidentTools({ scenarios: scenarioSource([unpackIncident(packed)]) })
  for (const [index, tool] of here.slice(0, 6).entries()) {
    const [one, other] = [await call(tool, { scenario: id }), await call(there[index] ?? tool, { scenario: id })]
    const masked = JSON.stringify(other)
    expect(masked).not.toMatch(/abcdefgh12345678/)
    expect(masked.length, tool.name).toBeGreaterThan(50)
    if (!JSON.stringify(one).includes('abcdefgh12345678')) expect(other, tool.name).toEqual(one)
  }
  const earlier = { scenario: id, page: 1 }
  const [, , metricsHere = fetchConfig] = here
  const [, , metricsThere = fetchConfig] = there
  const first = await call(metricsThere, earlier)
  expect(first).toMatchObject({ page: 1, page_count: 2 })
  expect(first).toEqual(await call(metricsHere, earlier))
})

test('the last page travels once', () => {
  const packed = packIncident(incident)
  expect(JSON.stringify(unpackJson(packed)).match(/# TYPE vllm:num_requests_running/g)).toHaveLength(2)
  expect(unpackIncident(packed).metricsPage()).toBe(incident.metricsPage())
})

test('a simulated incident travels, too', () => {
  const built = builtInScenarios.load('kv_cache_pressure')
  const { scenario: arrived } = unpackIncident(packIncident({ ...built, notes: [{ about: 'vllm', text: 'x' }] })) as {
    readonly scenario?: unknown
  }
  expect(arrived).toEqual(scenario)
})

test('an incident above the limit is refused with its size, the limit, and the way that has none', () => {
  const lines = Array.from({ length: 2_000 }, (_, index) => seededText(index)(1_000))
  expect(() => packIncident({ ...incident, log: () => lines })).toThrow(
    new RegExp(`has \\d{7} bytes after compression, more than the limit of ${incidentLimitBytes}.*worker --incident`),
  )
  const huge = Array.from({ length: 5_000 }, () => 'a'.repeat(16_000))
  expect(() => packIncident({ ...incident, log: () => huge })).toThrow(/more than the limit of 67108864/)
})

test.each<[string, { readonly gpus?: readonly unknown[]; readonly [part: string]: unknown }, RegExp]>([
  ['a page of an impossible time', { pages: [{ time_ms: 1e20, text: '' }] }, /time_ms/],
  ['a note about nothing', { notes: [{ about: 'weather', text: 'x' }] }, /about/],
  ['a GPU without figures', { gpus: [{ id: 0 }] }, /name/],
])('%s is refused', (_, { gpus, ...parts }, message) => {
  const document = unpackJson(packIncident(incident))
  const observation = { ...(isObject(document) && isObject(document['observation']) ? document['observation'] : {}) }
  const changed = { ...Object(document), ...parts, observation: { ...observation, ...(gpus && { gpus }) } }
  expect(() => unpackIncident(packJson(changed))).toThrow(message)
})

test.each([
  ['another document', packJson({ format: 1, logs: {}, observation: { id: 'x' } }), /does not match its schema/],
  ['another release', packJson({ format: 2, logs: {} }), /format/],
  ['neither part', packJson({ format: 1, logs: {} }), /neither a scenario nor an observation/],
  ['damaged data', { encoding: 'gzip+base64' as const, data: 'AAAA' }, /cannot be read/],
  [
    'a gzip bomb',
    { encoding: 'gzip+base64' as const, data: gzipSync('['.repeat(80_000_000)).toString('base64') },
    /cannot be read/,
  ],
])('%s in place of an incident is refused', (_, packed, message) => {
  expect(() => unpackIncident(packed)).toThrow(expect.objectContaining({ code: 'invalid_incident_payload' }))
  expect(() => unpackIncident(packed)).toThrow(message)
})
