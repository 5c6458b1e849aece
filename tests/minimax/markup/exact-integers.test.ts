import { expect, test } from 'vitest'
import { exchange } from '../../router/support/exchange.ts'

const big = '9007199254740993'

test.each([
  ['JSON in the text', `{"name":"get_weather","input":{"city":"Oslo","id":${big}}}`],
  ['JSON in Python notation', `{'name':'get_weather','input':{'city':'Oslo','id':${big}}}`],
  ['an envelope', `{"tool_calls":[{"name":"get_weather","input":{"city":"Oslo","id":${big}}}]}`],
  ['JSON in a wrapper', `<tool_call>\n{"name":"get_weather","arguments":{"city":"Oslo","id":${big}}}\n</tool_call>`],
  ['brackets', `[TOOL_CALL]\n{"tool":"get_weather","args":{"city":"Oslo","id":${big}}}\n[/TOOL_CALL]`],
])('a call in %s with an integer that JavaScript would round is refused', async (_name, text) => {
  const { reading } = await exchange(text)
  expect(reading.calls).toMatchObject([
    { refusal: { kind: 'unreadable_call', message: expect.stringContaining(`the integer ${big} in its arguments`) } },
  ])
})

test('an answer with such an integer is not taken for a call', async () => {
  const answer = `{"city":"Oslo","id":${big}}`
  expect((await exchange(answer)).reading).toMatchObject({ calls: [], text: answer })
})
