import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { defineTool } from '../../router/define-tool.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import type { ToolContext } from '../../router/tool.ts'
import { emptyTool } from '../support/factories.ts'

const make = (execute: (input: object, context: ToolContext) => unknown, timeoutMs = 5_000) =>
  emptyTool({ name: 'make', description: 'Makes.', timeoutMs, execute })

class Point {
  readonly x = 1
}

test.each([
  ['a date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
  ['an instance of a class', new Point(), { x: 1 }],
  ['a member that is undefined', { a: undefined, b: 1 }, { b: 1 }],
  ['nothing', undefined, null],
])('the value of %s is what the model sees', async (_, output, value) => {
  const result = await runTool(
    make(() => output),
    {},
  )
  expect(result).toMatchObject({ status: 'ok' })
  expect(result.status === 'ok' && result.value).toStrictEqual(value)
  expect(JSON.parse(result.content)).toStrictEqual(value)
})

const cycle: { parts: unknown[] } = { parts: [] }
cycle.parts.push(cycle)

test.each<[string, unknown, string]>([
  ['a bigint', { a: 1, c: 2n }, '/c'],
  ['an object that contains itself', { c: cycle }, '/c/parts/0'],
  ['NaN', [Number.NaN], '/0'],
  ['-Infinity', { a: { b: Number.NEGATIVE_INFINITY } }, '/a/b'],
  ['a function', { 'x/y': () => 1 }, '/x~1y'],
  ['a function', () => 1, '(root)'],
  ['a symbol', { a: Symbol('x') }, '/a'],
  ['a Map', { a: [new Map()] }, '/a/0'],
  ['a Promise', { a: Promise.resolve(1) }, '/a'],
  ['an Error', new Error('x'), '(root)'],
])('the error for %s, which JSON would silently lose, names its place', async (kind, output, path) => {
  const result = await runTool(
    make(() => output),
    {},
  )
  expect(result).toMatchObject({ error: { kind: 'invalid_output' } })
  expect(result.content).toContain(`${kind} at ${path}`)
})

test('one object in two places is not a cycle', async () => {
  const shared = { at: new Date(0) }
  expect(
    await runTool(
      make(() => ({ a: shared, b: [shared] })),
      {},
    ),
  ).toMatchObject({ status: 'ok' })
})

test('a date satisfies an output schema that says string', async () => {
  const tool = defineTool({
    name: 'clock',
    description: 'Returns the time.',
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

test('a tool that blocks the process beyond its timeout has timed out, synchronous or not', async () => {
  const synchronous = make(() => block(30), 10)
  const late = make(async () => {
    await immediate()
    block(30)
    return 1
  }, 10)
  for (const tool of [synchronous, late]) expect(await runTool(tool, {})).toMatchObject({ error: { kind: 'timeout' } })
})

test('an abort is noticed between many synchronous calls', async () => {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 5)
  const router = createRouter([make(() => block(15))])
  const calls = Array.from({ length: 5 }, (_, index) => ({ id: `c${index}`, name: 'make', input: {}, repairs: [] }))
  const results = await router.dispatch(calls, { signal: controller.signal, concurrency: 1 })
  expect(results.at(-1)).toMatchObject({ error: { kind: 'cancelled' } })
  expect(results).toHaveLength(5)
})

test('a tool can spread its context and pass it on', async () => {
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
])('the references that a clipped result suggests work: %s', async (_name, value, references) => {
  const router = createRouter([make(() => value)])
  const [result] = await router.dispatch([{ id: 'c', name: 'make', input: {}, repairs: [] }], { resultBytes: 400 })
  const shown = [...(result?.content ?? '').matchAll(/\{"\$result":"([^"]*)"\}/g)].map(([, target]) => target)
  expect(shown).toEqual(references)
})

test('a message with many escapes is shortened, not lost', async () => {
  const tool = make(() => {
    throw new Error('"'.repeat(900))
  })
  const result = await runTool(tool, {}, { resultBytes: 256 })
  expect(result.clipped).toBe(true)
  expect(JSON.parse(result.content).error.message.length).toBeGreaterThan(50)
})
