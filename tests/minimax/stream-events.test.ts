import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  EventBody,
  EventParser,
  looksLikeEvents,
  readEventText,
  replyOf,
} from '../../lib/minimax/reply/event-stream.ts'
import { StreamedCompletion } from '../../lib/minimax/reply/streamed-completion.ts'
import { chunk, done, events, readStream, stop } from './support/event-stream.ts'

const context = { retryAfterMs: () => undefined, onContent: () => {} }

function parsed(pieces: readonly string[]) {
  const seen: (readonly [string, string | undefined])[] = []
  const parser = new EventParser((data, event) => seen.push([data, event]))
  for (const piece of pieces) parser.feed(piece)
  return seen
}

/** The algorithm of the standard, word by word, for a whole text. */
function byStandard(text: string) {
  const lines = text.split(/\r\n|\r|\n/).slice(0, -1)
  const seen: (readonly [string, string | undefined])[] = []
  let data: string[] = []
  let event: string | undefined
  for (const line of lines) {
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (line === '') {
      if (data.length > 0) seen.push([data.join('\n'), event])
      data = []
      event = undefined
    } else if (field === 'data') data.push(value)
    else if (field === 'event') event = value
  }
  return seen
}

const line = fc.constantFrom(
  'data: {"a":1}',
  'data:x',
  'data:  y',
  'event: error',
  'event:',
  'id: 7',
  ': ping',
  '',
  'retry: 5',
  '🌍',
)
const end = fc.constantFrom('\n', '\r\n', '\r')

test('events are split as the standard says, with any line ends, cut anywhere', () => {
  const text = fc.array(fc.tuple(line, end), { maxLength: 12 }).map((lines) => lines.flat().join(''))
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 8 }), (whole, numbers) => {
      const cuts = numbers.map((number) => number % (whole.length + 1)).sort((a, b) => a - b)
      const pieces = [0, ...cuts].map((from, index) => whole.slice(from, cuts[index]))
      expect(parsed(pieces)).toEqual(byStandard(whole))
      expect(parsed([...whole])).toEqual(byStandard(whole))
    }),
    { numRuns: 3000 },
  )
})

/** Reads a body that arrives in pieces of so many bytes. */
function contentOf(text: string, bytes: number): unknown {
  const completion = new StreamedCompletion(context)
  const other = (rest: string): never => expect.unreachable(`no events: ${rest.slice(0, 100)}`)
  const body = new EventBody(completion, { endEarly: () => {} }, () => replyOf(completion, 200), other)
  const whole = Buffer.from(text)
  for (let from = 0; from < whole.length; from += bytes) body.take(whole.subarray(from, from + bytes))
  return body.end().message.content
}

// At these lengths, anything quadratic takes longer than these tests may.
const patience = 20_000

test(
  'blanks before the first event, in however many pieces, are passed over',
  () => {
    expect(contentOf(`${'\n'.repeat(600_000)}${events(chunk({ content: 'Warm.' }, stop))}`, 8)).toBe('Warm.')
  },
  patience,
)

test(
  'an event that comes in many pieces is read',
  () => {
    const content = 'größer '.repeat(300_000)
    expect(contentOf(events(chunk({ content }, stop)), 16)).toBe(content)
  },
  patience,
)

test.each([
  [
    'one CR before all other lines',
    `: x\r\n${events(chunk({ content: 'a' })).repeat(40_000)}${events(chunk({}, stop))}`,
  ],
  [
    'CR for every end of a line',
    `${events(chunk({ content: 'a' })).repeat(40_000)}${events(chunk({}, stop))}`.replaceAll('\n', '\r'),
  ],
])(
  'a whole text of events with %s is read',
  (_name, text) => {
    expect(looksLikeEvents(text)).toBe(true)
    const completion = new StreamedCompletion(context)
    readEventText(text, completion)
    expect(replyOf(completion, 200).message.content).toBe('a'.repeat(40_000))
  },
  patience,
)

const call = (rest: object) => chunk({ tool_calls: [rest] })
const many = Array.from({ length: 120_000 }, (_, index) => index)

test.each([
  [
    'calls on indexes of their own',
    many.map((n) => call({ index: n, id: `c${n}`, function: { name: 'look', arguments: '{}' } })),
    120_000,
  ],
  ['calls without index', many.map((n) => call({ id: `c${n}`, function: { name: 'look', arguments: '{}' } })), 120_000],
  [
    'a call whose name is repeated with each piece',
    [
      call({ index: 0, function: { name: 'look', arguments: '{"a":"' } }),
      ...many.map(() => call({ index: 0, function: { name: 'look', arguments: '{}'.repeat(10) } })),
      call({ index: 0, function: { name: 'look', arguments: '"}' } }),
    ],
    1,
  ],
])(
  '%s: tens of thousands are assembled',
  (_name, frames, count) => {
    const completion = new StreamedCompletion(context)
    readEventText(events(...frames, chunk({}, { finish_reason: 'tool_calls' }), done), completion)
    expect(replyOf(completion, 200).message.tool_calls).toHaveLength(count)
  },
  patience,
)

test('arguments that are nested too deeply are an error of the tool call, not of the connection', async () => {
  const deep = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
  const frame = JSON.stringify(call({ index: 0, id: 'a', function: { name: 'look', arguments: 'DEEP' } })).replace(
    '"DEEP"',
    deep,
  )
  const { message } = await readStream([`data: ${frame}\n\n`, chunk({}, { finish_reason: 'tool_calls' })])
  expect(message.tool_calls?.[0]?.function?.arguments).toBeTypeOf('object')
})
