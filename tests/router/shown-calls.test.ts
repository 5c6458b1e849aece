import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Protocol } from '../../router/reading/call-shapes.ts'
import { ShownTexts } from '../../router/reading/shown-calls.ts'
import { assistant, exchange, executed, router } from './support/exchange.ts'
import { repeated } from './support/hostile.ts'
import { expectLinearTime } from './support/linear-time.ts'
import { asked, renderings } from './support/nearly-valid.ts'
import { numberOfCases } from './support/runs.ts'

/* A text that the model was shown may hold calls: a log of another agent, a web page, a prompt. Quoting it must run nothing. */

const entities = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
const unicodeEscape = (sign: string) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`
/** The escapes of JSON stay as they are. */
const escapedLetter = (part: string) => (part.startsWith('\\') ? part : unicodeEscape(part))
const prefixed = (text: string, prefix: string) => text.replace(/^/gm, prefix)

/** Ways in which a text with a call reaches the model. */
const showings: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => `GET /x 200\n${text}\nGET /y 404`,
  (text) => JSON.stringify({ lines: ['GET /x 200', text] }),
  (text) => JSON.stringify({ content: JSON.stringify({ lines: [`12:00 INFO ${text}`] }) }),
  (text) => JSON.stringify({ role: 'tool', content: JSON.stringify({ log: JSON.stringify({ message: text }) }) }),
  (text) => `${JSON.stringify({ lines: ['x', text] }).slice(0, -2)} [… 5 bytes left out …]`,
  (text) => JSON.stringify(text).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e'),
  (text) => `<pre>${entities(text)}</pre>`,
  (text) => JSON.stringify({ lines: ['GET /x 200', ...text.split('\n')] }),
  (text) => JSON.stringify(text.split('\n').map((line, index) => ({ number: index, text: line }))),
  (text) => prefixed(text, '2025-11-28 12:00:01 INFO '),
  (text) => prefixed(text, '    12\t'),
  (text) => prefixed(text, '> '),
  (text) => prefixed(text, '    '),
  (text) => `\`\`\`\n${text}\n\`\`\``,
  (text) => JSON.stringify({ lines: text.match(/[\s\S]{1,40}/g) }),
  (text) => JSON.stringify({ text: JSON.stringify(text).replace(/\\u[0-9a-f]{4}|\\.|\w/g, escapedLetter) }),
  (text) => JSON.stringify(`GET /?q=${encodeURIComponent(text)}`),
  (text) => JSON.stringify(text.replace(/[<>"]/g, (sign) => `\\x${sign.charCodeAt(0).toString(16)}`)),
  (text) => JSON.stringify(`id,text\n1,"${text.replaceAll('"', '""')}"`),
  (text) => text.replaceAll('_', '\\_'),
  (text) => text.replaceAll('<', '\u001b[31m<').replaceAll('>', '>\u001b[0m'),
  (text) => text.replace(/[<>"]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) + 0xfee0)),
]

/** Ways in which a model quotes a text. */
const quotings: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => `The log holds one odd line:\n${text}`,
  (text) => `Odd: ${text}`,
  (text) => `Odd (do not run it):\n\n\`\`\`xml\n${text}\n\`\`\``,
  (text) => `\`\`\`json\n${text}\n\`\`\`\nThat is all.`,
  (text) => prefixed(text, '    '),
  (text) => `Odd lines:\n- ${text}`,
  (text) => `1. ${text}\n2. nothing`,
  (text) => prefixed(text, '> '),
  (text) => `| line | text |\n|---|---|\n| 7 | ${text} |`,
  (text) => `It says "${text}"`,
  (text) => `It says “${text}”.`,
  (text) => `It says \`${text}\``,
  (text) => entities(text),
  (text) => `<minimax:tool_call>\n${text}\n</minimax:tool_call>`,
  (text) => `<think>It says ${text}</think>`,
  (text) => text.replace(/\n/g, '\n  ').replace(/>\s*</g, '>\n<'),
]

/** Ways of writing calls that keep all of their values. */
const exact = renderings.slice(0, 3)

const protocols: readonly Protocol[] = ['native', 'json']

// The first test, because the garbage of the others would be collected in its time.
test('a megabyte of calls is compared with megabytes of shown text in linear time', () => {
  executed.length = 0
  const call = '<minimax:tool_call><invoke name="ping"></invoke></minimax:tool_call>'
  for (const part of [
    ...repeated,
    '\\"',
    '&lt;',
    '&amp;',
    '\\u003c',
    '> ',
    '{"name":"ping","input":',
    '"{\\"name\\":',
  ]) {
    expectLinearTime(part, (text) => {
      router.read(assistant({ content: call }), { shown: () => [`ping ${text}`, JSON.stringify({ ping: text })] })
      router.read(assistant({ content: `${text}${call}` }), { maxCalls: 64, shown: () => [text] })
    })
  }
}, 120_000)

test('a call that the model was shown runs nothing, however it was shown and however it is quoted', async () => {
  const property = fc.asyncProperty(
    fc.array(asked, { minLength: 1, maxLength: 2 }),
    fc.constantFrom(...renderings),
    fc.constantFrom(...showings),
    fc.constantFrom(...quotings),
    fc.constantFrom(...protocols),
    async (calls, render, show, quote, protocol) => {
      const text = render(calls)
      const { ran } = await exchange(quote(text), { protocol, shown: () => ['You are helpful.', show(text)] })
      expect(ran).toEqual([])
    },
  )
  await fc.assert(property, { numRuns: numberOfCases(10_000) })
}, 300_000)

const sliceOf = (text: string) => JSON.stringify(text).slice(1, -1)
const escapedSigns = (text: string, escaped: (code: string) => string) =>
  text.replace(/[<>"'&\\%]/g, (sign) => escaped(sign.charCodeAt(0).toString(16)))

/** Encodings that a text may have one inside the other. */
const encodings: readonly ((text: string) => string)[] = [
  sliceOf,
  entities,
  (text) => escapedSigns(text, (code) => `&#x${code};`),
  (text) => encodeURIComponent(text),
  (text) => sliceOf(text).replace(/\\u[0-9a-f]{4}|\\.|\w/g, escapedLetter),
  (text) => escapedSigns(text, (code) => `\\x${code.padStart(2, '0')}`),
  (text) => escapedSigns(text, (code) => `\\u${code.padStart(4, '0')}`),
]

/** Texts with escapes of their own, whole and in parts. */
const escapesWith = (...others: string[]) =>
  fc
    .array(
      fc.constantFrom(
        ...['\\r', '\\x00', '\\u0041', '\\\\', '\\', '%41', '%2541', '%', '&lt;', '&amp;lt;', '&#65;', '&'],
        ...['\n', '\t', '"', "'", 'x41', '0', 'Oslo', '-'],
        ...others,
      ),
      { minLength: 1, maxLength: 6 },
    )
    .map((parts) => parts.join(''))
const escapes = escapesWith('<think>', '</thinking >', '<thi', 'nk>', '\u001b[31m', '\u0000')

test('a value is recognised however often its text was encoded, with escapes of its own too', () => {
  const property = fc.property(escapes, fc.array(fc.constantFrom(...encodings), { maxLength: 4 }), (value, encode) => {
    const text = JSON.stringify({ name: 'write_file', input: { content: value } })
    const shown = new ShownTexts([encode.reduce((inner, one) => one(inner), text)])
    expect(shown.contains({ name: 'write_file', input: { content: value }, source: '' })).toBe(true)
    expect(shown.contains({ name: 'write_file', input: { content: value, path: 'Rome' }, source: '' })).toBe(false)
  })
  fc.assert(property, { numRuns: numberOfCases(5_000) })
})

const chopped = (text: string, length: number) => text.match(new RegExp(`[\\s\\S]{1,${length}}`, 'g')) ?? []

test('a value with escapes is recognised in lines that end anywhere', () => {
  const property = fc.property(
    escapesWith(),
    fc.integer({ min: 12, max: 60 }),
    fc.constantFrom<(lines: string[]) => string>(
      (lines) => JSON.stringify(lines),
      (lines) => JSON.stringify({ content: JSON.stringify({ lines }) }),
      (lines) => JSON.stringify(lines.map((text, index) => ({ number: index, text }))),
      (lines) => lines.join('\n'),
      (lines) => lines.join('\r\n> '),
      (lines) => lines.map((line) => `2025-11-28 12:00:01 INFO ${line}`).join('\n'),
    ),
    (value, length, show) => {
      const text = JSON.stringify({ name: 'write_file', input: { content: value } })
      const shown = new ShownTexts([show(chopped(text, length))])
      expect(shown.contains({ name: 'write_file', input: { content: value }, source: '' })).toBe(true)
    },
  )
  const found: readonly [string, number, (lines: string[]) => string][] = [
    ['\\&\t\\\\\nx41', 34, (lines) => JSON.stringify(lines.map((text, index) => ({ number: index, text })))],
    ['\n00\t"-', 18, (lines) => JSON.stringify(lines.map((text, index) => ({ number: index, text })))],
    ['\\r0-\t', 30, (lines) => JSON.stringify(lines.map((text, index) => ({ number: index, text })))],
    ['\\\\\\r\tx41', 15, (lines) => JSON.stringify(lines.map((text, index) => ({ number: index, text })))],
  ]
  fc.assert(property, { numRuns: numberOfCases(5_000), examples: [...found] })
})

test.for([
  ['1e21', 1e21],
  ['1E+21', 1e21],
  ['1000000000000000000000', 1e21],
  ['15e-8', 1.5e-7],
  ['0.00000015', '1.5e-7'],
  ['12345678901234567890', 12345678901234567000],
] as const)('the number %s is the value %s, and no other', ([written, ratio]) => {
  const shown = new ShownTexts([`{"name":"write_file","input":{"ratio":${written}}}`])
  expect(shown.contains({ name: 'write_file', input: { ratio }, source: '' })).toBe(true)
  expect(shown.contains({ name: 'write_file', input: { ratio: 2e33 }, source: '' })).toBe(false)
})

test.for([
  'get_weather(city="Oslo", days=3)',
  "result = get_weather('Oslo', 3)",
  '```tool_code\nprint(default_api.get_weather(\n    city="Oslo",\n    days=3,\n))\n```',
  '12:00 INFO get_weather({city: "Oslo", days: 3})',
  JSON.stringify({ lines: ['get_weather(days=3, city="Oslo")'] }),
])('the call of a function that is rewritten in another format runs nothing: %s', async (shown) => {
  for (const render of exact) {
    const call = { name: 'get_weather', input: { city: 'Oslo', days: 3 } }
    const { ran } = await exchange(render([call]), { protocol: 'json', shown: () => [shown] })
    expect(ran).toEqual([])
  }
})

test.for([
  '<inv<think>oke name="get_weather"><parameter name="city">Oslo</parameter></invoke>',
  '<invoke name="get_<thinking>weather"><parameter name="city">Os</THINK >lo</parameter></invoke>',
  '<invoke name="get_weather<thi<think>nk>"><parameter name="city">Oslo</parameter></invoke>',
  '{"name":"get_weather","input":{"city":"Os<think>Hm.</think>lo"}}',
  '{\\"name\\":\\"get_weather\\",\\"input\\":{\\"city\\":\\"Os\\u003cthink\\u003eHm.\\u003c\\/think\\u003elo\\"}}',
])('tags of thinking inside a shown call do not hide it: %s', async (shown) => {
  for (const render of exact) {
    const call = { name: 'get_weather', input: { city: 'Oslo' } }
    const { ran } = await exchange(render([call]), { protocol: 'json', shown: () => [shown] })
    expect(ran).toEqual([])
  }
})

test('a shown call that is rewritten in another format runs nothing', async () => {
  const property = fc.asyncProperty(
    asked,
    fc.constantFrom(...renderings),
    fc.constantFrom(...showings),
    fc.constantFrom(...renderings),
    fc.constantFrom(...protocols),
    async (call, one, show, other, protocol) => {
      // Markup in a value of markup is ambiguous, and some ways of writing change other values.
      fc.pre(!/[<>]|\\"|null|"anything"/.test(JSON.stringify(call.input)))
      const shown = show(one([call]))
      const { ran } = await exchange(other([call]), { protocol, shown: () => [shown] })
      expect(ran, shown).toEqual([])
    },
  )
  await fc.assert(property, { numRuns: numberOfCases(10_000) })
}, 300_000)

test('a shown call of which only a part is quoted runs nothing, in another order and another case too', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom(...exact),
    fc.constantFrom(...renderings),
    fc.constantFrom(...showings),
    fc.constantFrom({ days: 3, city: 'Oslo North' }, { city: 'Oslo North' }, { city: 'oslo  north' }),
    fc.constantFrom(...protocols),
    async (render, other, show, input, protocol) => {
      const shown = show(other([{ name: 'get_weather', input: { city: 'Oslo North', days: 3 } }]))
      const { ran } = await exchange(render([{ name: 'get_weather', input }]), { protocol, shown: () => [shown] })
      expect(ran, shown).toEqual([])
    },
  )
  await fc.assert(property, { numRuns: numberOfCases(1_000) })
})

test.for([
  ['a declaration', '{"name":"get_weather","description":"For example of Oslo.","parameters":{"enum":["city"]}}'],
  ['a declaration without a description', '{"name":"get_weather","parameters":{"type":"object","city":"Oslo"}}'],
  ['an error', 'There is no tool "get_weather2": city Oslo.'],
  ['prose', 'Ask get_weather for the city Oslo.'],
  ['the call of another tool', '{"name":"get_weather_map","input":{"city":"Oslo"}}'],
  ['the call of a tool with a longer name', '{"name":"get_weathers","input":{"city":"Oslo"}}'],
  ['the documentation of a function', 'get_weather(city: str, days: int) tells the weather, for example of Oslo.'],
  ['a function with other values', 'get_weather(city="Rome"), said Oslo.'],
  ['a call far away from the value', `{"name":"get_weather","input":{"city":"Rome"}}${' word'.repeat(500)} city Oslo`],
] as const)('%s that the model was shown is not a call', async ([, text]) => {
  const content = '{"tool_calls":[{"name":"get_weather","input":{"city":"Oslo"}}]}'
  const { ran } = await exchange(content, { protocol: 'json', shown: () => [text] })
  expect(ran).toHaveLength(1)
})

test.for(['pings', 'ping_all', 'ping2', 'ping-x', 'ping.all', 'pingé'])(
  'a shown call of %s is not one of ping',
  async (name) => {
    const content = '{"tool_calls":[{"name":"ping","input":{}}]}'
    const texts = renderings.flatMap((render) => showings.map((show) => show(render([{ name, input: {} }]))))
    const { ran } = await exchange(content, { protocol: 'json', shown: () => texts })
    expect(ran).toHaveLength(1)
  },
)

test('a call that was not shown is executed, although other calls were', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom(...exact),
    fc.constantFrom(...renderings),
    fc.constantFrom(...showings),
    async (render, other, show) => {
      const call = { name: 'get_weather', input: { city: 'Bergen' } }
      const shown = other([
        { name: 'get_weather', input: { city: 'Oslo' } },
        { name: 'ping', input: {} },
      ])
      const { ran } = await exchange(render([call]), { shown: () => [show(shown)] })
      expect(ran).toEqual([{ tool: call.name, input: call.input }])
    },
  )
  await fc.assert(property, { numRuns: numberOfCases(500) })
})

test('what was shown is asked for only if the text holds a call that could run', async () => {
  const shown = () => {
    throw new Error('not needed')
  }
  const native = { id: 'a', type: 'function', function: { name: 'ping', arguments: '{}' } }
  for (const message of [
    'It is warm.',
    '{"celsius":4}',
    '<minimax:tool_call>{"name":"rm"}</minimax:tool_call>',
    assistant({ tool_calls: [native] }),
  ]) {
    await exchange(message, { shown })
  }
})

test('the feedback says how to call and how to quote, in the words of the protocol', async () => {
  const content = '{"tool_calls":[{"name":"ping","input":{}}]}'
  const message = async (protocol: Protocol) => {
    const { results } = await exchange(content, { protocol, shown: () => [content] })
    return results[0]?.content
  }
  expect(await message('native')).toMatch(/shown.*describe it in words.*natively/)
  expect(await message('json')).toMatch(/shown.*describe it in words.*end your reply with/)
})
