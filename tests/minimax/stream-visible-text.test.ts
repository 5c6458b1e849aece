import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShownText } from '../../lib/minimax/markup/shown-text.ts'
import { thinkTags, withoutThinking } from '../../lib/minimax/markup/thinking.ts'
import { usage } from '../support/factories.ts'
import { chunk, done, readStream, stop, streamServer } from './support/event-stream.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

/** What is shown of a content that comes in these pieces; of the whole at the end where there are none. */
function shown(content: string, pieces: Iterable<string> = []): string {
  let text = ''
  const shownText = new ShownText((visible) => {
    text += visible
  })
  for (const piece of pieces) shownText.add(piece)
  shownText.end({ message: { role: 'assistant', content }, finishReason: 'stop', usage: usage() })
  return text
}

const call = '<invoke name="look">\n<parameter name="place">Oslo</parameter>\n</invoke>\n'
const token = ']<]minimax[>['

test.each([
  ['thinking', '<think>\nHm.\n</think>\nWarm.', '\nWarm.'],
  ['thinking in other spellings', '<THINK>a</THINK><thinking>b</thinking><mm:think >c</mm:think >Warm.', 'Warm.'],
  ['thinking that is not closed', 'Warm.\n<think>\nHm', 'Warm.\n'],
  ['thinking in the middle of a line', 'Warm. <think>Hm.</think>Or cold.', 'Warm. Or cold.'],
  ['a tag in code', 'The tag `<think>` marks thoughts. More.', 'The tag `<think>` marks thoughts. More.'],
  ['a tag in quotes', 'It writes "</think>" behind them.', 'It writes "</think>" behind them.'],
  ['a tag that is named', 'See <think> in the text. More.', 'See <think> in the text. More.'],
  ['the beginning of a tag', 'a < b <think', 'a < b <think'],
  ['the markup of M2', `I look.\n<minimax:tool_call>\n${call}</minimax:tool_call>`, 'I look.\n'],
  ['text behind it', `I look.\n<minimax:tool_call>\n${call}</minimax:tool_call>\nWait.`, 'I look.\n\nWait.'],
  ['markup that is cut off', `I look.\n<minimax:tool_call>\n${call.slice(0, 40)}`, 'I look.\n'],
  ['an opening tag at the end', 'I look.\n<minimax:tool_call>\n', 'I look.\n'],
  ['the wrapper of others', `I look.\n<tool_call>\n{"name":"look"}\n</tool_call>`, 'I look.\n'],
  ['an invoke without wrapper', `I look.\n${call}`, 'I look.\n\n'],
  ['wrappers that are named', 'Write <minimax:tool_call> or <tool_call>.', 'Write <minimax:tool_call> or <tool_call>.'],
  [
    'the markup of M3',
    `I look.${token}<tool_call>\n${token}<invoke name="look">${token}</invoke>\n${token}</tool_call>`,
    'I look.',
  ],
  ['its token by itself', `A literal ${token} here. More.`, 'A literal  here. More.'],
  ['its token in code', `A literal \`${token}\` here. More.`, `A literal \`${token}\` here. More.`],
  ['brackets', 'I look.\n[TOOL_CALL]\n{"name":"look"}\n[/TOOL_CALL]', 'I look.\n'],
  ['brackets that are named', 'Text [TOOL_CALL] is a marker. More.', 'Text [TOOL_CALL] is a marker. More.'],
  ['a request in JSON', 'I look.\n{"tool_calls":[{"name":"look","input":{"a":"}"}}]}', 'I look.\n'],
  ['a request in a fence', 'I look.\n```json\n{\n "tool_calls": [{"name":"look"}]\n}\n```\nWait.', 'I look.\n\nWait.'],
  ['a request in code', 'Write `{"tool_calls":[]}` to call.', 'Write `{"tool_calls":[]}` to call.'],
  [
    'an answer',
    '{"answer":{"tool_calls":[1]},"n":[{"tool_calls":[2]}]}',
    '{"answer":{"tool_calls":[1]},"n":[{"tool_calls":[2]}]}',
  ],
  ['an answer in a fence', 'So:\n```json\n{"celsius":4}\n```', 'So:\n```json\n{"celsius":4}\n```'],
])('%s: what is shown is the same whole, by character, and in two pieces', (_name, content, expected) => {
  expect(shown(content)).toBe(expected)
  expect(shown(content, content)).toBe(expected)
  for (let cut = 1; cut < content.length; cut++) {
    expect(shown(content, [content.slice(0, cut), content.slice(cut)])).toBe(expected)
  }
})

/** Texts out of what the scan looks for, and little else. */
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
    '<invoke name="x">',
    '</invoke>',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
  ],
  ...['"tool_calls"', '{"tool_calls":[', '{ "tool_calls" : [{"a":"}"}]}', '{"a":1}', '```', '```json\n', '\\'],
]
const content = fc
  .array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...parts) }, fc.string({ maxLength: 4 })), { maxLength: 14 })
  .map((texts) => texts.join(''))

test('any text, cut anywhere, is shown as it is whole', () => {
  fc.assert(
    fc.property(content, fc.array(fc.nat(), { maxLength: 6 }), (text, numbers) => {
      const cuts = numbers.map((number) => number % (text.length + 1)).sort((a, b) => a - b)
      const pieces = [0, ...cuts].map((from, index) => text.slice(from, cuts[index]))
      expect(shown(text, pieces)).toBe(shown(text))
      expect(shown(text, text)).toBe(shown(text))
    }),
    { numRuns: 5000 },
  )
})

test('thinking is told from text as the router does', () => {
  const text = fc.array(fc.constantFrom(...parts.slice(0, 16)), { maxLength: 12 }).map((texts) => texts.join(''))
  fc.assert(
    fc.property(text, (tagged) => {
      // What stands before a closing tag without an opening one is shown by then.
      fc.pre(thinkTags(tagged)[0]?.isCloser !== true)
      expect(shown(tagged)).toBe(withoutThinking(tagged))
    }),
    { numRuns: 3000 },
  )
})

// At this length whatever is quadratic takes longer than these tests may.
test.each(['</think>', '<think></think>', '<', '{', '```json {', `a ${token}`, '"<think>"', '{"tool_calls":[]}', ' '])(
  'a million characters of %j are walked through, whole and in pieces',
  (unit) => {
    const text = unit.repeat(Math.ceil(1_000_000 / unit.length))
    const pieces = Array.from({ length: 1000 }, (_, index) => text.slice(index * 1000, (index + 1) * 1000))
    expect(shown(text, pieces)).toBe(shown(text))
  },
  20_000,
)

test('the text of a stream and that of a whole answer are shown alike, with the JSON protocol, too', async () => {
  const asked = 'I look.\n{"tool_calls":[{"name":"look","input":{}}]}'
  const texts: string[] = []
  const onText = (text: string) => texts.push(text)
  const frames = [...asked].map((piece) => chunk({ content: piece }))
  await readStream([...frames, chunk({}, stop), done], { onText, protocol: 'json' })
  expect(texts.join('')).toBe('I look.\n')
  await using server = await startLocalServer((_request, response) => {
    const message = { role: 'assistant', content: asked }
    replyJson(response, 200, { ...completion, choices: [{ finish_reason: 'stop', message }] })
  })
  await clientOf(server.url, { onText, protocol: 'json' }).complete(modelRequest())
  expect(texts.at(-1)).toBe('I look.\n')
})

test('a last frame that words the content anew takes nothing back that was shown', async () => {
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
    const reply = await clientOf(server.url, { stream: true, onText }).complete(modelRequest())
    expect([reply.message.content, told]).toEqual([text, expected])
  }
})
