import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn } from '../../lib/testing/index.ts'
import { bin, writeExamples } from '../support/readme-examples.ts'
import { runNode } from '../support/run-node.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'

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

  test('runs a workflow of a user on a real server, model and tool included', async () => {
    await using standIn = await startStandIn({
      responder: ({ messages }) =>
        messages.at(-1)?.role === 'tool'
          ? { content: 'It is 4 degrees in Oslo.' }
          : { toolCalls: [{ name: 'get_weather', input: { city: 'Oslo' } }] },
    })
    const env = {
      TEMPORAL_ADDRESS: server.address,
      MINIMAX_CHAT_COMPLETIONS_URL: standIn.url,
      ANTHROPIC_AUTH_TOKEN: 'test-token',
    }
    const { code, stdout, stderr } = await runNode([bin.tsx, 'weather-worker.ts'], { cwd: examples.folder, env })
    expect(stdout, stderr).toContain('It is 4 degrees in Oslo.')
    expect(code).toBe(0)
    expect(standIn.requests).toHaveLength(2)
  })
})
