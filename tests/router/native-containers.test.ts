import { expect, test } from 'vitest'
import { assistant, exchange } from './support/exchange.ts'

const ping = { id: 'a', type: 'function', function: { name: 'ping', arguments: '{}' } }
const ran = [{ tool: 'ping', input: {} }]

test.each([
  ['one object', ping],
  ['an object by index', { 0: ping }],
  ['JSON in a string', JSON.stringify([ping])],
  ['a list of strings', [JSON.stringify(ping)]],
  ['a list in a list', [[ping]]],
])('tool_calls as %s are read', async (_, tool_calls) => {
  expect((await exchange(assistant({ content: '', tool_calls }))).ran).toEqual(ran)
})

test('tool uses in the parts of the content are read as calls', async () => {
  const content = [
    { type: 'text', text: 'I ping.' },
    { type: 'tool_use', id: 'a', name: 'ping', input: {} },
  ]
  const exchanged = await exchange(assistant({ content }))
  expect(exchanged.ran).toEqual(ran)
  expect(exchanged.reading.message).toMatchObject({ content: 'I ping.', tool_calls: [{ id: 'a' }] })
})

test('a list of calls that is not JSON gets feedback', async () => {
  expect((await exchange(assistant({ content: 'x', tool_calls: '[{"id":' }))).errors).toEqual(['unreadable_call'])
})

test('an entry without any value is not a call and does not hide others', async () => {
  const empty = { id: '', type: '', function: { name: '', arguments: '' } }
  for (const fields of [
    { tool_calls: [empty] },
    { tool_calls: [{}] },
    { function_call: { name: '', arguments: '' } },
  ]) {
    expect((await exchange(assistant({ content: 'It is warm.', ...fields }))).reading).toMatchObject({
      text: 'It is warm.',
      calls: [],
    })
  }
  expect((await exchange(assistant({ content: '<invoke name="ping"></invoke>', tool_calls: [empty] }))).ran).toEqual(
    ran,
  )
})

test('an empty list of calls is not sent back, and text in parts is sent back as text', async () => {
  expect((await exchange(assistant({ content: 'Hi', tool_calls: [] }))).reading.message).toEqual(
    assistant({ content: 'Hi' }),
  )
  for (const content of [[{ type: 'output_text', text: 'Hi' }], [{ text: 'Hi' }, { type: 'text', text: '' }], ['Hi']]) {
    const { reading } = await exchange(assistant({ content }))
    expect(reading).toMatchObject({ text: 'Hi', message: { content: 'Hi' } })
  }
})

test('a name that no server accepts is sent back in the nearest valid form', async () => {
  const call = { ...ping, function: { name: 'a b"c🌍', arguments: '{}' } }
  const { reading, errors } = await exchange(assistant({ content: 'x', tool_calls: [call] }))
  expect(errors).toEqual(['unknown_tool'])
  expect(reading.message.tool_calls).toMatchObject([{ function: { name: 'a_b_c__' } }])
})

test('a call that a parser left at the end of the thinking is executed, and one before other text gets feedback', async () => {
  const call = '<minimax:tool_call><invoke name="ping"></invoke></minimax:tool_call>'
  const thinking = (text: string) => [
    { content: '', reasoning_content: text },
    { content: null, reasoning_details: [{ type: 'reasoning.text', text }] },
  ]
  for (const fields of thinking(`I ping.\n${call}`)) expect((await exchange(assistant(fields))).ran).toEqual(ran)
  for (const fields of thinking(`I could ${call}, or not.`)) {
    expect((await exchange(assistant(fields))).errors).toEqual(['unreadable_call'])
  }
  expect((await exchange(assistant({ content: 'Done.', reasoning_content: call }))).reading.calls).toEqual([])
})
