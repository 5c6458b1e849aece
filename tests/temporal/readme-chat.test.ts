import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { faults, startMockServer } from '../../lib/testing/index.ts'
import { isObject } from '../../router/json/json.ts'
import { writeExamples } from '../support/readme-examples.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'
import { ExampleWorker, replaceIn, writeWorker } from './support/example-worker.ts'

const source = await temporalForTests()
const questions = ['How warm is it in Oslo?', 'And in Bergen?']
const answers = [
  'It is 4 degrees in Oslo.',
  Array.from({ length: 40 }, (_, hour) => `Bergen has 7 degrees and rain in hour ${hour}.`).join(' '),
]

describe.skipIf(source === undefined)('the example of README with follow-up questions and streamed text', () => {
  let server: TemporalServer
  let connection: Connection
  let examples: Awaited<ReturnType<typeof writeExamples>>
  beforeAll(async () => {
    server = await openTemporal(source)
    connection = await Connection.connect({ address: server.address })
    examples = await writeExamples('chat')
    await writeWorker(examples.folder, 'chat-worker.ts', {
      workflows: 'chat-workflow.ts',
      imports: "import { chatActivities } from './chat-activities.ts'",
      activities: 'chatActivities((...message) => console.log(...message))',
    })
    await replaceIn(join(examples.folder, 'chat-workflow.ts'), "heartbeatTimeout: '20s'", "heartbeatTimeout: '6s'")
  })
  afterAll(async () => {
    await examples?.remove()
    await connection?.close()
    await server?.[Symbol.asyncDispose]()
  })

  test('the second question continues the conversation, and the reader sees each answer once, although a worker is killed in the middle of one', async () => {
    await using model = await startMockServer({
      responder: ({ messages }) => ({
        content: answers[messages.filter(({ role }) => role === 'assistant').length] ?? 'Which city?',
      }),
      faults: [faults.at(2, faults.connection('stall-mid-body'))],
    })
    const taskQueue = `chat-${randomUUID()}`
    const env = {
      TEMPORAL_ADDRESS: server.address,
      TASK_QUEUE: taskQueue,
      MINIMAX_CHAT_COMPLETIONS_URL: model.url,
      ANTHROPIC_AUTH_TOKEN: 'test-token',
    }
    await using first = new ExampleWorker(examples.folder, 'chat-worker.ts', env)
    await first.ready
    const client = new Client({ connection, namespace: server.namespace })
    const workflow = { taskQueue, workflowId: `chat-${randomUUID()}`, args: [questions] }
    const handle = await client.workflow.start('chatWorkflow', workflow)
    // A part of the second answer was shown.
    await vi.waitFor(() => expect(textsOf(first.lines).at(1)).toMatch(/^Bergen/), { timeout: 30_000 })
    expect(textsOf(first.lines).at(1)).not.toBe(answers[1])
    await first.kill()
    await using second = new ExampleWorker(examples.folder, 'chat-worker.ts', env)
    await second.ready
    expect(await handle.result()).toEqual(answers)
    expect(textsOf([...first.lines, ...second.lines])).toEqual(answers)
    expect(contentsOf(model.requests.at(-1)?.body)).toEqual([questions[0], answers[0], questions[1]])
  })
})

function contentsOf(body: unknown): readonly unknown[] {
  const messages: unknown = isObject(body) ? body['messages'] : undefined
  return Array.isArray(messages) ? messages.map((message) => (isObject(message) ? message['content'] : message)) : []
}

/** What a reader shows who follows README: the text of each channel, in the order of the channels. */
function textsOf(lines: readonly string[]): readonly string[] {
  const channels = new Map<string, { attempt: number; rounds: Map<number, string> }>()
  for (const line of lines) {
    const [, channel = '', message = ''] = /^(\S+) (\{.*\})$/.exec(line) ?? []
    if (message === '') continue
    const event: { activity_attempt: number; type: string; round: number; text: string; resumedRounds: number } =
      JSON.parse(message)
    const shown = channels.get(channel) ?? { attempt: 0, rounds: new Map<number, string>() }
    channels.set(channel, shown)
    if (event.activity_attempt < shown.attempt) continue
    shown.attempt = event.activity_attempt
    if (event.type === 'text-delta') {
      shown.rounds.set(event.round, (shown.rounds.get(event.round) ?? '') + event.text)
    }
    if (event.type === 'text-reset') shown.rounds.delete(event.round)
    if (event.type === 'run-start') {
      for (const round of [...shown.rounds.keys()]) if (round > event.resumedRounds) shown.rounds.delete(round)
    }
  }
  return [...channels.values()].map(({ rounds }) => [...rounds.values()].join(''))
}
