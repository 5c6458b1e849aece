import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startMockServer } from '../../../lib/testing/index.ts'
import { connectClient, startIncident } from '../../../workflows/client.ts'
import { reportFolder } from '../../cli/support/report-folder.ts'
import { startProcess } from '../../cli/support/start-process.ts'
import { temporalForTests } from '../../support/temporal-server.ts'
import { DurabilitySite } from '../support/durability-site.ts'
import { untilEntry } from '../support/ledger.ts'
import type { Plan } from '../support/planned-run.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

const source = await temporalForTests()

/** The shutdown is forced after 10 s and must be over after 15 s; the rest is slack for a busy machine. */
const longestMs = 20_000

test.skipIf(source === undefined)(
  'the worker command in a black hole ends soon after SIGTERM and says why',
  async () => {
    await using site = await DurabilitySite.open(source)
    await using proxy = await tcpProxy(site.address)
    await using reports = await reportFolder()
    // The model does not answer, so the run is in the middle of a call.
    await using mockServer = await startMockServer({
      responder: async ({ signal }) => {
        await delay(120_000, undefined, { signal })
        return {}
      },
    })
    const taskQueue = `shutdown-${randomUUID()}`
    const worker = startProcess(['worker', '--live', '--reports', reports.path], {
      TEMPORAL_ADDRESS: proxy.address,
      TEMPORAL_TASK_QUEUE: taskQueue,
      MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url,
      ANTHROPIC_AUTH_TOKEN: 'any-token',
    })
    await worker.until('worker ready')
    const client = await connectClient({ address: site.address })
    const { handle } = await startIncident('healthy_control', { client, taskQueue })
    while (mockServer.requests.length === 0) await delay(20)
    proxy.swallow()
    const { ms, ended } = await timed(() => {
      worker.kill('SIGTERM')
      return worker.ended
    })
    console.log(`worker command in a black hole: ended ${ms} ms after SIGTERM with code ${ended.code}`)
    expect(ms).toBeLessThan(longestMs)
    expect(ended.code, ended.stderr).toBe(3)
    expect(ended.stderr).toMatch(/did not answer within 10 s while the worker shut down/)
    expect(mockServer.requests[0]?.outcome).toBe('abandoned')
    await handle.terminate('end of the test')
    await client.connection.close()
  },
)

test.skipIf(source === undefined)(
  'a worker of your own with takeoverWorkerOptions ends as soon, and another one goes on',
  async () => {
    await using site = await DurabilitySite.open(source)
    const { ledger, taskQueue } = site.place()
    await using proxy = await tcpProxy(site.address)
    const [lost, other] = [site.worker('lost', ledger, { address: proxy.address }), site.worker('other', ledger)]
    await Promise.all([lost.work(taskQueue), other.ready()])
    const plan: Plan = {
      run: 'cut off',
      rounds: [[{ tool: 'charge', what: 'pay' }], [{ tool: 'charge', what: 'pay slowly', ms: 2_000 }]],
      modelMs: 100,
    }
    const handle = await site.start(taskQueue, plan)
    await untilEntry(ledger, { at: 'effect', what: 'pay slowly' })
    proxy.swallow()
    const { ms } = await timed(() => lost.terminate())
    console.log(`worker of your own in a black hole: ended ${ms} ms after SIGTERM`)
    expect(ms).toBeLessThan(longestMs)
    await other.work(taskQueue)
    expect(await handle.result()).toMatchObject({ stop_reason: 'answered', rounds: 3 })
  },
)

async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly ended: T }> {
  const startedAt = performance.now()
  const ended = await work()
  return { ms: Math.round(performance.now() - startedAt), ended }
}
