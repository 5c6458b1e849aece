import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandIo } from '../../../lib/cli/command-io.ts'
import { watchCommand } from '../../../lib/cli/temporal-commands.ts'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import { startMockServer } from '../../../lib/testing/index.ts'
import { connectClient, startIncident } from '../../../workflows/client.ts'
import { startProcess } from '../../cli/support/start-process.ts'
import { type StartedServer, startTemporalServer, temporalForTests } from '../../support/temporal-server.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

const source = await temporalForTests()
const binary = source?.kind === 'binary' ? source.path : undefined
const away = 'the Temporal server does not answer; trying again'
const back = 'the Temporal server answers again'

let folder: string
let server: StartedServer

describe.skipIf(binary === undefined)('watching a workflow through an outage', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenrounds-watching-'))
    server = await startServer()
  })
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    if (folder) await rm(folder, { recursive: true })
  })

  test('start --wait and watch say that the server is away and that it is back, and show the verdict', async () => {
    await using mockServer = await startMockServer({ responder: incidentResponder() })
    await using proxy = await tcpProxy(server.address)
    const taskQueue = `watched-${randomUUID()}`
    const place = {
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_TASK_QUEUE: taskQueue,
      MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url,
      ANTHROPIC_AUTH_TOKEN: 'any-token',
    }
    const waiting = startProcess(['start', 'healthy_control', '--wait'], place)
    await waiting.until('latency-healthy_control-')
    const [id = ''] = waiting.output().split('\n')
    // This one loses its connection without being told.
    const watching = startProcess(['watch', id], { ...place, TEMPORAL_ADDRESS: proxy.address })
    await Promise.all([waiting.until('no worker polls'), watching.until('no worker polls')])
    proxy.swallow()
    await server.kill()
    await Promise.all([waiting.until(away), watching.until(away)])
    server = await startServer(server.port)
    proxy.heal()
    await Promise.all([waiting.until(back), watching.until(back)])
    const worker = startProcess(['worker', '--live', '--reports', join(folder, 'reports')], place)
    for (const { code, stdout, stderr } of [await waiting.ended, await watching.ended]) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('workflow completed') })
      expect(stdout).toMatch(/^Validation +unchanged: /m)
      expect(stdout).not.toContain(away)
    }
    worker.kill('SIGTERM')
    await worker.ended
  })

  test.each(['swallow', 'reset'] as const)(
    'a server that does not come back ends it with an exit code of its own (connection: %s)',
    async (fault) => {
      const client = await connectClient(server)
      const { handle } = await startIncident('healthy_control', { client, taskQueue: `nobody-${randomUUID()}` })
      await using proxy = await tcpProxy(server.address)
      const written = { stdout: '', stderr: '' }
      const output = (name: keyof typeof written) => ({
        write: (text: string) => {
          written[name] += text
          if (text.includes('no worker polls')) proxy[fault]()
        },
      })
      const env = { TEMPORAL_ADDRESS: proxy.address }
      const { signal } = new AbortController()
      const io = commandIo({ stdout: output('stdout'), stderr: output('stderr'), env, signal })
      const code = await watchCommand(io, handle.workflowId, { outageLimitMs: 1_000 })
      expect({ code, stdout: written.stdout }).toEqual({ code: 3, stdout: '' })
      expect(written.stderr).toContain(away)
      expect(written.stderr).toContain('has not answered for 1 s; no longer watching')
      expect((await handle.describe()).status.name).toBe('RUNNING')
      await handle.terminate('end of the test')
      await client.connection.close()
    },
  )
})

function startServer(port?: number): Promise<StartedServer> {
  if (binary === undefined) throw new Error('The test needs a binary of the server.')
  return startTemporalServer(binary, { stateFile: join(folder, 'state.db'), ...(port !== undefined && { port }) })
}
