import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, expect, test, vi } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { getWeather } from '../support/weather.ts'
import { chunk, events, stop, streamServer } from './support/event-stream.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

afterEach(() => {
  vi.useRealTimers()
})

test.each([true, false])(
  'a listener runs in the context of its own call, also over a connection that another call opened (stream %s)',
  async (stream) => {
    const context = new AsyncLocalStorage<string>()
    await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
    const seen: (string | undefined)[] = []
    const model = clientOf(server.url, { stream, onText: () => seen.push(context.getStore()) })
    for (const call of ['first', 'second']) await context.run(call, () => model.complete(modelRequest()))
    expect(seen).toEqual(['first', 'second'])
    await model.close()
  },
)

test.each([
  ['in the middle', ['A']],
  ['when the reply looked complete', ['A', 'B', 'C']],
])('a listener that aborts its call %s gets nothing more, and no timer is left', async (_name, expected) => {
  await using server = await streamServer((response) =>
    response.end(
      events(...['A', 'B', 'C', 'D'].map((content) => chunk({ content }, content === 'B' ? stop : undefined))),
    ),
  )
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const controller = new AbortController()
  const heard: string[] = []
  const onText = (text: string) => {
    heard.push(text)
    if (heard.length === expected.length) controller.abort()
  }
  const model = clientOf(server.url, { stream: true, onText })
  await expect(model.complete(modelRequest({ signal: controller.signal }))).rejects.toMatchObject({ code: 'aborted' })
  expect(heard).toEqual(expected)
  expect(vi.getTimerCount()).toBe(0)
  await model.close()
})

test('in a run, the streamed text is the text of the reply, also while tools are off', async () => {
  const content = 'It is warm.\n{"name":"get_weather","input":{"city":"Oslo"}}'
  await using server = await streamServer((response) =>
    response.end(events(...[...content].map((piece) => chunk({ content: piece })), chunk({}, stop))),
  )
  let streamed = ''
  const onText = (text: string) => {
    streamed += text
  }
  const texts: string[] = []
  await runLoop({
    model: clientOf(server.url, { stream: true, onText }),
    tools: [getWeather],
    prompt: 'How warm is it?',
    limits: { rounds: 1 },
    onEvent: (event) => {
      if (event.type === 'reply') texts.push(event.text)
    },
  })
  expect(texts).toEqual(['It is warm.'])
  expect(streamed).toBe('It is warm.')
})
