import fc from 'fast-check'
import { expect, test } from 'vitest'
import { minimaxTextFormat } from '../../lib/minimax/markup/text-format.ts'
import { ReplyTextStream } from '../../router/reading/reply-text-stream.ts'
import { content as anyContent } from '../router/support/arbitrary-replies.ts'
import { assistant, router } from '../router/support/exchange.ts'
import { nearlyCalls } from '../router/support/nearly-valid.ts'
import { numberOfCases } from '../router/support/runs.ts'
import { chunk, done, readStream, stop, streamServer } from './support/event-stream.ts'
import { completion } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

const schemaOf = (tool: string) => router.tools.get(tool)?.inputSchema

/** The texts that a listener gets for a content that arrives in these pieces. */
function streamed(content: string, pieces: Iterable<string> = [content]): string[] {
  const stream = new ReplyTextStream({ textFormat: minimaxTextFormat, schemaOf })
  const texts = Array.from(pieces, (piece) => stream.push(piece))
  return [...texts, stream.end(assistant({ content }))]
}

const joined = (content: string, pieces?: Iterable<string>) => streamed(content, pieces).join('')
const read = (content: string) => router.read(assistant({ content }))

const invoke = '<invoke name="ping">\n</invoke>'
const token = ']<]minimax[>['
const call = '{"name":"ping","input":{}}'

test.each([
  ['thinking', '<think>\nHm.\n</think>\nWarm.', 'Warm.'],
  ['thinking in other spellings', '<THINK>a</THINK><thinking>b</thinking><mm:think >c</mm:think >Warm.', 'Warm.'],
  ['thinking that is not closed', 'Warm.\n<think>\nHm', 'Warm.'],
  ['thinking in the middle of a line', 'Warm. <think>Hm.</think>Or cold.', 'Warm. Or cold.'],
  ['a thinking tag in code', 'The tag `<think>` marks thoughts. More.', undefined],
  ['a thinking tag in quotes', 'It writes "</think>" after them.', undefined],
  ['a mentioned thinking tag', 'See <think> in the text. More.', undefined],
  ['the beginning of a tag', 'a < b <think', undefined],
  ['the markup of M2', `I look.\n<minimax:tool_call>\n${invoke}</minimax:tool_call>`, 'I look.'],
  [
    'M2 markup with text after it',
    `I look.\n<minimax:tool_call>\n${invoke}</minimax:tool_call>\nWait.`,
    'I look.\n\n\nWait.',
  ],
  ['markup that is cut off', `I look.\n<minimax:tool_call>\n${invoke.slice(0, 15)}`, 'I look.'],
  ['an opening tag at the end', 'I look.\n<minimax:tool_call>\n', 'I look.'],
  ['the wrapper of other models', `I look.\n<tool_call>\n${call}\n</tool_call>`, 'I look.'],
  ['an invoke without wrapper', `I look.\n${invoke}`, 'I look.'],
  ['an invoke with more attributes', '<invoke id="1" name="ping"></invoke>', ''],
  ['an invoke with two blanks', '<invoke  name="ping"></invoke>', ''],
  ['an invoke on several lines', '<invoke\n  name = "ping"\n></invoke >', ''],
  ['a wrapper with attributes', `<minimax:tool_call id="1">${invoke}</minimax:tool_call>`, ''],
  ['markup without its brackets', 'minimax:tool_call>\ninvoke name="ping">\ninvoke>\nminimax:tool_call>', ''],
  ['mentioned wrappers', 'Write <minimax:tool_call> or <tool_call>.', undefined],
  [
    'the markup of M3',
    `I look.${token}<tool_call>\n${token}<invoke name="ping">${token}</invoke>\n${token}</tool_call>`,
    'I look.',
  ],
  ['the token of M3 by itself', `A literal ${token} here. More.`, 'A literal  here. More.'],
  ['bracket calls', `I look.\n[TOOL_CALL]\n${call}\n[/TOOL_CALL]`, 'I look.'],
  ['mentioned brackets', 'Text [TOOL_CALL] is a marker. More.', undefined],
  ['a bare JSON call', `I look.\n${call}`, 'I look.'],
  ['a list of JSON calls', `I look.\n[${call}, ${call}]`, 'I look.'],
  ['several JSON calls', `I look.\n${call},\n${call}`, 'I look.'],
  ['a JSON call in other words', '{"tool":"ping","args":{}}', ''],
  ['a JSON call with the nesting of the API', `{"id":"1","type":"function","function":${call}}`, ''],
  ['a JSON call in the notation of Python', "{'name': 'ping', 'input': {}}", ''],
  ['an envelope', 'I look.\n{"tool_calls":[{"name":"ping","input":{"a":"}"}}]}', 'I look.'],
  ['an envelope after text in it', `{"content":"x","tool_calls":[${call}]}`, ''],
  ['an envelope in a fence', `I look.\n\`\`\`json\n{\n "tool_calls": [${call}]\n}\n\`\`\``, 'I look.'],
  [
    'an envelope with text after it',
    `I look.\n\`\`\`json\n{"tool_calls":[${call}]}\n\`\`\`\nWait.`,
    'I look.\n\nWait.',
  ],
  ['an envelope that is cut off', 'I look.\n{"tool_calls":[{"name":"pi', 'I look.'],
  ['an envelope in inline code', `Write \`{"tool_calls":[${call}]}\` to call.`, undefined],
  ['a JSON call of an undeclared tool', '{"name":"rm","input":{}}', undefined],
  ['a JSON call in the middle of text', `For example ${call} would do.`, undefined],
  ['an answer that reports calls', '{"answer":{"tool_calls":[1]},"n":[{"tool_calls":[2]}]}', undefined],
  ['an answer with the fields of a call', '{"name":"Oslo","type":"city","celsius":4}', undefined],
  ['an answer in a fence', 'So:\n```json\n{"celsius":4}\n```', undefined],
])('%s: the streamed text is the text of the reply, however it is cut', (_name, content, expected = content) => {
  expect(read(content).text).toBe(expected)
  expect(joined(content)).toBe(expected)
  expect(joined(content, content)).toBe(expected)
  expect(joined(content, [])).toBe(expected)
  for (let cut = 1; cut < content.length; cut++) {
    expect(joined(content, [content.slice(0, cut), content.slice(cut)])).toBe(expected)
  }
})

test.each([
  ['prose', 'The queue grows. Restart it, in 5 minutes.\n\nIf not, see [1] or <b>ask</b> `me`.', ''],
  ['an answer after thinking', 'It is warm in Oslo today. 5 degrees.', '<think>\nHm, <tags>.\n</think>\n\n'],
  ['a JSON answer', '{"root_cause":"kv_cache","steps":["a","b"],"fix":{"kind":"restart","why":"[x]"}}', ''],
  ['code', 'Use:\n```ts\nconst a = { b: [1], c: { d: "e" } }\nif (a) { run() }\n```\nDone.', ''],
])('%s is streamed as it arrives', (_name, text, before) => {
  const content = before + text
  const texts = streamed(content, content)
  // Text is held back no longer than the beginning of a tag or of a fence.
  let length = 0
  for (const [index, piece] of texts.slice(0, -1).entries()) {
    length += piece.length
    expect(index + 1 - before.length - length).toBeLessThanOrEqual(20)
  }
  expect(texts.join('')).toBe(text)
})

test('a call that is not made holds text back only until that is known', () => {
  const content = `{"name":"Oslo","celsius":4,"more":"${'x'.repeat(100)}"}`
  expect(streamed(content, content).slice(0, 60).join('')).toContain('{"name":"Oslo","celsius":4')
})

/** The tags and brackets that the scan looks for, and little else. */
const parts = [
  ...['<think>', '</think>', '<thinking>', '</mm:think >', '<THINK>', '<think', '</', '<', '>', '"', '`', "'"],
  ...[
    ' ',
    '\n',
    'a',
    'b c',
    '          ',
    '<minimax:tool_call>',
    '</minimax:tool_call>',
    '<tool_call>',
    '</tool_call>',
  ],
  ...[
    '[TOOL_CALL]',
    '[/TOOL_CALL]',
    token,
    'tool_call',
    '<invoke name="ping">',
    '</invoke>',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
  ],
  ...['"tool_calls"', '{"tool_calls":[', '{ "tool_calls" : [{"a":"}"}]}', '{"a":1}', '```', '```json\n', '\\'],
  ...[
    '\ninvoke name=',
    '\rinvoke na',
    'me="ping">',
    'parameter name="a">',
    'invoke>',
    'minimax:tool_call>\n',
    ']~b]',
    '[e~[',
    '"name":"ping"',
  ],
  ...['"input":{}', call, `[${call}`, "{'name':", '"id":', '{"type":', '</parameter>', '<parameter name="a">'],
]
const text = fc
  .array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...parts) }, fc.string({ maxLength: 4 })), { maxLength: 14 })
  .map((texts) => texts.join(''))

const cut = (content: string, numbers: readonly number[]) => {
  const cuts = numbers.map((number) => number % (content.length + 1)).sort((a, b) => a - b)
  return [0, ...cuts].map((from, index) => content.slice(from, cuts[index]))
}

/** Whether the content closes thinking that it never opened. The text before that was shown by then. */
const closesUnopened = (content: string) => {
  let isClosed = false
  const scan = minimaxTextFormat.scan(() => {
    isClosed = true
  })
  scan.push(`${content} `)
  return isClosed || read(content).text !== read(`<think></think>${content}`).text
}

test.each([
  ['any shape of call', nearlyCalls],
  ['any content', anyContent],
  ['any text of tags and brackets', text],
])(
  '%s, cut anywhere, is streamed as it is read',
  (_name, contents) => {
    fc.assert(
      fc.property(contents, fc.array(fc.nat(), { maxLength: 6 }), (content, numbers) => {
        fc.pre(!closesUnopened(content))
        const expected = read(content).text
        expect(joined(content, cut(content, numbers))).toBe(expected)
        expect(joined(content, content)).toBe(expected)
      }),
      { numRuns: numberOfCases(5000) },
    )
  },
  120_000,
)

test('thinking that was never opened is shown, and the text of the reply follows it', () => {
  const content = 'They want the weather.\n</think>\n\nIt is warm.'
  expect(joined(content, content)).toBe('They want the weather.\n\n\nIt is warm.')
  expect(joined(content)).toBe('It is warm.')
  expect(joined('Hm.</think>', 'Hm.</think>')).toBe('Hm.')
})

// At this length, anything quadratic takes longer than these tests may.
test.each([
  ...[
    '</think>',
    '<think></think>',
    '<think>',
    'a <think>',
    '<',
    '{',
    '[',
    '`',
    '```json {',
    `a ${token}`,
    '"<think>"',
  ],
  ...['{"tool_calls":[]}', '{"id":', '{"id":1,', '[{"name":"', '{"id":{}}', ' ', '\n', '\ni', '{"id":"{"id":"'],
])(
  'a million characters of %j take linear time, whole and in pieces',
  (unit) => {
    const content = unit.repeat(Math.ceil(1_000_000 / unit.length))
    const pieces = Array.from({ length: 1000 }, (_, index) => content.slice(index * 1000, (index + 1) * 1000))
    const stream = new ReplyTextStream({ textFormat: minimaxTextFormat, schemaOf })
    for (const piece of pieces) stream.push(piece)
    stream.end(assistant({ content }))
    joined(content)
  },
  20_000,
)

test('the JSON protocol shows no calls in its text', async () => {
  const asked = 'I look.\n{"tool_calls":[{"name":"look","input":{}}]}'
  const texts: string[] = []
  const frames = [...asked].map((piece) => chunk({ content: piece }))
  await readStream([...frames, chunk({}, stop), done], { onText: (text) => texts.push(text), protocol: 'json' })
  expect(texts.join('')).toBe('I look.')
})

test('a bare JSON call is a call only if the tool is declared', async () => {
  const content = 'I look.\n{"name":"look","input":{}}'
  const frames = [...content].map((piece) => chunk({ content: piece }))
  const shown = async (request: Partial<Parameters<typeof modelRequest>[0]>) => {
    let text = ''
    await using server = await streamServer((response) =>
      response.end(
        `${[...frames, chunk({}, stop)].map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join('')}data: [DONE]\n\n`,
      ),
    )
    const onText = (piece: string) => {
      text += piece
    }
    await clientOf(server.url, { stream: true }).complete(modelRequest({ ...request, onText }))
    return text
  }
  const tools = JSON.stringify([{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }])
  expect(await shown({ tools })).toBe('I look.')
  expect(await shown({ schemaOf: (tool) => (tool === 'look' ? {} : undefined) })).toBe('I look.')
  expect(await shown({})).toBe(content)
})

test('a last frame with other content takes nothing back that was shown', async () => {
  const whole = (text: string) => ({
    ...completion,
    choices: [{ finish_reason: 'stop', message: { role: 'assistant', content: text } }],
  })
  for (const [text, expected] of [
    ['Warm today.', 'Warm today.'],
    ['It is warm.', 'Warm'],
  ] as const) {
    let told = ''
    await using server = await streamServer((response) =>
      response.end(`data: ${JSON.stringify(chunk({ content: 'Warm' }))}\n\ndata: ${JSON.stringify(whole(text))}\n\n`),
    )
    const onText = (visible: string) => {
      told += visible
    }
    const reply = await clientOf(server.url, { stream: true }).complete(modelRequest({ onText }))
    expect([reply.message.content, told]).toEqual([text, expected])
  }
})
