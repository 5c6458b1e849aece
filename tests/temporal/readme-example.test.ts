import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startMockServer } from '../../lib/testing/index.ts'
import { bin, writeExamples } from '../support/readme-examples.ts'
import { runNode } from '../support/run-node.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'
import { replaceIn } from './support/example-worker.ts'

const source = await temporalForTests()

describe.skipIf(source === undefined)('the Temporal example of README', () => {
  let server: TemporalServer
  let examples: Awaited<ReturnType<typeof writeExamples>>
  beforeAll(async () => {
    server = await openTemporal(source)
    examples = await writeExamples('temporal')
  })
  afterAll(async () => {
    await examples?.remove()
    await server?.[Symbol.asyncDispose]()
  })

  test('runs on a real server, with model and tool', async () => {
    await using mockServer = await startMockServer({
      responder: ({ messages }) =>
        messages.at(-1)?.role === 'tool'
          ? { content: 'It is 4 degrees in Oslo.' }
          : { toolCalls: [{ name: 'get_weather', input: { city: 'Oslo' } }] },
    })
    const env = {
      TEMPORAL_ADDRESS: server.address,
      MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url,
      ANTHROPIC_AUTH_TOKEN: 'test-token',
    }
    const { code, stdout, stderr } = await runNode([bin.tsx, 'weather-worker.ts'], { cwd: examples.folder, env })
    expect(stdout, stderr).toContain('It is 4 degrees in Oslo.')
    expect(code).toBe(0)
    expect(mockServer.requests).toHaveLength(2)
  })

  test('survives a SIGKILL: another worker continues with the same messages', async () => {
    const { folder } = examples
    await replaceIn(join(folder, 'weather-workflow.ts'), "heartbeatTimeout: '20s'", "heartbeatTimeout: '6s'")
    // The second worker finds the workflow running and only waits for its result.
    const worker = await readFile(join(folder, 'weather-worker.ts'), 'utf8')
    await writeFile(join(folder, 'weather-rescuer.ts'), worker)
    await replaceIn(
      join(folder, 'weather-rescuer.ts'),
      /client\.workflow\.start\('weatherWorkflow', \{.*?\n {2}\}\)/s,
      "client.workflow.getHandle('oslo-again')",
    )
    await replaceIn(join(folder, 'weather-worker.ts'), "workflowId: 'oslo'", "workflowId: 'oslo-again'")
    let killed = () => {}
    const crash = new Promise<void>((resolve) => {
      killed = resolve
    })
    await using mockServer = await startMockServer({
      responder: async ({ messages, signal }) => {
        if (messages.at(-1)?.role !== 'tool') return { toolCalls: [{ name: 'get_weather', input: { city: 'Oslo' } }] }
        if (mockServer.requests.length === 2) {
          killed()
          await delay(60_000, undefined, { signal })
        }
        return { content: 'It is 4 degrees in Oslo.' }
      },
    })
    const env = {
      TEMPORAL_ADDRESS: server.address,
      MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url,
      ANTHROPIC_AUTH_TOKEN: 'test-token',
    }
    const first = spawn(process.execPath, ['--import', 'tsx', 'weather-worker.ts'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...env },
      stdio: 'ignore',
    })
    await crash
    first.kill('SIGKILL')
    const { code, stdout, stderr } = await runNode([bin.tsx, 'weather-rescuer.ts'], { cwd: folder, env })
    expect(stdout, stderr).toContain('It is 4 degrees in Oslo.')
    expect(code).toBe(0)
    // A crash loses at most one round: the reply in flight, and perhaps the one before it.
    expect(mockServer.requests.length).toBeLessThanOrEqual(4)
    expect(mockServer.requests.at(-1)?.body).toEqual(mockServer.requests[1]?.body)
  })
})
