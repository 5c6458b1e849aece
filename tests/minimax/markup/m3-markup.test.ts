import { expect, test } from 'vitest'
import { exchange } from '../../router/support/exchange.ts'

/** A token of the raw model announces every tag of M3's markup. */
const tokens = (markup: string, bracket = '<') => markup.replaceAll('<', `]<]minimax[>[${bracket}`)
const wrap = (body: string) => tokens(`<tool_call>\n${body}\n</tool_call>`)
const writes = async (body: string) =>
  (await exchange(wrap(`<invoke name="write_file">${body}</invoke>`))).ran[0]?.input

test('elements are parameters, nested elements objects, and items arrays, typed by the schema', async () => {
  expect(
    await writes(
      '<path>a.rs</path><mode>130</mode><force>true</force><tags><item>1</item><item>b</item></tags>' +
        '<meta><owner>me</owner><sizes><item>1</item><item>2</item></sizes><inner><deep>true</deep></inner></meta>',
    ),
  ).toEqual({
    path: 'a.rs',
    mode: 130,
    force: true,
    tags: ['1', 'b'],
    meta: { owner: 'me', sizes: [1, 2], inner: { deep: true } },
  })
})

test('a value may be JSON text, parameters may be named by attribute, and one block may hold several calls', async () => {
  expect(await writes('<meta>{"owner":"me"}</meta><tags>["a"]</tags>')).toEqual({ meta: { owner: 'me' }, tags: ['a'] })
  expect(await writes('<parameter name="path">a</parameter>')).toEqual({ path: 'a' })
  expect((await exchange(wrap('<invoke name="ping"></invoke>\n<invoke name=ping></invoke>'))).ran).toHaveLength(2)
})

test('text between the tags is raw: brackets and line breaks stay', async () => {
  const token = ']<]minimax[>['
  const raw = `${token}<tool_call>${token}<invoke name="write_file">${token}<content>if (a < b) {\n}</b>${token}</content>${token}</invoke>${token}</tool_call>`
  expect((await exchange(raw)).ran[0]?.input).toEqual({ content: 'if (a < b) {\n}</b>' })
})

test('a dropped opening bracket is put back', async () => {
  const content = tokens('<tool_call><invoke name="get_weather"><city>Oslo</city></invoke></tool_call>', '')
  expect((await exchange(content)).ran).toEqual([{ tool: 'get_weather', input: { city: 'Oslo' } }])
})

test('an empty container may lack its own end', async () => {
  expect(await writes('<tags></tags><meta></meta>')).toEqual({ tags: [], meta: {} })
  expect(await writes('<meta><sizes></meta><path>a</path>')).toEqual({ meta: { sizes: [] }, path: 'a' })
})

test('a call that is cut off does not affect the complete calls before it', async () => {
  const complete = tokens('<tool_call><invoke name="ping"></invoke>')
  for (const tail of [
    '<invoke name="get_weather"><city>Os',
    '<invoke name="get_weather"><city>Oslo</city>',
    '<invoke name="get_weather">',
  ]) {
    const { ran, errors } = await exchange(complete + tokens(tail))
    expect(ran).toEqual([{ tool: 'ping', input: {} }])
    expect(errors).toEqual(['unreadable_call'])
  }
})

test('the end of the wrapper ends an invoke without open elements', async () => {
  expect(
    (await exchange(tokens('<tool_call><invoke name="get_weather"><city>Oslo</city></tool_call>'))).ran,
  ).toHaveLength(1)
  expect((await exchange(tokens('<tool_call><invoke name="get_weather"><city>Oslo</tool_call>'))).errors).toEqual([
    'unreadable_call',
  ])
})

test.each([
  ['text and elements in one', '<meta>x<owner>me</owner></meta>'],
  ['text beside the parameters', '<path>a</path>b'],
  ['an element twice', '<path>a</path><path>b</path>'],
  ['ends that cross', '<meta><owner>me</meta></owner>'],
  ['an end without a start', '</path>'],
])('%s is ambiguous and refused', async (_, body) => {
  const { ran, errors } = await exchange(wrap(`<invoke name="write_file">${body}</invoke>`))
  expect({ ran, errors }).toEqual({ ran: [], errors: ['unreadable_call'] })
})

test('an undeclared name is an error in a wrapper and text outside a wrapper', async () => {
  expect((await exchange(wrap('<invoke name="rm"></invoke>'))).errors).toEqual(['unknown_tool'])
  expect((await exchange(tokens('<invoke name="rm"></invoke>'))).reading.calls).toEqual([])
})

test('the markup of one model in a value of the other is a part of the value', async () => {
  const m2 = '<invoke name="ping"></invoke>'
  const token = ']<]minimax[>['
  const inM3 = `${token}<tool_call>${token}<invoke name="write_file">${token}<content>${m2}${token}</content>${token}</invoke>`
  expect((await exchange(inM3)).ran).toEqual([{ tool: 'write_file', input: { content: m2 } }])
  const m3 = tokens('<x>')
  const inM2 = `<minimax:tool_call><invoke name="write_file"><parameter name="content">${m3}</parameter></invoke></minimax:tool_call>`
  expect((await exchange(inM2)).ran).toEqual([{ tool: 'write_file', input: { content: m3 } }])
})
