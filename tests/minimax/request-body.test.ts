import { expect, test } from 'vitest'
import { requestBody } from '../../lib/minimax/request-body.ts'
import { modelRequest } from './support/request.ts'

const fields = { model: 'MiniMax-M2.1', maxOutputTokens: undefined }

test('without tools and limits a request holds the model, the messages and where thinking goes', () => {
  expect(JSON.parse(requestBody(modelRequest(), fields))).toEqual({
    model: 'MiniMax-M2.1',
    reasoning_split: true,
    messages: [{ role: 'user', content: 'How warm is it in Oslo?' }],
  })
})

test('tools and messages are joined as they are, in order, and the limit goes by its documented name', () => {
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
    { ...fields, maxOutputTokens: 4096 },
  )
  expect(JSON.parse(body)).toEqual({
    model: 'MiniMax-M2.1',
    reasoning_split: true,
    max_completion_tokens: 4096,
    tools,
    messages,
  })
})
