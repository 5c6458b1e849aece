import { expect, test } from 'vitest'
import type { SerializedMessage } from '../../lib/loop/model.ts'
import { encodeBody } from '../../lib/minimax/request-body.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { manualClock } from './support/manual-clock.ts'
import { clientOf, modelRequest } from './support/request.ts'

function messageOf(content: string): SerializedMessage {
  return { role: 'user', json: JSON.stringify({ role: 'user', content }) }
}

/** The JSON document in a body. */
function read(body: { readonly bytes: Buffer }): unknown {
  return JSON.parse(body.bytes.toString())
}

const tail = (model: string) => `],"model":"${model}"}`

test('two models with the same messages at once each send their own request', async () => {
  await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  const request = modelRequest()
  const names = ['first', 'other', 'a-longer-name-than-the-others']
  const models = names.map((model) => clientOf(server.url, { model, stream: model === 'first' }))
  await Promise.all(models.map((model) => model.complete(request)))
  const sent = server.bodies.map((body) => JSON.parse(body))
  expect(sent.map(({ model }) => model).toSorted()).toEqual(names.toSorted())
  for (const { messages } of sent) expect(messages).toEqual([{ role: 'user', content: 'How warm is it in Oslo?' }])
})

test('a retry sends the same body, even if the messages have changed meanwhile', async () => {
  const messages = [messageOf('a')]
  await using server = await startLocalServer((_request, response, number) => {
    if (number > 0) return replyJson(response, 200, completion)
    messages.push(messageOf('b'))
    return other.complete(modelRequest({ messages })).then(() => replyJson(response, 529, {}))
  })
  const other = clientOf(server.url, { model: 'other' })
  const model = clientOf(server.url, { model: 'model', retries: 1 }, { clock: manualClock() })
  await model.complete(modelRequest({ messages }))
  const [first, others, again] = server.bodies
  expect(again).toBe(first)
  expect(JSON.parse(String(others))).toMatchObject({ model: 'other', messages: [{ content: 'a' }, { content: 'b' }] })
})

test('a body does not change until it is released', () => {
  const messages = [messageOf('a')]
  const first = encodeBody(messages, tail('first'))
  const other = encodeBody(messages, tail('a much longer name'))
  messages.push(messageOf('b'))
  const further = encodeBody(messages, tail('further'))
  messages[0] = messageOf('changed')
  const changed = encodeBody(messages, tail('changed'))
  const [a, b, c] = ['a', 'b', 'changed'].map((content) => ({ role: 'user', content }))
  expect([first, other, further, changed].map(read)).toEqual([
    { messages: [a], model: 'first' },
    { messages: [a], model: 'a much longer name' },
    { messages: [a, b], model: 'further' },
    { messages: [c, b], model: 'changed' },
  ])
})

test('the memory of a released body is reused, also after two bodies at once', () => {
  const messages = [messageOf('a')]
  const first = encodeBody(messages, tail('first'))
  const second = encodeBody(messages, tail('second'))
  first.release()
  second.release()
  const third = encodeBody(messages, tail('third'))
  expect([second.bytes.buffer === first.bytes.buffer, third.bytes.buffer === second.bytes.buffer]).toEqual([
    false,
    true,
  ])
  // A late second release has no effect.
  first.release()
  const fourth = encodeBody(messages, tail('fourth'))
  expect(read(third)).toMatchObject({ model: 'third' })
  expect(read(fourth)).toMatchObject({ model: 'fourth' })
})

test('each message is encoded once, however many bodies contain it', () => {
  let encodings = 0
  const counted: SerializedMessage = {
    role: 'user',
    get json() {
      encodings++
      return '{"role":"user","content":"a"}'
    },
  }
  const messages = [counted]
  for (let round = 0; round < 5; round++) {
    encodeBody(messages, tail('one')).release()
    messages.push(messageOf('b'))
  }
  expect(encodings).toBe(1)
})

test('a message that cannot be encoded does not damage the encoded messages', () => {
  let isBroken = true
  const broken: SerializedMessage = {
    role: 'user',
    get json() {
      if (isBroken) throw new RangeError('Invalid string length')
      return '{"role":"user","content":"b"}'
    },
  }
  const messages = [messageOf('a'), broken]
  expect(() => encodeBody(messages, tail('one'))).toThrow(RangeError)
  isBroken = false
  expect(read(encodeBody(messages, tail('one')))).toMatchObject({ messages: [{ content: 'a' }, { content: 'b' }] })
})
