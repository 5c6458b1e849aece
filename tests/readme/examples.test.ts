import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import { type Responder, startMockServer, type ToolCallDraft } from '../../lib/testing/index.ts'
import { knownModels } from '../../tools/simulation/known-models.ts'
import { bin, readExamples, repository, writeExamples } from '../support/readme-examples.ts'
import { runNode } from '../support/run-node.ts'
import { twoScrapes } from '../support/scraped-pages.ts'

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
    'calibrate.ts',
    'chat-activities.ts',
    'chat-workflow.ts',
    'complaint-activities.ts',
    'complaint-workflow.ts',
    'conversation.ts',
    'durable.ts',
    'infer.ts',
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
    responder: callThenSay({ name: 'get_weather', input: { city: 'Oslo' } }, '{"celsius":4}'),
  })
  const { code, stdout, stderr } = await runExample('library.ts', { mockServer })
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^4\n2 \d+ 3\n$/)
  expect(code).toBe(0)
})

test('the example with an MCP server calls its tool', async () => {
  await using mockServer = await startMockServer({
    responder: callThenSay({ name: 'everything_get-sum', input: { a: 2, b: 3 } }),
  })
  const { code, stdout } = await runExample('mcp.ts', { mockServer, env: { npm_config_offline: 'true' } })
  expect(stdout).toBe('"The sum of 2 and 3 is 5."\n')
  expect(code).toBe(0)
})

test('the example with checkpoints asks the model for no reply twice', async () => {
  await using mockServer = await startMockServer({
    responder: callThenSay({ name: 'refund', input: { order: 4711 } }, 'Refunded.'),
  })
  for (const _ of [1, 2]) {
    const { stdout, stderr } = await runExample('durable.ts', { mockServer })
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
  const first = await runExample('approval.ts', { mockServer })
  expect(first.stderr).toBe('')
  const [refund = '', question = ''] = first.stdout.trim().split('\n')
  expect(refund).toMatch(/^\S+ refund \{"order":4711,"euros":40\} approve$/)
  expect(question).toMatch(/^\S+ ask_customer \{"question":"Is that all right\?"\} no_execute$/)
  const [refundId = '', questionId = ''] = [refund, question].map((line) => line.split(' ', 1)[0] ?? '')
  const decisions = { [refundId]: 'run', [questionId]: { value: { reply: 'Yes.' } } }
  const second = await runExample('approval.ts', { mockServer, args: [JSON.stringify(decisions)] })
  expect([second.stdout, second.stderr]).toEqual(['Done. 2\n', ''])
  expect(mockServer.requests).toHaveLength(2)
})

test('the example of a conversation asks a follow-up question', async () => {
  await using mockServer = await startMockServer({
    responder: ({ messages }) => ({ content: `answer ${messages.filter(({ role }) => role === 'user').length}` }),
  })
  const { stdout, stderr } = await runExample('conversation.ts', { mockServer })
  expect([stdout, stderr]).toEqual(['answer 2 4\n', ''])
})

test('the example of a tool in isolation passes its own tests', async () => {
  const { code, stdout } = await runExample('isolation.ts')
  expect(stdout).toContain('pass 2')
  expect(code).toBe(0)
})

test('the example of a run in a test passes', async () => {
  const { code, stdout } = await runExample('scripted.ts')
  expect(stdout).toContain('pass 1')
  expect(code).toBe(0)
})

test('the example with schemas of zod runs against an endpoint of the environment', async () => {
  await using mockServer = await startMockServer({
    responder: callThenSay({ name: 'get_weather', input: { city: 'Oslo' } }, '{"celsius":4}'),
  })
  const { stdout, stderr } = await runExample('zod.ts', { mockServer })
  expect([stdout, stderr]).toEqual(['4\n', ''])
  expect(JSON.stringify(mockServer.requests)).toContain('{\\"degrees\\":4}')
})

test('the example of a schema that is built at run time runs', async () => {
  const { stdout, stderr } = await runExample('built-schema.ts')
  expect([stdout, stderr]).toEqual(['"Ekofisk: 7 employees"\n', ''])
})

test('the example of a calibration prints the fitted times and the sizes of the model', async () => {
  const config = join(examples.folder, 'config.json')
  await writeFile(config, JSON.stringify(knownModels['llama-3.3-70b']?.config))
  const scenario = join(repository, 'fixtures/scenarios/healthy_control.json')
  const { stdout, stderr } = await runExample('calibrate.ts', { args: [scenario, config] })
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^\{ fixed_ms: -?[\d.]+, per_sequence_ms: [\d.]+ \} residual 0\.\d %$/m)
  expect(stdout).toContain('131.4 GiB of weights, 327680 bytes per token')
})

test('the example of an inferred scenario prints residuals and ratios', async () => {
  const pages = twoScrapes(loadScenario('healthy_control'))
  const files = pages.map((_, index) => join(examples.folder, `page-${index}.txt`))
  for (const [index, { text }] of pages.entries()) await writeFile(files[index] ?? '', text)
  const scenario = join(repository, 'fixtures/scenarios/healthy_control.json')
  const { stdout, stderr } = await runExample('infer.ts', { args: [scenario, ...files] })
  expect(stderr).toBe('')
  expect(stdout).toContain("figure: 'ttft_mean_s'")
  expect(stdout).toContain("kind: 'predicted'")
})

test('the example of streaming writes the text', async () => {
  await using mockServer = await startMockServer({ responder: () => ({ content: 'It is 4 °C in Oslo.' }) })
  const { stdout, stderr } = await runExample('streaming.ts', { mockServer })
  expect([stdout, stderr]).toEqual(['It is 4 °C in Oslo.\n', ''])
})

test('the example of an activity in a test passes', async () => {
  const { code, stdout } = await runExample('activity-test.ts')
  expect(stdout).toContain('pass 1')
  expect(code).toBe(0)
})

/** Asks for one call, and answers with this text, or with the result of the call. */
function callThenSay(call: ToolCallDraft, answer?: string): Responder {
  return ({ messages }) => {
    const last = messages.at(-1)
    return last?.role === 'tool' ? { content: answer ?? String(last.content) } : { toolCalls: [call] }
  }
}

interface Setting {
  /** The endpoint that the environment names. */
  readonly mockServer?: { readonly url: string }
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
}

/** Runs an example of README in a process of its own. */
function runExample(file: string, { mockServer, env = {}, args = [] }: Setting = {}) {
  const endpoint = mockServer && {
    MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url,
    ANTHROPIC_AUTH_TOKEN: 'test-token',
  }
  return runNode([bin.tsx, file, ...args], { cwd: examples.folder, env: { ...endpoint, ...env } })
}
