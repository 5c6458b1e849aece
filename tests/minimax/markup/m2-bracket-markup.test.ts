import { expect, test } from 'vitest'
import { exchange } from '../../router/support/exchange.ts'

const block = (body: string) => `[TOOL_CALL]\n${body}\n[/TOOL_CALL]`
const oslo = { tool: 'get_weather', input: { city: 'Oslo' } }

test.each([
  ['tool and args', '{"tool":"get_weather","args":{"city":"Oslo"}}'],
  ['name and arguments', '{"name":"get_weather","arguments":{"city":"Oslo"}}'],
  ['arguments as text', '{"name":"get_weather","arguments":"{\\"city\\":\\"Oslo\\"}"}'],
  ["Python's notation", "{'tool': 'get_weather', 'args': {'city': 'Oslo',}}"],
])('a body with %s is a call', async (_, body) => {
  expect((await exchange(block(body))).ran).toEqual([oslo])
})

test('several bodies and several blocks are several calls', async () => {
  const body = '{"tool":"get_weather","args":{"city":"Oslo"}}'
  expect((await exchange(block(`${body}\n${body}`))).ran).toEqual([oslo, oslo])
  expect((await exchange(`${block(body)}\n${block(body)}`)).ran).toEqual([oslo, oslo])
})

test('arrows carry texts, numbers, JSON and lines of a text', async () => {
  const { ran } = await exchange(
    block(
      '{tool => "write_file", args => {\n  --path "a.txt"\n  --content "x\ny \\"z\\""\n  --mode 7\n  --tags ["a", "b"]\n  --force true\n}}',
    ),
  )
  expect(ran[0]?.input).toEqual({ path: 'a.txt', content: 'x\ny "z"', mode: 7, tags: ['a', 'b'], force: true })
})

test.each([
  ['a body that is cut off', '[TOOL_CALL]\n{"tool":"get_weather","args":{"city":"Os'],
  ['arrows that are cut off', '[TOOL_CALL]\n{tool => "get_weather", args => {\n  --city "Os'],
  ['a body that is prose', block('get_weather(Oslo)')],
  ['a body without a name', block('{"args":{}}')],
  ['a member twice', block('{tool => "get_weather", args => {\n  --city "Oslo"\n  --city "Rome"\n}}')],
])('%s is refused', async (_, content) => {
  const { ran, errors } = await exchange(content)
  expect({ ran, errors }).toEqual({ ran: [], errors: ['unreadable_call'] })
})

test('a block inside the value of another call is data', async () => {
  const inner = block('{"tool":"ping","args":{}}')
  const outer = `<minimax:tool_call><invoke name="write_file"><parameter name="content">${inner}</parameter></invoke></minimax:tool_call>`
  expect((await exchange(outer)).ran).toEqual([{ tool: 'write_file', input: { content: inner } }])
})

test('arrows may quote in either way; a line of more than one member is refused', async () => {
  const arrows = (members: string) => block(`{tool => "get_weather", args => {\n${members}\n}}`)
  expect((await exchange(arrows("--city 'Oslo'"))).ran).toEqual([oslo])
  for (const members of ['--city Oslo --days 3', '--city Oslo,', '--city "Oslo" of Norway']) {
    expect((await exchange(arrows(members))).errors).toEqual(['unreadable_call'])
  }
})
