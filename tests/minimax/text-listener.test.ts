import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, expect, test, vi } from 'vitest'
import { chunk, events, stop, streamServer } from './support/event-stream.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('a listener runs in the context of its own call, also over a connection that another call opened', async () => {
  const context = new AsyncLocalStorage<string>()
  await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  const seen: (string | undefined)[] = []
  const model = clientOf(server.url, { stream: true })
  const onText = () => seen.push(context.getStore())
  for (const call of ['first', 'second']) await context.run(call, () => model.complete(modelRequest({ onText })))
  expect(seen).toEqual(['first', 'second'])
  await model.close()
})

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
  const model = clientOf(server.url, { stream: true })
  await expect(model.complete(modelRequest({ signal: controller.signal, onText }))).rejects.toMatchObject({
    code: 'aborted',
  })
  expect(heard).toEqual(expected)
  expect(vi.getTimerCount()).toBe(0)
  await model.close()
})
