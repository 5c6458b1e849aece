import { expect, test } from 'vitest'
import { chunk, done, readStream, stop } from './support/event-stream.ts'
import { completion } from './support/local-server.ts'

const entry = (index: number | undefined, id: string | undefined, name: string | undefined, text: unknown) => ({
  ...{ index, id, type: 'function' },
  function: { name, arguments: text },
})
const call = (...fields: Parameters<typeof entry>) => chunk({ tool_calls: [entry(...fields)] })
const list = (...entries: readonly object[]) => chunk({ tool_calls: entries })
const calling = { finish_reason: 'tool_calls' }

/** Name and arguments of the calls in a stream of these deltas. */
async function callsIn(...deltas: object[]) {
  const reply = await readStream([...deltas, chunk({}, calling), done])
  expect(reply.finishReason).toBe('tool_calls')
  return reply.message.tool_calls?.map(({ id, function: called }) => [id, called?.name, called?.arguments])
}

test('calls at different indexes are different calls', async () => {
  expect(
    await callsIn(
      call(0, 'a', 'look', ''),
      call(1, 'b', 'wait', ''),
      call(0, undefined, undefined, '{"place":'),
      call(1, undefined, undefined, '{"s":'),
      call(0, undefined, undefined, '"Oslo"}'),
      call(1, undefined, undefined, '7}'),
    ),
  ).toEqual([
    ['a', 'look', '{"place":"Oslo"}'],
    ['b', 'wait', '{"s":7}'],
  ])
})

const twoCalls = [
  ['a', 'look', '{"n":1}'],
  ['b', 'look', '{"n":2}'],
]
test.each([
  [
    'on one index, told apart by their ids',
    [call(0, 'a', 'look', '{"n":1}'), call(0, 'b', 'look', '{"n":'), call(0, undefined, undefined, '2}')],
    twoCalls,
  ],
  [
    'on one index, continued by id in any order',
    [call(0, 'a', 'look', '{"n":'), call(0, 'b', 'look', '{"n":2'), call(0, 'a', '', '1}'), call(0, 'b', '', '}')],
    twoCalls,
  ],
  [
    'without index',
    [call(undefined, 'a', 'look', '{"n":'), call(undefined, '', '', '1}'), call(undefined, 'b', 'look', '{"n":2}')],
    twoCalls,
  ],
  ['from index 1 on', [call(1, 'a', 'look', '{"n":1}'), call(2, 'b', 'look', '{"n":2}')], twoCalls],
  [
    'with ids that come late',
    [
      call(0, '', 'look', ''),
      call(0, 'a', '', '{"n":1}'),
      call(1, undefined, 'look', '{"n":2}'),
      call(1, 'b', undefined, ''),
    ],
    twoCalls,
  ],
  [
    'with ids in the opening only',
    [call(0, 'a', 'look', '{"n"'), call(0, '', '', ':1}'), call(1, 'b', 'look', '{"n":2}')],
    twoCalls,
  ],
  [
    'with id and name in every delta',
    [call(0, 'a', 'look', '{"n"'), call(0, 'a', 'look', ':1}'), call(0, 'b', 'look', '{"n":2}')],
    twoCalls,
  ],
  [
    'on one index without ids',
    [call(0, '', 'look', '{"n":1}'), call(0, '', 'look', '{"n":2}')],
    [
      ['', 'look', '{"n":1}'],
      ['', 'look', '{"n":2}'],
    ],
  ],
  [
    'on one index without ids, opened before their arguments',
    [call(0, '', 'look', ''), call(0, '', '', '{"n":1}'), call(0, '', 'look', ''), call(0, '', '', '{"n":2}')],
    [
      ['', 'look', '{"n":1}'],
      ['', 'look', '{"n":2}'],
    ],
  ],
  [
    'of two tools on one index, without ids',
    [call(0, '', 'wait', ''), call(0, '', 'look', '{}')],
    [
      ['', 'wait', ''],
      ['', 'look', '{}'],
    ],
  ],
  [
    'whose name is repeated at the end',
    [call(0, '', 'look', '{"n":1}'), call(0, '', 'look', '')],
    [['', 'look', '{"n":1}']],
  ],
  [
    'with arguments that repeat all before',
    [call(0, 'a', 'look', '{"n"'), call(0, 'a', 'look', '{"n":1'), call(0, 'a', 'look', '{"n":1}')],
    [['a', 'look', '{"n":1}']],
  ],
  [
    'with arguments that come again, whole',
    [call(0, 'a', 'look', '{"n":'), call(0, 'a', '', '1}'), call(0, 'a', 'look', '{"n":1}')],
    [['a', 'look', '{"n":1}']],
  ],
  [
    'with arguments whose increments look like repetitions',
    [call(0, 'a', 'look', '{"plan":'), call(0, 'a', '', '{"plan":1}}')],
    [['a', 'look', '{"plan":{"plan":1}}']],
  ],
  [
    'whose increments begin as objects do',
    [call(0, 'a', 'look', '{"list":[{"n":1},'), call(0, 'a', '', '{"n":2}'), call(0, 'a', '', ']}')],
    [['a', 'look', '{"list":[{"n":1},{"n":2}]}']],
  ],
  [
    'of one tool without ids, whose arguments hold braces',
    [call(0, '', 'look', '{"s":"}'), call(0, '', 'look', '{\\"'), call(0, '', 'look', '"}'), call(0, '', 'look', '{}')],
    [
      ['', 'look', '{"s":"}{\\""}'],
      ['', 'look', '{}'],
    ],
  ],
  [
    'of two tools without index and id, one after the other',
    [
      call(undefined, '', 'look', '{"n"'),
      call(undefined, '', '', ':1}'),
      call(undefined, '', 'wait', ''),
      call(undefined, '', '', '{}'),
    ],
    [
      ['', 'look', '{"n":1}'],
      ['', 'wait', '{}'],
    ],
  ],
  [
    'of one tool without index and id, one after the other',
    [call(undefined, '', 'look', '{"n":1}'), call(undefined, '', 'look', ''), call(undefined, '', '', '{"n":2}')],
    [
      ['', 'look', '{"n":1}'],
      ['', 'look', '{"n":2}'],
    ],
  ],
  [
    'without index and id, whose first one is cut off',
    [call(undefined, '', 'look', '{"n":'), call(undefined, '', 'wait', '{}')],
    [
      ['', 'look', '{"n":'],
      ['', 'wait', '{}'],
    ],
  ],
  [
    'in lists without index and id',
    [
      list(entry(undefined, '', 'ping', ''), entry(undefined, '', 'ping', ''), entry(undefined, '', 'look', '')),
      list(entry(undefined, '', '', ''), entry(undefined, '', '', '{}'), entry(undefined, '', '', '{"n":')),
      call(undefined, '', '', '2}'),
    ],
    [
      ['', 'ping', ''],
      ['', 'ping', '{}'],
      ['', 'look', '{"n":2}'],
    ],
  ],
  ['with arguments as an object', [call(0, 'a', 'look', { n: 1 })], [['a', 'look', '{"n":1}']]],
  ['without arguments', [call(0, 'a', 'look', undefined)], [['a', 'look', '']]],
])('calls %s', async (_name, deltas, expected) => {
  expect(await callsIn(...deltas)).toEqual(expected)
})

test('a call that is not in a list is read', async () => {
  const tool_calls = { index: 0, id: 'a', type: 'function', function: { name: 'look', arguments: '{}' } }
  const { message } = await readStream([chunk({ tool_calls }, calling)])
  expect(message.tool_calls).toEqual([tool_calls])
})

test('a call that is whole in the closing chunk is read, and a second closing chunk changes nothing', async () => {
  const whole = { tool_calls: [{ index: 1, id: 'a', type: 'function', function: { name: 'look', arguments: '{}' } }] }
  const reply = await readStream([
    chunk(whole, calling),
    chunk({ content: '\n<think>\n', role: 'assistant' }, calling),
    chunk({ content: '', role: 'assistant' }, stop),
  ])
  expect(reply).toMatchObject({ finishReason: 'tool_calls', message: { content: '\n<think>\n', ...whole } })
})

test('calls that only the last frame has are kept, and so are calls that it lacks', async () => {
  const tool_calls = [{ index: 0, id: 'a', type: 'function', function: { name: 'look', arguments: '{}' } }]
  const last = (message: object) => ({ ...completion, choices: [{ finish_reason: 'tool_calls', message }] })
  for (const frames of [
    [chunk({ tool_calls }), last({ role: 'assistant', content: '', tool_calls: null })],
    [chunk({ content: '' }), last({ role: 'assistant', content: '', tool_calls })],
  ]) {
    expect((await readStream(frames)).message.tool_calls).toEqual(tool_calls)
  }
})
