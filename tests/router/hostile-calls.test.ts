import { expect, test } from 'vitest'
import { createRouter } from '../../router/router.ts'
import { emptyTool } from '../support/factories.ts'
import { assistant, brokenRule, exchange, executed, router } from './support/exchange.ts'

const native = (fields: object, target: object = {}) => ({
  id: 'a',
  type: 'function',
  function: { name: 'ping', arguments: '{}', ...target },
  ...fields,
})

test('each of 100,000 calls in one reply gets a result, in order', async () => {
  executed.length = 0
  const count = 100_000
  const calls = Array.from({ length: count }, (_, index) => native({ id: index % 2 === 0 ? `call_${index}` : 'same' }))
  const reading = router.read(assistant({ tool_calls: calls }))
  const results = await router.dispatch(reading.calls, { maxCalls: 10 })
  expect(results).toHaveLength(count)
  expect(new Set(results.map(({ id }) => id)).size).toBe(count)
  expect(results.map(({ id }) => id)).toEqual(reading.calls.map(({ id }) => id))
  expect(executed).toHaveLength(10)
  expect(results.slice(10).every((result) => result.status === 'error' && result.error.kind === 'too_many_calls')).toBe(
    true,
  )
})

test('each of 100,000 calls in markup and in JSON gets a result', async () => {
  for (const content of [
    `<minimax:tool_call>${'<invoke name="ping"></invoke>'.repeat(100_000)}</minimax:tool_call>`,
    `{"tool_calls":[${Array(100_000).fill('{"name":"ping"}').join(',')}]}`,
  ]) {
    executed.length = 0
    const reading = router.read(assistant({ content }))
    expect(await router.dispatch(reading.calls)).toHaveLength(100_000)
    expect(executed).toHaveLength(100_000)
  }
})

test.each([
  ['native calls', { tool_calls: Array.from({ length: 100 }, (_, index) => native({ id: `${index}` })) }],
  ['JSON', { content: `{"tool_calls":[${Array(100).fill('{"name":"ping"}').join(',')}]}` }],
])('with maxCalls, one further result counts the calls that were ignored: %s', async (_, fields) => {
  executed.length = 0
  const reading = router.read(assistant(fields), { maxCalls: 8 })
  const results = await router.dispatch(reading.calls, { maxCalls: 2 })
  expect(results.map((result) => (result.status === 'error' ? result.error.kind : 'ok'))).toEqual([
    ...['ok', 'ok'],
    ...Array(7).fill('too_many_calls'),
  ])
  expect(results.at(-1)).toMatchObject({
    error: { message: expect.stringContaining('This call and 91 after it were ignored') },
  })
  expect(brokenRule(reading, results)).toBeUndefined()
  expect(reading.message.tool_calls).toHaveLength(9)
  expect(router.read(assistant(fields), { maxCalls: 100 }).calls).toHaveLength(100)
})

test('a generated id is never one that the reply itself uses', () => {
  const calls = [native({ id: 'call_2' }), native({ id: 'call_2' }), native({ id: 'call_2_2' }), native({ id: '' })]
  const ids = router.read(assistant({ tool_calls: calls })).calls.map(({ id }) => id)
  expect(ids[0]).toBe('call_2')
  expect(new Set(ids).size).toBe(4)
})

test.each(['\u0000', '\ud800', 'a b', 'ü', 'x'.repeat(129), '\n', 'a#b'])(
  'an id that servers may change, or that cannot be in a reference, is replaced: %j',
  (id) => {
    const reading = router.read(assistant({ tool_calls: [native({ id })] }))
    expect(reading.calls).toMatchObject([{ id: 'call_1', repairs: [{ kind: 'unusable_id' }] }])
    expect(reading.message.tool_calls?.[0]?.id).toBe('call_1')
  },
)

test.each([
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  '\u0000',
  '\ud800',
  'x'.repeat(100_000),
  '',
  'a\nb',
])('a call of %j is an error, and its name is clipped in the message', async (name) => {
  const { errors, reading } = await exchange(assistant({ tool_calls: [native({}, { name })] }))
  expect(errors).toEqual(['unknown_tool'])
  expect(JSON.stringify(reading.message).length).toBeLessThan(1_000)
})

test.each(['__proto__', 'constructor', 'toString'])('a tool may be called %s', async (name) => {
  const odd = createRouter([emptyTool({ name, description: name, execute: () => 'ran' })])
  expect(await odd.dispatch([{ id: 'a', name, input: {}, repairs: [] }])).toMatchObject([
    { status: 'ok', value: 'ran' },
  ])
})

test.each([
  [
    '__proto__ in native arguments',
    assistant({ tool_calls: [native({}, { name: 'write_file', arguments: '{"meta":{"__proto__":{"owner":"x"}}}' })] }),
  ],
  [
    '__proto__ as a parameter',
    assistant({ content: '<invoke name="write_file"><parameter name="__proto__">{"path":"x"}</parameter></invoke>' }),
  ],
  [
    '__proto__ as an element',
    assistant({
      content:
        ']<]minimax[>[<invoke name="write_file">]<]minimax[>[<__proto__>x]<]minimax[>[</__proto__>]<]minimax[>[</invoke>',
    }),
  ],
  [
    'nesting without end',
    assistant({
      tool_calls: [
        native({}, { name: 'write_file', arguments: `{"anything":${'['.repeat(50_000)}${']'.repeat(50_000)}}` }),
      ],
    }),
  ],
])('%s is refused', async (_, message) => {
  const { ran, errors } = await exchange(message)
  expect({ ran, errors }).toEqual({ ran: [], errors: ['unreadable_call'] })
})

test('constructor is refused like any other unknown property', async () => {
  const { results } = await exchange(assistant({ tool_calls: [native({}, { arguments: '{"constructor":1}' })] }))
  expect(results[0]?.content).toContain('unknown property')
})

test('a message with very deeply nested fields is read', () => {
  let deep: unknown = 'x'
  for (let depth = 0; depth < 100_000; depth++) deep = [deep]
  const calls = [
    native({}, { name: 'write_file', arguments: { anything: deep } }),
    native({ extra: deep, id: 'b' }),
    deep,
  ]
  const reading = router.read(assistant({ content: deep, tool_calls: calls, function_call: deep }))
  expect(reading.calls.map(({ refusal }) => refusal?.kind)).toEqual(['unreadable_call', undefined])
})

test('NUL and lone surrogates in a value are kept, and the result is well-formed', async () => {
  const city = 'a\u0000b\ud800c'
  const { ran, reading, results } = await exchange(
    assistant({ tool_calls: [native({}, { name: 'get_weather', arguments: JSON.stringify({ city }) })] }),
  )
  expect(ran[0]?.input).toEqual({ city })
  expect(brokenRule(reading, results)).toBeUndefined()
})

test.each([{ concurrency: 0 }, { concurrency: 1.5 }, { maxCalls: -1 }, { resultBytes: Number.NaN }, { timeoutMs: 0 }])(
  'the wrong option %j is refused with its name',
  async (options) => {
    await expect(router.dispatch([{ id: 'a', name: 'ping', input: {}, repairs: [] }], options)).rejects.toThrow(
      `dispatch: ${Object.keys(options)[0]} is ${Object.values(options)[0]}`,
    )
  },
)

test('a listener that throws does not affect the calls', async () => {
  const fail = () => {
    throw new Error('x')
  }
  const calls = [1, 2, 3].map((index) => ({ id: `${index}`, name: 'ping', input: {}, repairs: [] }))
  expect(await router.dispatch(calls, { onStart: fail, onEnd: fail })).toHaveLength(3)
})
