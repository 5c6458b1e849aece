import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DeltaText } from '../../lib/minimax/reply/message-deltas.ts'
import { chunk, readStream, stop } from './support/event-stream.ts'

/** The text of some deltas. The text that is returned as certain on the way must be its beginning. */
function joined(deltas: readonly string[]): string {
  const text = new DeltaText()
  let certain = ''
  const told = deltas.map((delta) => {
    certain += text.push(delta)
    return certain
  })
  for (const beginning of told) expect(text.text.startsWith(beginning)).toBe(true)
  return text.text
}

test.each([
  [['Very ', 'Very good', ' indeed.']],
  [['----', '--------']],
  [['no', 'nono']],
  [['The', 'The end']],
  [['A', 'AB']],
  [['1234', '12345', '6']],
  [['bye', 'bye', 'byebye']],
  [['0000', '00000001', '1111']],
  [['ha', 'ha']],
  [['1', '10']],
  [['\n', '\n\n', 'x']],
  [['INFO ok\n', 'INFO ok\n', 'INFO ok\n']],
  [['-', '--', '---', '----', '-----', '------', '-------', '--------']],
  [['Let me look. ', 'Let me look. Let me look. ', 'Done.']],
])('increments with the same beginning are read as increments: %j', (deltas) => {
  expect(joined(deltas)).toBe(deltas.join(''))
})

test.each([
  [['W', 'War', 'Warm.', 'Warm.']],
  [['<think>hi', '<think>hi there']],
  [['Let me', 'Let me think.']],
  [['The', 'The queue', 'The queue grows', 'The queue grows.']],
])('cumulative deltas are read as cumulative: %j', (deltas) => {
  expect(joined(deltas)).toBe(deltas.at(-1))
})

function cutAt(whole: string, numbers: readonly number[]): readonly string[] {
  const cuts = [...new Set(numbers.map((number) => number % (whole.length + 1)))].sort((a, b) => a - b)
  return [0, ...cuts].map((from, index) => whole.slice(from, cuts[index])).filter((piece) => piece !== '')
}

const cuts = fc.array(fc.nat(), { maxLength: 12 })
const words = fc.constantFrom('Very ', 'good', 'no', '-', '\n', 'a', 'The queue grows. ', '🌍', '10', '{"a":1}\n')

test('prose, and text that repeats itself, is assembled unchanged, cut anywhere', () => {
  const repeated = fc.tuple(words, fc.nat({ max: 60 })).map(([word, times]) => word.repeat(times))
  // A text that begins with the same words twice, cut between them and nowhere else, can be read either way.
  const prose = fc.lorem({ maxCount: 40 }).filter((whole) => !/^(.{6,}?)\1/s.test(whole))
  const texts = fc.oneof(prose, repeated, fc.string({ unit: 'binary', maxLength: 200 }))
  fc.assert(
    fc.property(texts, cuts, (whole, numbers) => {
      expect(joined(cutAt(whole, numbers))).toBe(whole)
    }),
    { numRuns: 10_000 },
  )
})

test('any text is assembled unchanged if an increment does not begin with the one before', () => {
  fc.assert(
    fc.property(fc.array(words, { maxLength: 12 }), cuts, (texts, numbers) => {
      const deltas = cutAt(texts.join(''), numbers)
      fc.pre(deltas.some((delta, index) => !delta.startsWith(deltas[index - 1] ?? '')))
      expect(joined(deltas)).toBe(texts.join(''))
    }),
    { numRuns: 5000 },
  )
})

test('any text that does not repeat itself is assembled unchanged from cumulative deltas', () => {
  const prose = fc.lorem({ maxCount: 30 }).filter((whole) => whole.length > 60)
  fc.assert(
    fc.property(prose, fc.array(fc.nat(), { minLength: 3, maxLength: 12 }), (whole, numbers) => {
      const ends = [...new Set([10, ...numbers.map((number) => 10 + (number % (whole.length - 10))), whole.length])]
      const deltas = ends.sort((a, b) => a - b).map((end) => whole.slice(0, end))
      expect(joined(deltas)).toBe(whole)
    }),
    { numRuns: 2000 },
  )
})

test('a long cumulative text is streamed as it arrives', () => {
  const whole = 'The queue grows while the cache is full, so I look at the number of preemptions first.'
  const text = new DeltaText()
  const told = [10, 20, 30, 40, 50, 60].map((end) => text.push(whole.slice(0, end)))
  expect(told).toEqual([whole.slice(0, 10), '', '', whole.slice(10, 40), whole.slice(40, 50), whole.slice(50, 60)])
})

test('increments with the same beginning lose no text', async () => {
  for (const pieces of [
    ['Very ', 'Very good', ' indeed.'],
    ['no', 'nono'],
    ['----', '--------'],
  ]) {
    let told = ''
    const onText = (visible: string) => {
      told += visible
    }
    const { message } = await readStream([...pieces.map((content) => chunk({ content })), chunk({}, stop)], { onText })
    expect([message.content, told]).toEqual([pieces.join(''), pieces.join('')])
  }
})

test.each([
  ['cumulative', ['Let', 'Let me', 'Let me think.'], 'Let me think.'],
  ['increments', ['Let', ' me', ' think.'], 'Let me think.'],
])('details of the reasoning that are %s are assembled, with any other fields', async (_name, texts, expected) => {
  const detail = { type: 'reasoning.text', id: 'reasoning-text-1', index: 0 }
  const { message } = await readStream([
    ...texts.map((text) => chunk({ reasoning_details: [{ ...detail, text }] })),
    chunk({
      reasoning_details: [
        { index: 0, signature: 'abc' },
        { type: 'reasoning.encrypted', index: 1, data: 'def' },
      ],
    }),
    chunk({ content: 'Warm.' }, stop),
  ])
  expect(message['reasoning_details']).toEqual([
    { ...detail, signature: 'abc', text: expected },
    { type: 'reasoning.encrypted', index: 1, data: 'def' },
  ])
})

test('contents in parts, refusals and calls of the older form are assembled', async () => {
  const { message } = await readStream([
    chunk({ content: [{ type: 'text', text: 'I ' }], refusal: 'I ' }),
    chunk({ content: 'look.', refusal: 'cannot.', function_call: { name: 'look', arguments: '{"n":' } }),
    chunk({ function_call: { arguments: '1}' } }, stop),
  ])
  expect(message).toEqual({
    role: 'assistant',
    content: 'I look.',
    refusal: 'I cannot.',
    function_call: { name: 'look', arguments: '{"n":1}' },
  })
})
