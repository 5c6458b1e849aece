import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { defineTool } from '../../router/define-tool.ts'
import { InvalidOptionError } from '../../router/errors.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import type { ToolContext } from '../../router/tool.ts'
import { emptyTool } from '../support/factories.ts'
import { getWeather } from '../support/weather.ts'

const tool = (execute: (input: object, context: ToolContext) => unknown, timeoutMs = 5_000) =>
  emptyTool({ name: 'tried', description: 'Tried out.', timeoutMs, execute })

test.each([
  ['JSON', '{"city":"Oslo"}', []],
  ['JSON in JSON', '"{\\"city\\":\\"Oslo\\"}"', ['double_encoded']],
  ['Python', "{'city': 'Oslo',}", ['json_repaired']],
  ['values of another type', '{"city":"Oslo","days":"3"}', ['coerced']],
])('a text is read like arguments on the wire: %s', async (_, input, kinds) => {
  const result = await runTool(getWeather, input)
  expect(result).toMatchObject({ status: 'ok', value: { city: 'Oslo', celsius: 4 } })
  expect(result.repairs.map(({ kind }) => kind)).toEqual(kinds)
})

test.each(['Oslo', '[1]', '{"city":"Os', 7, true])('%j is an unreadable call, as in a run', async (input) => {
  expect(await runTool(getWeather, input)).toMatchObject({ status: 'error', error: { kind: 'unreadable_call' } })
})

test.each<[unknown, string]>([
  [{ resultBytes: 3 }, 'runTool: resultBytes is 3; it must be a whole number of at least 256.'],
  [{ resultByte: 300 }, 'resultByte is not an option of runTool. Did you mean "resultBytes"?'],
  [{ signal: new AbortController() }, 'runTool: signal is an object of the class AbortController; it must be an'],
  [{ inputs: new Map() }, 'runTool: inputs is an object of the class Map; it must be a plain object.'],
  [{ callId: '' }, 'runTool: callId is ""; it must be a non-empty string.'],
  [null, 'The options of runTool are null; they must be a plain object.'],
])('wrong options %j are refused', async (options, message) => {
  const result = Promise.resolve(Reflect.apply(runTool, undefined, [getWeather, { city: 'Oslo' }, options]))
  await expect(result).rejects.toThrow(message)
  await expect(result).rejects.toBeInstanceOf(InvalidOptionError)
})

test('undefined, null and an empty text are read as an empty object', async () => {
  for (const input of [undefined, null, '', ' ']) {
    expect(
      (
        await runTool(
          tool((given) => Object.keys(given)),
          input,
        )
      ).content,
    ).toBe('[]')
  }
})

test('runTool returns the same result as a run', async () => {
  for (const args of ['{"city":"Oslo","days":"2"}', '{"town":"Oslo"}', '{"city":', '']) {
    const message = {
      role: 'assistant' as const,
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: args } }],
    }
    const router = createRouter([getWeather])
    const now = () => 0
    const [fromRun] = await router.dispatch(router.read(message).calls, { now })
    expect(await runTool(getWeather, args, { now })).toEqual(fromRun)
  }
})

test('a long text is clipped to a number of bytes between characters', async () => {
  for (const character of ['a', 'ü', '日', '🌍', '"', '\u0000', '\ud800']) {
    for (let limit = 256; limit < 264; limit++) {
      const { content, clipped } = await runTool(
        tool(() => character.repeat(2_000)),
        {},
        { resultBytes: limit },
      )
      expect(clipped).toBe(true)
      expect(Buffer.byteLength(content)).toBeLessThanOrEqual(limit)
      expect(content).not.toMatch(/\ufffd|\p{Surrogate}/u)
    }
  }
})

test('an error is JSON within the byte limit for any escapes in its message', async () => {
  for (const character of ['a', '"', '\u0000', '\ud800', '🌍']) {
    const { content } = await runTool(
      tool(() => Promise.reject(new Error(character.repeat(5_000)))),
      {},
      { resultBytes: 300 },
    )
    expect(Buffer.byteLength(content)).toBeLessThanOrEqual(300)
    expect(JSON.parse(content)).toMatchObject({ error: { kind: 'tool_failed', message: expect.any(String) } })
  }
})

test('a clipped result has room for the value even if the id of the call is long', async () => {
  const { content } = await runTool(
    tool(() => 'x'.repeat(2_000)),
    {},
    { callId: 'i'.repeat(5_000), resultBytes: 300 },
  )
  expect(Buffer.byteLength(content)).toBeLessThanOrEqual(300)
  expect(content).toContain('"$result":"tried"')
})

test('a timeout that is longer than the longest timer never fires', async () => {
  expect(
    await runTool(
      tool(() => sleep(20, 'late'), 2 ** 40),
      {},
    ),
  ).toMatchObject({ status: 'ok', value: 'late' })
})

test('a rejection after the timeout is neither unhandled nor in the result', async () => {
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  try {
    const late = tool(async () => {
      await sleep(30)
      throw new Error('too late')
    }, 5)
    expect(await runTool(late, {})).toMatchObject({ status: 'error', error: { kind: 'timeout' } })
    await sleep(60)
    expect(unhandled).toEqual([])
  } finally {
    process.off('unhandledRejection', note)
  }
})

test('a tool that aborts its own run is cancelled at once', async () => {
  const controller = new AbortController()
  const ending = tool(() => {
    controller.abort()
    return new Promise(() => undefined)
  })
  expect(await runTool(ending, {}, { signal: controller.signal })).toMatchObject({ error: { kind: 'cancelled' } })
})

const thrower = (thrown: unknown) => () => {
  throw thrown
}

test.each([
  ['a text', thrower('broken')],
  ['nothing', thrower(undefined)],
  ['an object without a prototype', thrower(Object.create(null))],
  [
    'an error whose message cannot be read',
    thrower({
      get message() {
        throw new Error('x')
      },
    }),
  ],
  ['an error whose message is not a string', thrower(Object.assign(new Error('x'), { message: 7 }))],
  ['a symbol', thrower(Symbol('x'))],
  ['a promise whose then throws', () => Object.fromEntries([['then', thrower(new Error('x'))]])],
  [
    'a promise that calls back twice',
    () =>
      Object.fromEntries([
        [
          'then',
          (done: (v: unknown) => void, failed: (v: unknown) => void) => {
            failed('x')
            done(1)
          },
        ],
      ]),
  ],
])('a tool that throws %s results in an error', async (_, execute) => {
  const result = await runTool(tool(execute), {})
  expect(result).toMatchObject({ status: 'error', error: { kind: 'tool_failed', message: expect.stringMatching(/./) } })
})

test('an error contains neither a stack nor a path of the server', async () => {
  const error = new Error(
    `cannot read ${process.cwd()}/secret/a.json\n    at read (${process.cwd()}/b.ts:1:2)\n    at file:///x/y.js:3:4`,
  )
  const { content } = await runTool(
    tool(() => Promise.reject(error)),
    {},
  )
  expect(content).toContain('cannot read secret/a.json')
  expect(content).not.toContain(process.cwd())
  expect(content).not.toMatch(/\bat /)
})

test('a value that nests deeper than the stack is an error, validated or not', async () => {
  let deep: unknown = {}
  for (let depth = 0; depth < 200_000; depth++) deep = { deep }
  expect(
    await runTool(
      tool(() => deep),
      {},
    ),
  ).toMatchObject({ error: { kind: 'invalid_output' } })
  const recursive = { ...tool(() => deep), outputSchema: { type: 'object', properties: { deep: { $ref: '#' } } } }
  expect((await runTool(recursive, {})).status).toBe('error')
})

test('the value of a tool is dropped if its signal was aborted before', async () => {
  const signal = AbortSignal.abort()
  let ran = false
  const result = await runTool(
    tool(() => {
      ran = true
    }),
    {},
    { signal },
  )
  expect(result).toMatchObject({ error: { kind: 'cancelled' } })
  expect(ran).toBe(false)
})

test('a tool without execute can be declared, and outside of a run its calls get an error that says so', async () => {
  const ask = defineTool({ name: 'ask', description: 'Asks a person.', inputSchema: { type: 'object' }, retries: 0 })
  const error = { kind: 'no_execute', message: expect.stringContaining('"ask" has no execute function.') }
  expect(await runTool(ask, {})).toMatchObject({ status: 'error', error })
  const [result] = await createRouter([ask]).dispatch([{ id: 'c1', name: 'ask', input: {}, repairs: [] }])
  expect(result).toMatchObject({ status: 'error', error })
})

test('a method of a tool can use its other fields', async () => {
  const tool = defineTool({
    name: 'self',
    description: 'Knows its name.',
    inputSchema: { type: 'object' },
    execute() {
      return Reflect.get(this, 'name')
    },
  })
  expect(await runTool(tool, {})).toMatchObject({ value: 'self' })
})
