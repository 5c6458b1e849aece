import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openIncident } from '../../../tools/incident-folder/open-incident.ts'
import { createIncidentTools, scenarioSource } from '../../../tools/index.ts'
import { call } from '../call.ts'
import { folderOf, opened } from './folder.ts'

const page = (startS: number, served: number, waiting: number) => `process_start_time_seconds ${startS}
vllm:num_requests_running{engine="0",model_name="m"} 4.0
vllm:num_requests_waiting{engine="0",model_name="m"} ${waiting}.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} ${served}.0
vllm:generation_tokens_total{engine="0",model_name="m"} ${served * 10}.0
`
const started = Date.parse('2026-11-27T20:00:00Z') / 1000
const restarted = Date.parse('2026-11-27T21:32:00Z') / 1000
const before = 'metrics-2026-11-27T21-25-00Z.prom'
const failed = 'metrics-2026-11-27T21-30-00Z.prom'
const after = 'metrics-2026-11-27T21-35-00Z.prom'

test('a restart is the first note, and the pages before it can be fetched', async () => {
  const incident = await opened({ [before]: page(started, 90, 8), [after]: page(restarted, 3, 0) })
  expect(incident.pages.map(({ file }) => file)).toEqual([before, after])
  const restart = expect.stringMatching(
    /^The server restarted between 2026-11-27T21:25:00\.000Z \(.*\) and 2026-11-27T21:35:00\.000Z/,
  )
  expect(incident.notes?.[0]).toEqual({ about: 'metrics', text: restart })
  expect(incident.observation.telemetry.notes?.[0]).toEqual(restart)
  expect(incident.observation.telemetry.requests.served).toBe(3)
  const [, , metrics] = createIncidentTools({ scenarios: scenarioSource([incident]) })
  const first = await call(metrics, { scenario: incident.observation.id, page: 1 })
  expect(first.raw_text).toContain('num_requests_waiting{engine="0",model_name="m"} 8.0')
})

test.each([
  ['curl', 'curl: (7) Failed to connect to localhost port 8000 after 0 ms: Connection refused\n'],
  [
    'curl with progress',
    '  % Total    % Received % Xferd  Average Speed   Time\n  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0\ncurl: (28) Operation timed out\n',
  ],
  ['wget', "wget: can't connect to remote host (10.0.0.1): Connection refused\n"],
  ['nginx', '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body></body>\r\n</html>\r\n'],
  ['envoy', 'upstream connect error or disconnect/reset before headers. reset reason: connection failure'],
  ['nothing', ''],
])('a scrape that failed says that the server did not answer: %s', async (_, text) => {
  const last = await opened({ [before]: page(started, 90, 8), [failed]: text })
  expect(last.kinds).toEqual({ [before]: 'metrics_page' })
  expect(last.notes?.[0]?.text).toMatch(/^The server did not answer a scrape at 2026-11-27T21:30:00\.000Z/)
  expect(last.observation.telemetry.health).toMatchObject({ engine_up: false })
  expect(Date.parse(last.observation.window.start) + last.observation.window.duration_s * 1000).toBe(
    Date.parse('2026-11-27T21:30:00Z'),
  )
  const between = await opened({ [before]: page(started, 90, 8), [failed]: text, [after]: page(restarted, 3, 0) })
  expect(between.observation.telemetry.health.engine_up).toBe(true)
  expect(between.observation.telemetry.notes?.slice(0, 2).join(' ')).toMatch(/restarted.*did not answer/)
})

test('counters that fell after the server did not answer show a restart, whatever start the pages state', async () => {
  const { pages, observation } = await opened({
    [before]: page(started, 90, 8),
    [failed]: 'curl: (7) Failed to connect to localhost port 8000 after 0 ms: Connection refused\n',
    [after]: page(started, 3, 0),
  })
  expect(pages.map(({ file }) => file)).toEqual([before, after])
  expect(observation.telemetry.notes?.[0]).toContain('The server restarted')
  expect(observation.telemetry.requests.served).toBe(3)
})

test('the time of a file gives no rates, and the telemetry has the window of the incident', async () => {
  const folder = await folderOf({ 'after.prom': page(started, 90, 8) })
  const monthsLater = started + 10_000_000
  await utimes(join(folder, 'after.prom'), monthsLater, monthsLater)
  const { observation, notes = [], inference } = await openIncident(folder)
  const { window, throughput, requests } = observation.telemetry
  expect(requests.served).toBe(90)
  expect(throughput).toEqual({ requests_per_s: null, prompt_tokens_per_s: null, generation_tokens_per_s: null })
  expect([Date.parse(window.start), window.duration_s]).toEqual([
    Date.parse(observation.window.start),
    observation.window.duration_s,
  ])
  expect(notes.filter(({ about }) => about === 'window').map(({ text }) => text)).toContainEqual(
    expect.stringContaining('The window is assumed'),
  )
  expect(inference()).toMatchObject({ kind: 'refused', reasons: [expect.stringContaining('when they were scraped')] })
})
