import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadScenario, readLog } from '../../../fixtures/load-scenario.ts'
import { runIncident } from '../../../lib/incident/index.ts'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { startMockServer } from '../../../lib/testing/index.ts'
import { createIncidentTools, type Incident, scenarioSource } from '../../../tools/index.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { call } from '../call.ts'
import { described, folderOf, opened } from './folder.ts'

const scenario = loadScenario('kv_cache_pressure')
const engineLog = `${readLog(scenario, 'vllm').join('\n')}\n`
const pageAfter = (duration_s: number) => vllmPage({ ...scenario, window: { ...scenario.window, duration_s } })
const pages = {
  'm-2026-02-17T14-05-00Z.prom': pageAfter(300),
  'm-2026-02-17T14-10-00Z.prom': pageAfter(600),
  'm-2026-02-17T14-15-00Z.prom': pageAfter(900),
}
const toolsOf = (incident: Incident) => createIncidentTools({ scenarios: scenarioSource([incident]) })

test('each tool says what was left out of the files that it reads, and only that', async () => {
  const folder = await folderOf({
    ...pages,
    'vllm.log': `${engineLog}${'a'.repeat(20_000)}\n`,
    'dmesg.txt': '[    1.000000] Linux\0 version\n',
    'config.json': '{"architectures": ["X"],',
    'notes.md': 'x\n',
    'node.prom': '# TYPE node_load1 gauge\nnode_load1 3\n',
  })
  await symlink(join(folder, 'vllm.log'), join(folder, 'vllm-2.log'))
  await symlink(join(folder, 'notes.md'), join(folder, 'link.md'))
  const incident = await described(folder)
  const { id } = incident.observation
  const [vllmLogs, systemLogs, metrics, config, state, gpus] = toolsOf(incident)
  const window = expect.stringMatching(/^The end of the window is the last time/)
  const { notes: ofEngine } = await call(vllmLogs, { scenario: id })
  expect(ofEngine).toEqual([
    'vllm-2.log: It is a link. Links are not followed; copy the file into the folder.',
    'vllm.log: 1 line is longer than 16000 characters and was cut.',
    window,
  ])
  expect(await call(systemLogs, { scenario: id })).toMatchObject({
    notes: ['dmesg.txt: NUL characters were removed from 1 line.', window],
  })
  const ofPages = [
    expect.stringMatching(/^node.prom: It has no vllm: metrics/),
    'Counters of a page cover the time since the engine started, not only the window.',
  ]
  expect(await call(metrics, { scenario: id })).toMatchObject({ notes: ofPages })
  expect(await call(state, { scenario: id })).toMatchObject({ notes: ofPages })
  expect(await call(config, { scenario: id })).toMatchObject({ notes: ['config.json: Nothing in it is recognised.'] })
  expect(await call(gpus, { scenario: id })).toEqual({ gpus: [], notes: ['The folder has no output of nvidia-smi.'] })
})

test('the report lists what was not looked at, in both forms', async () => {
  await using mockServer = await startMockServer({ responder: incidentResponder() })
  const incident = await opened({ 'vllm.log': engineLog, '*notes*.md': 'nothing\n' })
  const { report } = await runIncident(incident.observation.id, {
    model: minimax({ url: mockServer.url, token: 'any' }),
    scenarios: scenarioSource([incident]),
  })
  expect(report.json.not_looked_at).toEqual(
    expect.arrayContaining([
      '*notes*.md: Its content is not recognised.',
      'The folder has no metrics page.',
      'The folder has no kernel log.',
      expect.stringMatching(/^No file states .*placement\.node/),
    ]),
  )
  expect(report.markdown).toContain('## Not looked at\n\n- \\*notes\\*.md: Its content is not recognised.')
})

test('a reason that many files share is said once', async () => {
  const files = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`note-${index}.md`, 'x\n']))
  const { notes } = await opened({ 'vllm.log': engineLog, ...files })
  const unrecognised = notes?.filter(({ text }) => text.includes('not recognised'))
  expect(unrecognised).toEqual([
    { about: 'other', text: '50 files (note-0.md, note-1.md, note-10.md, …): Its content is not recognised.' },
  ])
})

test('each page of a series can be fetched by its number or by a time, and says its place and time', async () => {
  const incident = await opened({ 'vllm.log': engineLog, ...pages })
  const { id: scenario } = incident.observation
  const [, , metrics] = toolsOf(incident)
  const times = ['2026-02-17T14:05:00.000Z', '2026-02-17T14:10:00.000Z', '2026-02-17T14:15:00.000Z']
  const place = { page_count: 3, page_times: times }
  const last = await call(metrics, { scenario })
  expect(last).toMatchObject({ ...place, page: 3, time: times[2], raw_text: pages['m-2026-02-17T14-15-00Z.prom'] })
  const first = await call(metrics, { scenario, page: 1 })
  expect(first).toMatchObject({ ...place, page: 1, time: times[0], raw_text: pages['m-2026-02-17T14-05-00Z.prom'] })
  expect(await call(metrics, { scenario, time: '2026-02-17T14:12:00Z' })).toMatchObject({ page: 2, time: times[1] })
  await expect(call(metrics, { scenario, page: 4 })).rejects.toThrow(
    `page 4 does not exist. The incident has 3 pages, numbered from 1, of ${times[0]} to ${times[2]}.`,
  )
  await expect(call(metrics, { scenario, time: '2026-02-17T14:00:00Z' })).rejects.toThrow('there is no page until then')
  await expect(call(metrics, { scenario, page: 1, time: times[0] })).rejects.toThrow('pass one of them')
})

test('an analysis of two pages covers the time between them', async () => {
  const incident = await opened({ 'vllm.log': engineLog, ...pages })
  const { id: scenario, telemetry: pre_telemetry } = incident.observation
  const [, , metrics, , , , analyze] = toolsOf(incident)
  const samplesOf = async (page: number) => (await call(metrics, { scenario, page })).samples
  const [one, two, three] = [await samplesOf(1), await samplesOf(2), await samplesOf(3)]
  const total = (samples: typeof one) =>
    Number(samples.find(({ name }) => name === 'vllm:generation_tokens_total')?.value)
  const rateOf = async (prometheus_samples: typeof one, earlier_samples: typeof one) => {
    const { derived_metrics } = await call(analyze, { pre_telemetry, prometheus_samples, earlier_samples })
    return derived_metrics.generation_tokens_per_s
  }
  // The telemetry covers 600 s, so these rates follow from the times of the pages.
  expect(await rateOf(three, two)).toBeCloseTo((total(three) - total(two)) / 300, 0)
  expect(await rateOf(three, one)).toBeCloseTo((total(three) - total(one)) / 600, 0)
  await expect(rateOf(one, three)).rejects.toThrow('earlier_samples is the later one of the two')
})
