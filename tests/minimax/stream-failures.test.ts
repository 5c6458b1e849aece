import { once } from 'node:events'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ModelError } from '../../lib/loop/errors.ts'
import { wireUsage as usage } from '../support/factories.ts'
import { chunk, done, events, readStream, stop, streamServer } from './support/event-stream.ts'
import { clientOf, modelRequest, token } from './support/request.ts'

const counted = { inputTokens: 10, outputTokens: 2, cachedInputTokens: 0, reasoningTokens: 0 }

test.each([
  ['an error object', { error: { message: 'High traffic detected. (2064) (529)' } }, 'overloaded', true, '2064'],
  ['an error in base_resp', { base_resp: { status_code: 1008, status_msg: 'no balance' } }, 'quota', false, '1008'],
  [
    'a filter that steps in',
    { choices: null, base_resp: { status_code: 1027, status_msg: 'output new_sensitive' } },
    'content_filter',
    false,
    '1027',
  ],
  [
    'an error event without envelope',
    'event: error\ndata: {"message":"rate limit (1002)"}\n\n',
    'rate_limit',
    true,
    '1002',
  ],
])('%s midway is the outcome', async (_name, frame, code, retryable, providerCode) => {
  const outcome = readStream([chunk({ content: 'War' }), frame, done])
  await expect(outcome).rejects.toMatchObject({ name: 'ModelError', code, retryable, providerCode })
})

test.each([
  ['ends before the reply does', [chunk({ content: 'War' })], 'network'],
  ['breaks off in an event', [chunk({ content: 'War' }), 'data: {"choices":[{"del'], 'protocol'],
  ['holds an event that is not JSON', [chunk({ content: 'War' }), 'data: {"choices"\n\n', chunk({}, stop)], 'protocol'],
  ['is empty', [], 'protocol'],
  ['holds only [DONE]', [done], 'network'],
  ['is a page', ['<html>Welcome</html>'], 'protocol'],
])('a stream that %s is a retryable failure', async (_name, frames, code) => {
  await expect(readStream(frames)).rejects.toMatchObject({ code, retryable: true })
})

test('the outcome of any stream is a reply or a ModelError', async () => {
  const field = fc.oneof(
    { weight: 2, arbitrary: fc.jsonValue() },
    fc.constantFrom('', null, 0, 'look', '{"n":', [{}], [[]]),
  )
  const target = fc.record({ name: field, arguments: field }, { requiredKeys: [] })
  const called = fc.record(
    { index: field, id: field, type: field, function: fc.oneof(target, field) },
    { requiredKeys: [] },
  )
  const delta = fc.record(
    {
      role: field,
      content: field,
      reasoning_details: field,
      tool_calls: fc.oneof(fc.array(called), field),
      other: field,
    },
    { requiredKeys: [] },
  )
  const choice = fc.record(
    { delta: fc.oneof(delta, field), message: field, finish_reason: field },
    { requiredKeys: [] },
  )
  const frame = fc.oneof(
    fc.record(
      { choices: fc.oneof(fc.array(choice), field), usage: field, id: field, model: field },
      { requiredKeys: [] },
    ),
    fc.record({ error: field, base_resp: field }, { requiredKeys: [] }),
    fc.constantFrom(done, 'data: {"choices"', '\n\n', 'event: error\ndata: 7\n\n', ': \n', 'data:\n\n'),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )
  let text = ''
  await using server = await streamServer((response) => response.end(text))
  const model = clientOf(server.url, { stream: true })
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 8 }), async (frames) => {
      text = events(...frames)
      const outcome: unknown = await model.complete(modelRequest({ onText: () => {} })).catch((error: unknown) => error)
      if (!(outcome instanceof ModelError)) expect(outcome).toMatchObject({ message: { role: 'assistant' } })
    }),
    { numRuns: 400 },
  )
  await model.close()
})

test('a token that an event quotes is masked in the message', async () => {
  const outcome = readStream([{ error: { message: `Incorrect API key provided: ${token}` } }])
  await expect(outcome).rejects.toMatchObject({ message: expect.not.stringContaining(token) })
})

test('a silent stream ends by timeout', async () => {
  await using server = await streamServer((response) => response.write(events(chunk({ content: 'War' }))))
  const outcome = clientOf(server.url, { stream: true }).complete(modelRequest({ timeoutMs: 60 }))
  await expect(outcome).rejects.toMatchObject({ code: 'timeout', retryable: true })
})

test.each([
  ['hangs', () => {}],
  ['is reset', (response: { socket: { resetAndDestroy(): void } | null }) => response.socket?.resetAndDestroy()],
])('a connection that %s after the reply is complete does no harm', async (_name, after) => {
  await using server = await streamServer((response) => {
    response.write(events(chunk({ content: 'Warm.' }, stop, { usage }), done), () =>
      setImmediate(() => after(response)),
    )
  })
  const reply = await clientOf(server.url, { stream: true }).complete(modelRequest())
  expect(reply).toMatchObject({ message: { content: 'Warm.' }, usage: counted })
})

test('a reply that was complete before the timeout is not lost if the connection hangs', async () => {
  await using server = await streamServer((response) => response.write(events(chunk({ content: 'Warm.' }, stop))))
  const reply = await clientOf(server.url, { stream: true }).complete(modelRequest({ timeoutMs: 200 }))
  expect(reply.message.content).toBe('Warm.')
})

test('unreadable data after the reply does no harm; an error fails the call', async () => {
  const frames = [chunk({ content: 'Warm.' }, stop), 'data: {"usage":\n\n']
  expect((await readStream(frames)).message.content).toBe('Warm.')
  const filtered = { error: { message: 'output new_sensitive (1027)' } }
  await expect(readStream([...frames, filtered])).rejects.toMatchObject({ code: 'content_filter' })
})

test('an abort in the middle of a stream closes the socket', async () => {
  const controller = new AbortController()
  let closed: Promise<unknown> | undefined
  await using server = await streamServer((response) => {
    closed = once(response, 'close')
    response.write(events(chunk({ content: 'War' })))
  })
  const request = modelRequest({ signal: controller.signal, onText: () => controller.abort() })
  const outcome = clientOf(server.url, { stream: true }).complete(request)
  await expect(outcome).rejects.toMatchObject({ code: 'aborted', retryable: false })
  await closed
})

test('a stream that is larger than the cap is refused', async () => {
  const frames = Array.from({ length: 200 }, () => chunk({ content: 'x'.repeat(100) }))
  await expect(readStream(frames, { maxResponseBytes: 10_000 })).rejects.toMatchObject({
    code: 'protocol',
    retryable: false,
    message: expect.stringContaining('maxResponseBytes'),
  })
})
