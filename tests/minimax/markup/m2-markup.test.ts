import { expect, test } from 'vitest'
import { defineTool } from '../../../router/define-tool.ts'
import { assistant, exchange, minimaxRouter } from '../../router/support/exchange.ts'

const block = (body: string) => `<minimax:tool_call>\n${body}\n</minimax:tool_call>`
const invoke = (name: string, parameters: Readonly<Record<string, string>>) =>
  `<invoke name="${name}">\n${Object.entries(parameters)
    .map(([key, value]) => `<parameter name="${key}">${value}</parameter>`)
    .join('\n')}\n</invoke>`
const writes = async (parameters: Readonly<Record<string, string>>) => {
  const { ran } = await exchange(block(invoke('write_file', parameters)))
  return ran[0]?.input
}

test.each([
  ['double quotes', '<invoke name="get_weather"><parameter name="city">Oslo</parameter></invoke>'],
  ['single quotes', "<invoke name='get_weather'><parameter name='city'>Oslo</parameter></invoke>"],
  ['no quotes', '<invoke name=get_weather><parameter name=city>Oslo</parameter></invoke>'],
  [
    'blanks around the equals sign',
    '<invoke name = "get_weather" ><parameter  name = "city" >Oslo</parameter ></invoke >',
  ],
  [
    'other attributes before and after',
    '<invoke id="1" name="get_weather" async><parameter data-name="x" type="string" name="city" required>Oslo</parameter></invoke>',
  ],
  [
    'an attribute on a line of its own',
    '<invoke\n  name="get_weather"\n><parameter\nname="city">Oslo</parameter></invoke>',
  ],
  ['Windows line ends', '<invoke name="get_weather">\r\n<parameter name="city">Oslo</parameter>\r\n</invoke>'],
])('the name of tool and parameter is read with %s', async (_, markup) => {
  for (const content of [block(markup), markup, `Now.\r\n${block(markup)}\r\n`]) {
    expect((await exchange(content)).ran).toEqual([{ tool: 'get_weather', input: { city: 'Oslo' } }])
  }
})

test('a value keeps line breaks, angle brackets, ampersands, quotes and anything else in it', async () => {
  for (const content of [
    'a\nb\r\nc',
    'if (a < b && c > d) {}',
    '&lt;&amp;',
    '"x" \'y\'',
    '</b>',
    '日本 🌍 ü',
    '\\n',
    '{',
  ]) {
    expect(await writes({ content })).toEqual({ content })
  }
})

test.each(['a</parameter>b', 'a</minimax:tool_call>b', '</invoke>', '<minimax:tool_call>', '</parameter> </b>'])(
  'a literal %j inside a value belongs to the value',
  async (content) => {
    expect(await writes({ content, path: 'a' })).toEqual({ content, path: 'a' })
  },
)

test.each([
  'see <invoke name="ping"></invoke>',
  'see <parameter name="x">',
  'a</parameter></invoke>b',
  'a</parameter>\n<parameter name="path">b',
  invoke('ping', {}),
])('a call with a value %j, whose end is ambiguous, is refused', async (content) => {
  const { ran, errors } = await exchange(block(invoke('write_file', { content, path: 'a' })))
  if (content.startsWith('a</parameter>\n')) expect(errors).toEqual(['unreadable_call'])
  else expect({ ran, errors }).toEqual({ ran: [], errors: ['unreadable_call'] })
})

test('values are typed by their schema', async () => {
  expect(
    await writes({
      path: '007',
      content: 'null',
      mode: '420',
      ratio: '0.5',
      force: 'TRUE',
      tags: '["a", "b"]',
      meta: '{"owner":"me","sizes":[1,2],"inner":{"deep":true}}',
      anything: '[1,{"a":null}]',
    }),
  ).toEqual({
    path: '007',
    content: null,
    mode: 420,
    ratio: 0.5,
    force: true,
    tags: ['a', 'b'],
    meta: { owner: 'me', sizes: [1, 2], inner: { deep: true } },
    anything: [1, { a: null }],
  })
})

test('a union is read as the branch that fits, and text that fits no other branch as text', async () => {
  expect(await writes({ mode: 'append', anything: 'plain' })).toEqual({ mode: 'append', anything: 'plain' })
  expect(await writes({ mode: 'NULL', content: '42' })).toEqual({ mode: null, content: '42' })
  expect(await writes({ tags: "['a', 'b']", meta: "{'owner': 'me'}" })).toBeUndefined()
})

test('a number that cannot be held exactly is refused instead of rounded', async () => {
  const { ran, errors } = await exchange(block(invoke('write_file', { mode: '12345678901234567890' })))
  expect({ ran, errors }).toEqual({ ran: [], errors: ['invalid_input'] })
})

test.each([
  ['with an end', '<invoke name="ping">\n</invoke>'],
  ['closed in itself', '<invoke name="ping"/>'],
  ['closed in itself, with a blank', '<invoke name="ping" />'],
])('an invoke without parameters, %s, is a call with an empty object', async (_, markup) => {
  expect((await exchange(block(markup))).ran).toEqual([{ tool: 'ping', input: {} }])
})

test('a parameter given twice, and text beside the parameters, make a call unreadable and not the others', async () => {
  const twice =
    '<invoke name="write_file"><parameter name="path">a</parameter><parameter name="path">b</parameter></invoke>'
  const text = '<invoke name="write_file">a.txt</invoke>'
  const { ran, errors } = await exchange(block(`${twice}\n${text}\n${invoke('ping', {})}`))
  expect(errors).toEqual(['unreadable_call', 'unreadable_call'])
  expect(ran).toEqual([{ tool: 'ping', input: {} }])
})

test('an undeclared name is an error in a wrapper or with parameters, where it can only be a call, and text elsewhere', async () => {
  expect((await exchange(block(invoke('rm', { path: '/' })))).errors).toEqual(['unknown_tool'])
  expect((await exchange(invoke('rm', { path: '/' }))).errors).toEqual(['unknown_tool'])
  expect((await exchange(invoke('rm', {}))).reading.calls).toEqual([])
  expect((await exchange(block('<invoke>\n</invoke>'))).errors).toEqual(['unknown_tool'])
})

test('a wrapper that holds JSON is read as JSON, and one that holds nothing is refused', async () => {
  expect((await exchange(block('{"name":"ping","arguments":{}}'))).ran).toHaveLength(1)
  expect((await exchange(block('ping()'))).errors).toEqual(['unreadable_call'])
  expect((await exchange('`<minimax:tool_call>` begins a call.')).reading.calls).toEqual([])
})

test('native calls are executed once where their markup leaked into the text as well', async () => {
  const native = { id: 'a', type: 'function', function: { name: 'ping', arguments: '{}' } }
  const { ran, reading } = await exchange(
    assistant({ content: `Now. ${block(invoke('ping', {}))}`, tool_calls: [native] }),
  )
  expect(ran).toEqual([{ tool: 'ping', input: {} }])
  expect(reading.text).toBe('Now.')
})

test('markup inside a JSON answer is data and stays unchanged', async () => {
  const answer = JSON.stringify({ note: `<invoke name='ping'></invoke>`, other: '</parameter>' })
  const { reading } = await exchange(answer)
  expect(reading).toMatchObject({ calls: [], text: answer })
})

test('a reference is read for a parameter of any type', async () => {
  const { results } = await exchange(block(invoke('write_file', { path: '{"$input":"nothing"}' })))
  expect(results[0]).toMatchObject({ error: { kind: 'unresolved_reference' } })
})

test('types are found through references in the schema, percent-encoded and to itself', async () => {
  const inputs: unknown[] = []
  const tool = defineTool({
    name: 'grow',
    description: 'Has a recursive input.',
    annotations: { readOnlyHint: true },
    inputSchema: {
      type: 'object',
      properties: {
        code: { $ref: '#/$defs/c%6Fde' },
        size: { anyOf: [{ $ref: '#/$defs/size' }] },
        next: { $ref: '#' },
      },
      $defs: { code: { type: 'string' }, size: { type: 'integer' } },
    } as { type: 'object' },
    execute: (input) => inputs.push(input),
  })
  const own = minimaxRouter([tool])
  const token = ']<]minimax[>['
  for (const content of [
    block(invoke('grow', { code: '7', size: '7', next: '{"code":"8"}' })),
    `${token}<invoke name="grow">${token}<code>7${token}</code>${token}<size>7${token}</size>${token}<next>${token}<code>8${token}</code>${token}</next>${token}</invoke>`,
  ]) {
    await own.dispatch(own.read(assistant({ content })).calls)
    expect(inputs.pop()).toEqual({ code: '7', size: 7, next: { code: '8' } })
  }
})
