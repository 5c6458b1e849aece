import { afterAll, beforeAll, expect, test } from 'vitest'
import { startMockServer } from '../../lib/testing/index.ts'
import { bin, readExamples, writeExamples } from '../support/readme-examples.ts'
import { runNode } from '../support/run-node.ts'

let examples: Awaited<ReturnType<typeof writeExamples>>
beforeAll(async () => {
  examples = await writeExamples('unit')
})
afterAll(() => examples.remove())

test('README shows each of the three uses', async () => {
  expect([...(await readExamples()).keys()].sort()).toEqual([
    'activity-test.ts',
    'approval.ts',
    'built-schema.ts',
    'chat-activities.ts',
    'chat-workflow.ts',
    'complaint-activities.ts',
    'complaint-workflow.ts',
    'conversation.ts',
    'durable.ts',
    'isolation.ts',
    'library.ts',
    'mcp.ts',
    'scripted.ts',
    'streaming.ts',
    'weather-activities.ts',
    'weather-worker.ts',
    'weather-workflow.ts',
    'zod.ts',
  ])
})

test('every example compiles under the strict configuration', async () => {
  const { code, stdout } = await runNode([bin.tsc, '--noEmit', '-p', '.'], { cwd: examples.folder })
  expect(stdout).toBe('')
  expect(code).toBe(0)
})

test('the library example runs against an endpoint of the environment', async () => {
  await using mockServer = await startMockServer({
    responder: ({ messages }) =>
      messages.at(-1)?.role === 'tool'
        ? { content: '{"celsius":4}' }
        : { toolCalls: [{ name: 'get_weather', input: { city: 'Oslo' } }] },
  })
  const env = { MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url, ANTHROPIC_AUTH_TOKEN: 'test-token' }
  const { code, stdout, stderr } = await runNode([bin.tsx, 'library.ts'], { cwd: examples.folder, env })
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^4\n2 \d+ 3\n$/)
  expect(code).toBe(0)
})

test('the example with an MCP server calls its tool', async () => {
  await using mockServer = await startMockServer({
    responder: ({ messages }) =>
      messages.at(-1)?.role === 'tool'
        ? { content: String(messages.at(-1)?.content) }
        : { toolCalls: [{ name: 'everything_get-sum', input: { a: 2, b: 3 } }] },
  })
  const env = {
    MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url,
    ANTHROPIC_AUTH_TOKEN: 'test-token',
    npm_config_offline: 'true',
  }
  const { code, stdout } = await runNode([bin.tsx, 'mcp.ts'], { cwd: examples.folder, env })
  expect(stdout).toBe('"The sum of 2 and 3 is 5."\n')
  expect(code).toBe(0)
})

test('the example with checkpoints asks the model for no reply twice', async () => {
  await using mockServer = await startMockServer({
    responder: ({ messages }) =>
      messages.at(-1)?.role === 'tool'
        ? { content: 'Refunded.' }
        : { toolCalls: [{ name: 'refund', input: { order: 4711 } }] },
  })
  const env = { MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url, ANTHROPIC_AUTH_TOKEN: 'test-token' }
  for (const _ of [1, 2]) {
    const { stdout, stderr } = await runNode([bin.tsx, 'durable.ts'], { cwd: examples.folder, env })
    expect([stdout, stderr]).toEqual(['Refunded. 1\n', ''])
  }
  expect(mockServer.requests).toHaveLength(2)
})

test('the example with an approval pauses, and continues in another process', async () => {
  const toolCalls = [
    { name: 'refund', input: { order: 4711, euros: 40 } },
    { name: 'ask_customer', input: { question: 'Is that all right?' } },
  ]
  await using mockServer = await startMockServer({
    responder: ({ messages }) => (messages.at(-1)?.role === 'tool' ? { content: 'Done.' } : { toolCalls }),
  })
  const env = { MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url, ANTHROPIC_AUTH_TOKEN: 'test-token' }
  const first = await runNode([bin.tsx, 'approval.ts'], { cwd: examples.folder, env })
  expect(first.stderr).toBe('')
  const [refund = '', question = ''] = first.stdout.trim().split('\n')
  expect(refund).toMatch(/^\S+ refund \{"order":4711,"euros":40\} approve$/)
  expect(question).toMatch(/^\S+ ask_customer \{"question":"Is that all right\?"\} no_execute$/)
  const [refundId = '', questionId = ''] = [refund, question].map((line) => line.split(' ', 1)[0] ?? '')
  const decisions = { [refundId]: 'run', [questionId]: { value: { reply: 'Yes.' } } }
  const second = await runNode([bin.tsx, 'approval.ts', JSON.stringify(decisions)], { cwd: examples.folder, env })
  expect([second.stdout, second.stderr]).toEqual(['Done. 2\n', ''])
  expect(mockServer.requests).toHaveLength(2)
})

test('the example of a conversation asks a follow-up question', async () => {
  await using mockServer = await startMockServer({
    responder: ({ messages }) => ({ content: `answer ${messages.filter(({ role }) => role === 'user').length}` }),
  })
  const env = { MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url, ANTHROPIC_AUTH_TOKEN: 'test-token' }
  const { stdout, stderr } = await runNode([bin.tsx, 'conversation.ts'], { cwd: examples.folder, env })
  expect([stdout, stderr]).toEqual(['answer 2 4\n', ''])
})

test('the example of a tool in isolation passes its own tests', async () => {
  const { code, stdout } = await runNode([bin.tsx, 'isolation.ts'], { cwd: examples.folder })
  expect(stdout).toContain('pass 2')
  expect(code).toBe(0)
})

test('the example of a run in a test passes', async () => {
  const { code, stdout } = await runNode([bin.tsx, 'scripted.ts'], { cwd: examples.folder })
  expect(stdout).toContain('pass 1')
  expect(code).toBe(0)
})

test('the example with schemas of zod runs against an endpoint of the environment', async () => {
  await using mockServer = await startMockServer({
    responder: ({ messages }) =>
      messages.at(-1)?.role === 'tool'
        ? { content: '{"celsius":4}' }
        : { toolCalls: [{ name: 'get_weather', input: { city: 'Oslo' } }] },
  })
  const env = { MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url, ANTHROPIC_AUTH_TOKEN: 'test-token' }
  const { stdout, stderr } = await runNode([bin.tsx, 'zod.ts'], { cwd: examples.folder, env })
  expect([stdout, stderr]).toEqual(['4\n', ''])
  expect(JSON.stringify(mockServer.requests)).toContain('{\\"degrees\\":4}')
})

test('the example of a schema that is built at run time runs', async () => {
  const { stdout, stderr } = await runNode([bin.tsx, 'built-schema.ts'], { cwd: examples.folder })
  expect([stdout, stderr]).toEqual(['"Ekofisk: 7 employees"\n', ''])
})

test('the example of streaming writes the text', async () => {
  await using mockServer = await startMockServer({ responder: () => ({ content: 'It is 4 °C in Oslo.' }) })
  const env = { MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url, ANTHROPIC_AUTH_TOKEN: 'test-token' }
  const { stdout, stderr } = await runNode([bin.tsx, 'streaming.ts'], { cwd: examples.folder, env })
  expect([stdout, stderr]).toEqual(['It is 4 °C in Oslo.\n', ''])
})

test('the example of an activity in a test passes', async () => {
  const { code, stdout } = await runNode([bin.tsx, 'activity-test.ts'], { cwd: examples.folder })
  expect(stdout).toContain('pass 1')
  expect(code).toBe(0)
})
