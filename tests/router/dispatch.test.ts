import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import type { ToolContext } from '../../router/tool.ts'
import type { ToolCall } from '../../router/tool-call.ts'
import { emptyTool } from '../support/factories.ts'
import { getWeather } from '../support/weather.ts'

const call = (name: string, input: unknown, id = 'call_1'): ToolCall => ({ id, name, input, repairs: [] })
const tool = (name: string, execute: (input: object, context: ToolContext) => unknown, timeoutMs = 5_000) =>
  emptyTool({ name, description: name, timeoutMs, execute })

test('a valid call results in the value and its JSON for the model', async () => {
  const result = await runTool(getWeather, { city: 'Oslo' })
  expect(result).toMatchObject({
    status: 'ok',
    value: { city: 'Oslo', celsius: 4 },
    content: '{"city":"Oslo","celsius":4}',
    clipped: false,
  })
})

test('all validation errors of an input are listed with path, expectation and received value', async () => {
  const result = await runTool(getWeather, { town: 'Oslo', days: 9 })
  expect(result.content).toContain('required property \\"city\\" is missing')
  expect(result.content).toContain('unknown property')
  expect(result.content).toContain('/days: must be <= 7, received 9')
})

test('the error for an unknown property suggests the property that was probably meant', async () => {
  expect((await runTool(getWeather, { city: 'Oslo', dayz: 1 })).content).toContain('did you mean \\"days\\"?')
})

test('scalars and JSON in strings are coerced without loss, and the repair is recorded', async () => {
  expect(await runTool(getWeather, { city: 'Oslo', days: '3' })).toMatchObject({
    status: 'ok',
    input: { city: 'Oslo', days: 3 },
    repairs: [{ kind: 'coerced', path: '/days', before: '3', after: '3' }],
  })
  expect(await runTool(getWeather, { city: 'Oslo', days: '3.5' })).toMatchObject({ status: 'error' })
})

test('the error for an unknown tool lists the tools', async () => {
  const [result] = await createRouter([getWeather]).dispatch([call('get_wether', {})])
  expect(result).toMatchObject({ status: 'error', error: { kind: 'unknown_tool' } })
  expect(result?.content).toContain('Did you mean \\"get_weather\\"?')
})

test('the error of a tool that throws has its message without secrets and stack', async () => {
  const failing = tool('fail', () => {
    throw new Error('disk is full, token=abcdef1234567890')
  })
  const result = await runTool(failing, {})
  expect(result).toMatchObject({
    status: 'error',
    error: { kind: 'tool_failed', message: 'disk is full, token=[redacted]' },
  })
  expect(result.content).not.toContain('at ')
})

test('a tool that hangs times out: its signal is aborted and its late value is dropped', async () => {
  let aborted = false
  const hanging = tool(
    'hang',
    async (_, { signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      await sleep(200)
      return 'late'
    },
    20,
  )
  expect(await runTool(hanging, {})).toMatchObject({ status: 'error', error: { kind: 'timeout' } })
  expect(aborted).toBe(true)
})

test('an output that does not match its schema or that JSON cannot represent is an error', async () => {
  const wrong = { ...getWeather, execute: () => ({ city: 'Oslo', celsius: 'warm' }) as never }
  expect(await runTool(wrong, { city: 'Oslo' })).toMatchObject({ status: 'error', error: { kind: 'invalid_output' } })
  expect(
    await runTool(
      tool('big', () => 1n),
      {},
    ),
  ).toMatchObject({ status: 'error', error: { kind: 'invalid_output' } })
})

test('results are in the order of the calls, and the concurrency is limited', async () => {
  let running = 0
  let most = 0
  const slow = tool('slow', async (input) => {
    most = Math.max(most, ++running)
    await sleep(Number(Reflect.get(input, 'ms')))
    running--
    return Reflect.get(input, 'ms')
  })
  const calls = [30, 5, 20, 1].map((ms, index) => call('slow', { ms }, `call_${index}`))
  const results = await createRouter([slow]).dispatch(calls, { concurrency: 2 })
  expect(results.map(({ content }) => content)).toEqual(['30', '5', '20', '1'])
  expect(most).toBe(2)
})

test('a long result is clipped to a number of bytes and says how to use the full value', async () => {
  const long = tool('long', () => 'ü'.repeat(10_000))
  const result = await runTool(long, {}, { resultBytes: 1_000 })
  expect(Buffer.byteLength(result.content)).toBeLessThanOrEqual(1_000)
  expect(result.content).not.toContain('\ufffd')
  expect(result).toMatchObject({ clipped: true, value: 'ü'.repeat(10_000) })
  expect(result.content).toContain('{"$result":"call_1"}')
})

test('a reference is replaced by the full value before the input is validated', async () => {
  const inputs = { place: { name: 'Oslo', list: ['Bergen'] } }
  expect(await runTool(getWeather, { city: { $input: 'place#/list/0' } }, { inputs })).toMatchObject({
    value: { city: 'Bergen' },
  })
})

test('the error for a reference without a target lists what can be referenced', async () => {
  const result = await runTool(getWeather, { city: { $input: 'place#/nam' } }, { inputs: { place: { name: 'Oslo' } } })
  expect(result).toMatchObject({ status: 'error', error: { kind: 'unresolved_reference' } })
  expect(result.content).toContain('no member \\"nam\\"; it has name')
  expect(result.content).toContain('\\"$input\\" can name: place')
})

test('an input with __proto__ is refused before it is read', async () => {
  const result = await runTool(
    tool('any', () => 1),
    JSON.parse('{"__proto__":{"admin":true}}'),
  )
  expect(result).toMatchObject({ status: 'error', error: { kind: 'unreadable_call' } })
})
