import { afterEach, expect, test, vi } from 'vitest'
import type { ModelReply } from '../../lib/loop/model.ts'
import { EventBody, replyOf } from '../../lib/minimax/reply/event-stream.ts'
import { StreamedCompletion } from '../../lib/minimax/reply/streamed-completion.ts'
import { wireUsage as usage } from '../support/factories.ts'
import { chunk, done, events, stop, streamServer } from './support/event-stream.ts'
import { completion } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

afterEach(() => {
  vi.useRealTimers()
})

const context = { retryAfterMs: () => undefined, onContent: () => {} }
const calling = { finish_reason: 'tool_calls' }

function call(index: number): object {
  const called = {
    index,
    id: `call_${index}`,
    type: 'function',
    function: { name: 'look', arguments: `{"n":${index}}` },
  }
  return chunk({ tool_calls: [called] }, calling)
}

/** Takes each text after so many milliseconds of silence, by a fake clock. The stream stays open. */
function readSilently(steps: readonly (readonly [silentMs: number, text: string])[]) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const completion = new StreamedCompletion(context)
  let reply: ModelReply | undefined
  const endEarly = () => {
    reply ??= body.end()
  }
  const other = (text: string): never => expect.unreachable(`no events: ${text}`)
  const body = new EventBody<ModelReply>(completion, { endEarly }, () => replyOf(completion, 200), other)
  for (const [silentMs, text] of steps) {
    vi.advanceTimersByTime(silentMs)
    if (reply === undefined) body.take(Buffer.from(text))
  }
  const wasLeft = reply !== undefined
  vi.advanceTimersByTime(10_000)
  if (reply === undefined) throw new Error('The stream was not left.')
  return { reply, wasLeft }
}

test.each([
  [
    'the first chunk',
    [
      [0, events(chunk({ content: 'A' }, stop))],
      ...['B', 'C', 'D'].map((content) => [1900, events(chunk({ content }))]),
    ],
  ],
  ['every chunk', ['A', 'B', 'C', 'D'].map((content) => [1900, events(chunk({ content }, stop))])],
  [
    'an empty message beside each delta',
    ['A', 'B', 'C', 'D'].map((content) => [1900, events(chunk({ content }, { message: {} }))]),
  ],
  [
    'a message beside each delta',
    ['A', 'B', 'C', 'D'].map((content) => [1900, events(chunk({ content }, { message: { content } }))]),
  ],
] as [string, [number, string][]][])(
  'only silence ends a stream that looks complete from the start: %s',
  (_name, steps) => {
    const { reply } = readSilently([...steps, [1900, events(chunk({}, stop), { choices: [], usage })]])
    expect(reply).toMatchObject({ message: { content: 'ABCD' }, finishReason: 'stop', usage: { outputTokens: 2 } })
  },
)

test('a second call is not lost if each call comes with a finish reason', () => {
  const { reply } = readSilently([
    [0, events(call(0))],
    [1900, events(call(1))],
    [0, done],
  ])
  expect(reply.message.tool_calls?.map(({ function: called }) => called?.arguments)).toEqual(['{"n":0}', '{"n":1}'])
})

test('silence after the reply ends the reading, and sooner after [DONE]', () => {
  for (const steps of [
    [[0, events(chunk({ content: 'A' }, stop))]],
    [[0, events(chunk({ content: 'A' }, stop), done)]],
    [[0, events(chunk({ content: '' }, stop), chunk({ content: 'A' }))]],
    [[0, events(completion)]],
  ] as [number, string][][]) {
    expect(readSilently(steps).reply.message.content).toMatch(/^(?:A|Warm\.)$/)
  }
})

test('comments count as silence', () => {
  const steps: [number, string][] = [[0, events(chunk({ content: 'A' }, stop))]]
  for (let count = 0; count < 5; count++) steps.push([1000, ': keep-alive\n\n'])
  expect(readSilently(steps).wasLeft).toBe(true)
})

test.each([
  ['which continued after its finish reason', [chunk({ content: 'A' }, stop), chunk({ content: 'B' })]],
  ['without a finish reason', [chunk({ content: 'A' }), chunk({ content: 'B' })]],
  ['with a message beside each delta', [chunk({ content: 'A' }, { message: { role: 'assistant' } })]],
])('a stream that is reset, %s, may have been cut off', async (_name, frames) => {
  await using server = await streamServer((response) =>
    response.write(events(...frames), () => setImmediate(() => response.socket?.resetAndDestroy())),
  )
  const outcome = clientOf(server.url, { stream: true }).complete(modelRequest())
  await expect(outcome).rejects.toMatchObject({ code: 'network', retryable: true })
})
