import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadScenario, readLog } from '../../fixtures/load-scenario.ts'
import { runIncident } from '../../lib/incident/index.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { type MockServer, type Responder, startMockServer } from '../../lib/testing/index.ts'
import { seededRandom } from '../../tools/simulation/requests.ts'
import { connectClient, startIncident } from '../../workflows/client.ts'
import { type ReportFolder, reportFolder } from '../cli/support/report-folder.ts'
import { type StartedProcess, startProcess } from '../cli/support/start-process.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'
import { comparable } from './support/comparable.ts'

const source = await temporalForTests()
const scenario = 'kv_cache_pressure'
const rules = incidentResponder()
const slow: Responder = async (request) => {
  await delay(300, undefined, { signal: request.signal })
  return rules(request)
}

let server: TemporalServer
let client: Client
let reports: ReportFolder
/** Model calls of an undisturbed run. */
let requestsAlone: number
/** Report of an undisturbed run. */
let reportAlone: unknown

describe.skipIf(source === undefined)('the command line with Temporal', () => {
  beforeAll(async () => {
    server = await openTemporal(source)
    client = await connectClient(server)
    reports = await reportFolder()
    await using mockServer = await startMockServer({ responder: rules })
    const model = minimax({ url: mockServer.url, token: 'any', env: {} })
    reportAlone = comparable((await runIncident(scenario, { model })).report.json)
    requestsAlone = mockServer.requests.length
  })
  afterAll(async () => {
    await client?.connection.close()
    await reports?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
  })

  test('after SIGTERM a worker stops in an orderly way, and its run continues in another one, as start --wait shows', async () => {
    await using mockServer = await startMockServer({ responder: slow })
    const place = placeOf(mockServer)
    const first = worker(place)
    await first.until('worker ready')
    const waiting = startProcess(['start', scenario, '--wait'], place)
    await requests(mockServer, 2)
    first.kill('SIGTERM')
    const { code, stderr } = await first.ended
    expect(code, stderr).toBe(0)
    expect(first.output()).toContain('worker stopped')
    const second = worker(place)
    const done = await waiting.ended
    expect(done.code, done.stderr).toBe(0)
    expect(done.stdout).toMatch(/^Validation +improved: /m)
    // Which round is shown first depends on how fast the second worker starts.
    expect(done.stderr).toMatch(/agent_step round \d+\/10: .*resumed after round 1/)
    expect(mockServer.requests.length).toBeLessThanOrEqual(requestsAlone + 1)

    const [id = ''] = done.stdout.split('\n')
    const watched = await startProcess(['watch', id], place).ended
    expect(watched.code).toBe(0)
    expect(watched.stdout).toContain('improved')
    const { report } = await client.workflow.getHandle(id).result()
    expect(comparable(report.json)).toEqual(reportAlone)
    const written = await reports.read()
    expect(written.map(({ files }) => files)).toContainEqual(['report.html', 'report.json', 'report.md'])
    second.kill('SIGTERM')
    await second.ended
  })

  test('start --send gives a folder to a worker that does not have it', async () => {
    await using mockServer = await startMockServer({ responder: rules })
    const place = placeOf(mockServer)
    await using folder = await reportFolder()
    const log = readLog(loadScenario('nvidia_xid'), 'dmesg')
    await writeFile(join(folder.path, 'dmesg.txt'), `${log.join('\n')}\n`)
    await writeFile(join(folder.path, 'incident.yaml'), 'id: sent_incident\n')
    const first = worker(place)
    await first.until('worker ready')
    const done = await startProcess(['start', folder.path, '--send', '--wait'], place).ended
    expect(done.code, done.stderr).toBe(0)
    expect(done.stdout).toMatch(/^latency-sent_incident-/)
    expect(done.stdout).toMatch(/Xid/)
    first.kill('SIGTERM')
    await first.ended
  })

  test.each([7, 8])(
    'SIGKILL of a worker costs at most one model call and gives the same report, seed %i',
    async (seed) => {
      await using mockServer = await startMockServer({ responder: slow })
      const place = placeOf(mockServer)
      const first = worker(place)
      await first.until('worker ready')
      const taskQueue = place.TEMPORAL_TASK_QUEUE
      const timeouts = { heartbeat_ms: 12_000 }
      const started = await startIncident(scenario, { client, taskQueue, timeouts })
      const random = seededRandom(seed)
      await requests(mockServer, 1 + Math.floor(random() * (requestsAlone - 1)))
      await delay(random() * 400)
      first.kill('SIGKILL')
      await first.ended
      const second = worker(place)
      const json = (await started.result()).report?.json
      expect(comparable(json)).toEqual(reportAlone)
      // A run that had ended before its worker was killed was not taken over.
      expect(json?.course.resumed).toBe((json?.run.attempt ?? 0) - 1)
      expect(json?.run.attempt).toBeGreaterThanOrEqual(1)
      expect(mockServer.requests.length).toBeLessThanOrEqual(requestsAlone + 1)
      second.kill('SIGTERM')
      await second.ended
    },
  )

  test('a wrong server, namespace or workflow id is wrong usage: exit code 2 and one line that says what to set', async () => {
    const there = { TEMPORAL_ADDRESS: server.address }
    const [noServer, noNamespace, noWorker, noWorkflow] = await Promise.all([
      startProcess(['start', scenario], { TEMPORAL_ADDRESS: '127.0.0.1:1' }).ended,
      startProcess(['start', scenario], { ...there, TEMPORAL_NAMESPACE: 'nowhere' }).ended,
      startProcess(['worker', '--live'], { ...there, TEMPORAL_NAMESPACE: 'nowhere', ANTHROPIC_AUTH_TOKEN: 'any' })
        .ended,
      startProcess(['watch', 'no-such-id'], there).ended,
    ])
    for (const { code, stdout, stderr } of [noServer, noNamespace, noWorker, noWorkflow]) {
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toMatch(/^tenrounds: [^\n]*\n$/)
    }
    expect(noServer.stderr).toMatch(/127\.0\.0\.1:1 .*TEMPORAL_ADDRESS/)
    expect(noNamespace.stderr).toMatch(/"nowhere".*TEMPORAL_NAMESPACE/)
    expect(noWorker.stderr).toMatch(/"nowhere".*TEMPORAL_NAMESPACE/)
    expect(noWorkflow.stderr).toMatch(/"no-such-id".*"default"/)
  })
})

function placeOf(mockServer: MockServer) {
  return {
    TEMPORAL_ADDRESS: server.address,
    TEMPORAL_NAMESPACE: server.namespace,
    TEMPORAL_TASK_QUEUE: `commands-${randomUUID()}`,
    MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url,
    ANTHROPIC_AUTH_TOKEN: 'any-token',
  }
}

function worker(place: Readonly<Record<string, string>>): StartedProcess {
  return startProcess(['worker', '--live', '--reports', reports.path], place)
}

/** Resolves when the mock server has received `count` requests. */
async function requests(mockServer: MockServer, count: number): Promise<void> {
  while (mockServer.requests.length < count) await delay(10)
}
