import { expect, test } from 'vitest'
import type { SerializedMessage } from '../../lib/loop/model.ts'
import { requestBody } from '../../lib/minimax/request-body.ts'
import { noSettings } from '../../lib/minimax/request-options.ts'
import { modelRequest } from './support/request.ts'

const fields = { model: 'MiniMax-M2.1' }

test('a request without tools and limits has the model, the messages and reasoning_split', () => {
  expect(JSON.parse(String(requestBody(modelRequest(), fields)))).toEqual({
    model: 'MiniMax-M2.1',
    reasoning_split: true,
    messages: [{ role: 'user', content: 'How warm is it in Oslo?' }],
  })
})

test('tools and messages are joined unchanged, in order, and the limit is max_completion_tokens', () => {
  const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }]
  const messages = [
    { role: 'system', content: 'You look.' },
    { role: 'user', content: '"quoted", {"braces"} and \u2028' },
  ] as const
  const body = requestBody(
    modelRequest({
      tools: JSON.stringify(tools),
      messages: messages.map((message) => ({ role: message.role, json: JSON.stringify(message) })),
    }),
    { ...fields, settings: { ...noSettings, maxOutputTokens: 4096 } },
  )
  expect(JSON.parse(String(body))).toEqual({
    model: 'MiniMax-M2.1',
    reasoning_split: true,
    max_completion_tokens: 4096,
    tools,
    messages,
  })
})

test('growing messages are encoded once, and each body is complete', () => {
  const messages: SerializedMessage[] = []
  const sent: unknown[] = []
  for (const text of ['a', 'ü'.repeat(30_000), '\ud83d\ude00"\\']) {
    messages.push({ role: 'user', json: JSON.stringify({ role: 'user', content: text }) })
    const body = JSON.parse(String(requestBody(modelRequest({ messages }), fields)))
    expect(body.model).toBe(fields.model)
    sent.push(body.messages)
  }
  const all = messages.map(({ json }) => JSON.parse(json))
  expect(sent).toEqual([all.slice(0, 1), all.slice(0, 2), all])
})

test('a changed list of messages is encoded again', () => {
  const messages: SerializedMessage[] = [{ role: 'user', json: '{"role":"user","content":"a"}' }]
  requestBody(modelRequest({ messages }), fields)
  messages[0] = { role: 'user', json: '{"role":"user","content":"b"}' }
  expect(JSON.parse(String(requestBody(modelRequest({ messages }), fields))).messages).toEqual([
    { role: 'user', content: 'b' },
  ])
})
