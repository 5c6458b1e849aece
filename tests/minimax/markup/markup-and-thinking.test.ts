import { expect, test } from 'vitest'
import { exchange } from '../../router/support/exchange.ts'

const call = '<minimax:tool_call>\n<invoke name="ping">\n</invoke>\n</minimax:tool_call>'
const ping = [{ tool: 'ping', input: {} }]

test.each([
  ['after thinking', `<think>I ping.</think>\n${call}`, ''],
  ['in thinking that is never closed', `<think>I ping.\n${call}`, ''],
  ['in thinking that is closed too late', `<think>I ping.\n${call}\n</think>`, ''],
  ['after thinking that was opened before the content', `I ping.</think>${call}`, ''],
  ['after thinking of M3', `<mm:think>I ping.</mm:think>${call}`, ''],
  ['before thinking', `Now.\n${call}\n<think>Done?</think>`, 'Now.'],
  ['around thinking', call.replace('<invoke', '<think>Sure?</think><invoke'), ''],
])('a call %s is executed', async (_, content, text) => {
  const { ran, reading } = await exchange(content)
  expect(ran).toEqual(ping)
  expect(reading.text).toBe(text)
})

test.each([
  ['whole', call],
  ['as a bare opening tag', '<invoke name="ping">'],
  ['as an opened wrapper', '<minimax:tool_call>'],
  ['as an opened value', '<invoke name="get_weather"><parameter name="city">'],
])(
  'a call that was only considered, %s, is not executed, and the answer after the thinking is kept',
  async (_, markup) => {
    const { reading } = await exchange(`<think>I could write ${markup} here.</think>It is warm.`)
    expect(reading).toMatchObject({ calls: [], text: 'It is warm.' })
  },
)

test('a call that was only considered in thinking that was opened before the content is not executed', async () => {
  const { reading } = await exchange(`I could write\n${call}\nhere.</think>It is warm.`)
  expect(reading).toMatchObject({ calls: [], text: 'It is warm.' })
})

test('of a considered call and a made one, the made one is executed', async () => {
  for (const considered of [call, '<invoke name="get_weather"><parameter name="city">', '<invoke name="ping">']) {
    expect((await exchange(`<think>${considered}</think>\n${call}`)).ran).toEqual(ping)
  }
})

test('tags of thinking in a value stay in the value', async () => {
  const content = 'a <think>b</think> c'
  const { ran } = await exchange(
    `<think>x</think><minimax:tool_call><invoke name="write_file"><parameter name="content">${content}</parameter></invoke></minimax:tool_call>`,
  )
  expect(ran[0]?.input).toEqual({ content })
})

test('thinking is kept in the message that is sent back, and the call is not', async () => {
  const { reading } = await exchange(`<think>I ping.</think>\n${call}`)
  expect(reading.message.content).toBe('<think>I ping.</think>')
})

test('special tokens of the raw model are not part of the text', async () => {
  expect((await exchange(']~b]ai\nHello.[e~[')).reading.text).toBe('Hello.')
})

test.each([
  ['<thinking>hm</thinking>Hello', 'Hello'],
  ['<THINK>hm</THINK>Hello', 'Hello'],
  ['<think >hm</think >Hello', 'Hello'],
  ['The engine printed a <think> tag without an end. Restart it.', undefined],
  ['The proxy strips `</think>` tags. Restart it.', undefined],
  ['{"note":"log shows <think> tags","celsius":4}', undefined],
  ['Put this in pom.xml:\n<parameter name="a">1</parameter>', undefined],
  ['Close it with `</invoke>`.', undefined],
])('of %j the text is %j, or all of it', async (content, text) => {
  expect((await exchange(content)).reading.text).toBe(text ?? content)
})
