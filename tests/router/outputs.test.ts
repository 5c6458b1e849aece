import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import type { ToolContext } from '../../router/tool.ts'
import { defineTool } from '../../router/tool.ts'
import { emptyTool } from '../support/factories.ts'

const make = (execute: (input: object, context: ToolContext) => unknown, timeoutMs = 5_000) =>
  emptyTool({ name: 'make', description: 'Makes.', timeoutMs, execute })

class Point {
  readonly x = 1
}

test.each([
  ['a date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
  ['an instance of a class', new Point(), { x: 1 }],
  ['what is no number', [Number.NaN], [null]],
  ['a member that is undefined', { a: undefined, b: 1 }, { b: 1 }],
  ['nothing', undefined, null],
])('of %s the value is what the model is shown', async (_, output, value) => {
  const result = await runTool(
    make(() => output),
    {},
  )
  expect(result).toMatchObject({ status: 'ok' })
  expect(result.status === 'ok' && result.value).toStrictEqual(value)
  expect(JSON.parse(result.content)).toStrictEqual(value)
})

test.each([
  ['a Map', { a: [new Map()] }, '/a/0'],
  ['a Promise', { a: Promise.resolve(1) }, '/a'],
  ['an Error', new Error('x'), '(root)'],
])('%s, which JSON would write as nothing, is told to the author of the tool', async (kind, output, path) => {
  const result = await runTool(
    make(() => output),
    {},
  )
  expect(result).toMatchObject({ error: { kind: 'invalid_output' } })
  expect(result.content).toContain(`${kind} at ${path}`)
})

test('a date satisfies an output schema that says string', async () => {
  const tool = defineTool({
    name: 'clock',
    description: 'Tells the time.',
    inputSchema: { type: 'object' },
    outputSchema: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] },
    execute: () => ({ at: new Date(0) as unknown as string }),
  })
  expect(await runTool(tool, {})).toMatchObject({ status: 'ok', value: { at: '1970-01-01T00:00:00.000Z' } })
})

const block = (milliseconds: number) => {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

test('a tool that blocks the process beyond its time has timed out, whether it is synchronous or not', async () => {
  const synchronous = make(() => block(30), 10)
  const late = make(async () => {
    await immediate()
    block(30)
    return 1
  }, 10)
  for (const tool of [synchronous, late]) expect(await runTool(tool, {})).toMatchObject({ error: { kind: 'timeout' } })
})

test('an abort is seen between synchronous calls, however many follow on each other', async () => {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 5)
  const router = createRouter([make(() => block(15))])
  const calls = Array.from({ length: 5 }, (_, index) => ({ id: `c${index}`, name: 'make', input: {}, repairs: [] }))
  const results = await router.dispatch(calls, { signal: controller.signal, concurrency: 1 })
  expect(results.at(-1)).toMatchObject({ error: { kind: 'cancelled' } })
  expect(results).toHaveLength(5)
})

test('a tool may pass on its context by its members', async () => {
  let passed: Partial<ToolContext> = {}
  const tool = make(async (_, context) => {
    passed = { ...context }
    await sleep(1000, undefined, { signal: context.signal })
  }, 20)
  expect(await runTool(tool, {})).toMatchObject({ error: { kind: 'timeout' } })
  expect(passed.signal?.aborted).toBe(true)
  expect(passed.callId).toBe('call_1')
})

const long = 'x'.repeat(1000)

test.each([
  ['an object', { lines: [long] }, ['c', 'c#/lines']],
  ['a list', [long], ['c', 'c#/0']],
  ['an object whose first member needs escapes', { 'a/b "c"': long }, ['c']],
  ['a text', long, ['c']],
])('the marker of a clipped result shows references that work: %s', async (_name, value, references) => {
  const router = createRouter([make(() => value)])
  const [result] = await router.dispatch([{ id: 'c', name: 'make', input: {}, repairs: [] }], { resultBytes: 400 })
  const shown = [...(result?.content ?? '').matchAll(/\{"\$result":"([^"]*)"\}/g)].map(([, target]) => target)
  expect(shown).toEqual(references)
})

test('a message that needs many escapes is shortened, not lost', async () => {
  const tool = make(() => {
    throw new Error('"'.repeat(900))
  })
  const result = await runTool(tool, {}, { resultBytes: 256 })
  expect(result.clipped).toBe(true)
  expect(JSON.parse(result.content).error.message.length).toBeGreaterThan(50)
})
