import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { startMockServer } from '../../lib/testing/index.ts'
import { type ReportFolder, reportFolder } from '../cli/support/report-folder.ts'
import { startProcess } from '../cli/support/start-process.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'

const source = await temporalForTests()

let server: TemporalServer
let folder: ReportFolder

describe.skipIf(source === undefined)('eval --temporal', () => {
  beforeAll(async () => {
    server = await openTemporal(source)
    folder = await reportFolder()
  })
  afterAll(async () => {
    await folder?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
  })

  test('shares the runs between two workers, and its result is that of their workflows', async () => {
    await using first = await startMockServer({ responder: incidentResponder() })
    await using second = await startMockServer({ responder: incidentResponder() })
    const place = placeOf()
    const workers = [first, second].map(({ url }) =>
      startProcess(['worker', '--reports', folder.path], {
        ...place,
        MINIMAX_BASE_URL: url,
        ANTHROPIC_AUTH_TOKEN: 'any',
      }),
    )
    await Promise.all(workers.map((worker) => worker.until('worker ready')))
    const out = join(folder.path, randomUUID())
    const args = ['eval', 'healthy_control', 'concurrency_cap', '--temporal', '--runs', '3', '--concurrency', '6']
    const done = await startProcess([...args, '--out', out, '--json'], place).ended
    expect(done.code, done.stderr).toBe(0)
    expect(JSON.parse(done.stdout)).toMatchObject({
      complete: true,
      settings: { arm: 'temporal', model: 'workers' },
      total: { runs: 6, passed: 6, provider_errors: 0 },
    })
    expect(first.requests.length + second.requests.length).toBeGreaterThanOrEqual(18)
    for (const worker of workers) worker.kill('SIGTERM')
    await Promise.all(workers.map((worker) => worker.ended))
  })
})

/** A task queue of its own, so that no other test's worker takes the runs. */
function placeOf(): Readonly<Record<string, string>> {
  return {
    TEMPORAL_ADDRESS: server.address,
    TEMPORAL_NAMESPACE: server.namespace,
    TEMPORAL_TASK_QUEUE: `evaluation-${randomUUID()}`,
  }
}
