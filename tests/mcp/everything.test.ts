import { Client as ClientOfVersion1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as StdioOfVersion1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { type McpProgress, mcpTools } from '../../lib/mcp/index.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'
import { callTool, outcomeOf } from './support/call-tool.ts'
import { everythingOverStdio, startOverHttp, startOverStdio } from './support/everything.ts'

const transports = [
  ['stdio', startOverStdio],
  ['streamable HTTP', startOverHttp],
] as const

test.each(transports)('a run over %s calls tools of the official server and ends with the answer', async (_, start) => {
  await using server = await start()
  const model = scriptedModel([
    {
      toolCalls: [
        { name: 'get-sum', input: { a: 2, b: 3 } },
        { name: 'get-structured-content', input: { location: 'Chicago' } },
        { name: 'get-tiny-image', input: {} },
      ],
    },
    calls('echo', { message: 'hello' }),
    says('The sum is 5.'),
  ])
  const run = await runLoop({ model, tools: await mcpTools(server.client), prompt: 'What is 2 + 3?' })
  model.assertDone()
  expect(run.stopReason === 'answered' && run.answer).toBe('The sum is 5.')
  expect(run.results.map(outcomeOf)).toEqual([
    'The sum of 2 and 3 is 5.',
    { temperature: 36, conditions: 'Light rain / drizzle', humidity: 82 },
    [
      { type: 'text', text: "Here's the image you requested:" },
      { type: 'image', mime_type: 'image/png', bytes: 4033, data: 'left out' },
      { type: 'text', text: 'The image above is the MCP logo.' },
    ],
    'Echo: hello',
  ])
})

test.each(transports)('progress of a call over %s is reported', async (_, start) => {
  await using server = await start()
  const seen: McpProgress[] = []
  const tools = await mcpTools(server.client, { onProgress: (progress) => seen.push(progress) })
  const result = await callTool(tools, 'trigger-long-running-operation', { duration: 1, steps: 2 })
  expect(result.status).toBe('ok')
  // The clients drop a notification that arrives together with the result.
  expect(seen[0]).toEqual({ tool: 'trigger-long-running-operation', callId: result.callId, progress: 1, total: 2 })
})

test('a server that is killed during a call is an error result, and the run goes on', async () => {
  await using server = await startOverStdio()
  const tools = await mcpTools(server.client)
  const model = scriptedModel([
    calls('echo', { message: 'hello' }),
    calls('trigger-long-running-operation', { duration: 600, steps: 2 }),
    calls('echo', { message: 'again' }),
    says('The server is gone.'),
  ])
  const run = await runLoop({
    model,
    tools,
    prompt: 'Start it.',
    onEvent: (event) => {
      if (event.type === 'tool-start' && event.tool.startsWith('trigger')) setTimeout(server.kill, 50)
    },
  })
  expect(run.stopReason === 'answered' && run.answer).toBe('The server is gone.')
  expect(run.results.map((result) => (result.status === 'ok' ? result.value : result.error.message))).toEqual([
    'Echo: hello',
    'The connection to the MCP server was closed during the call of "trigger-long-running-operation". The call may have had its effect.',
    '"echo" was not called, because the connection to its MCP server is closed.',
  ])
})

test('a client of the SDK 1.x gives the same tools and results as a client 2.x', async () => {
  await using server = await startOverStdio()
  const older = new ClientOfVersion1({ name: 'tenrounds-test', version: '1.0.0' })
  await older.connect(new StdioOfVersion1(everythingOverStdio))
  try {
    const [tools, expected] = [await mcpTools(older), await mcpTools(server.client)]
    expect(tools.map(({ execute: _, ...rest }) => rest)).toEqual(expected.map(({ execute: _, ...rest }) => rest))
    const result = await callTool(tools, 'get-structured-content', { location: 'Chicago' })
    expect(result.status === 'ok' && result.value).toEqual(
      expect.objectContaining({ conditions: 'Light rain / drizzle' }),
    )
    const refused = await callTool(tools, 'get-resource-reference', { resourceId: -1 })
    expect(refused.status === 'error' && refused.error.message).toContain('resourceId')
  } finally {
    await older.close()
  }
})

test('a tool that can only be called as a task is left out with a warning', async () => {
  await using server = await startOverStdio()
  const warnings: unknown[] = []
  const tools = await mcpTools(server.client, { onWarning: (warning) => warnings.push(warning) })
  expect(tools.map(({ name }) => name)).not.toContain('simulate-research-query')
  expect(warnings).toEqual([
    {
      kind: 'tool_left_out',
      tool: 'simulate-research-query',
      message: 'MCP tool "simulate-research-query": it can only be called as a task, which is not supported.',
    },
  ])
})
