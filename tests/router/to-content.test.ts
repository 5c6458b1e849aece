import { expect, test } from 'vitest'
import { defineTool } from '../../router/define-tool.ts'
import { InvalidToolError } from '../../router/errors.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import { emptyTool } from '../support/factories.ts'

/** A tool whose view is what its input asks for. */
const viewed = (
  toContent: (value: { readonly lines: readonly string[] }, input: { count: number }) => unknown,
  readMore = 'a lower count',
) =>
  defineTool({
    name: 'read_log',
    description: 'Reads a log.',
    inputSchema: { type: 'object', properties: { count: { type: 'integer' } }, required: ['count'] },
    outputSchema: {
      type: 'object',
      properties: { lines: { type: 'array', items: { type: 'string' } } },
      required: ['lines'],
    },
    execute: ({ count }) => ({ lines: Array.from({ length: count }, (_, index) => `line ${index}`) }),
    toContent,
    readMore,
  })

test('a text that toContent returns is shown as it is, and the value stays complete', async () => {
  const tool = viewed(({ lines }, { count }) => `${count} lines, the last is ${lines.at(-1)}`)
  expect(await runTool(tool, { count: 2 })).toMatchObject({
    status: 'ok',
    content: '2 lines, the last is line 1',
    isView: true,
    clipped: false,
    value: { lines: ['line 0', 'line 1'] },
  })
})

test('anything else that toContent returns is shown as JSON', async () => {
  const result = await runTool(
    viewed(({ lines }) => ({ count: lines.length })),
    { count: 2 },
  )
  expect(result).toMatchObject({ content: '{"count":2}', isView: true })
})

test('a view that equals the value as JSON is not a view', async () => {
  for (const toContent of [(value: unknown) => value, (value: unknown) => structuredClone(value)]) {
    const result = await runTool(viewed(toContent), { count: 1 })
    expect(result).toMatchObject({ content: '{"lines":["line 0"]}' })
    expect(result).not.toHaveProperty('isView')
    expect(result).not.toHaveProperty('viewProblem')
  }
})

test('a long view is clipped, and its marker says how to use the full value', async () => {
  const tool = viewed(({ lines }) => lines.join('\n'))
  const result = await runTool(tool, { count: 5_000 })
  expect(result).toMatchObject({ isView: true, clipped: true })
  expect(Buffer.byteLength(result.content)).toBeLessThanOrEqual(16_384)
  expect(result.content).toContain('{"$result":"call_1"}')
})

test('a long text view is cut between lines, and the note says how many are left out and how to read more', async () => {
  const tool = viewed(({ lines }) => lines.join('\n'), 'a narrower window, or offset')
  const { content } = await runTool(tool, { count: 5_000 })
  const [head = [], note = '', tail = []] = partsOf(content)
  const left = 5_000 - head.length - tail.length
  expect([...head, ...tail]).toEqual(lines(5_000).toSpliced(head.length, left))
  expect(note).toBe(
    `[… ${left} of 5000 lines left out; to read more, use a narrower window, or offset; to use the full value in a call, ` +
      'pass {"$result":"call_1"}, or a part of it, as {"$result":"call_1#/lines"} …]',
  )
})

const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`)

function partsOf(content: string): readonly [readonly string[], string, readonly string[]] {
  const all = content.split('\n')
  const at = all.findIndex((line) => line.startsWith('[…'))
  return [all.slice(0, at), all[at] ?? '', all.slice(at + 1)]
}

test('long JSON stays JSON: the note after it names the list, and how to pass it on', async () => {
  const tool = emptyTool({ name: 'read_log', execute: () => ({ source: 'engine', log: { lines: lines(3_000) } }) })
  const { content, clipped } = await runTool(tool, { count: 1 })
  const [json = '', note] = content.split('\n')
  const left = 3_000 - (JSON.parse(json).log.lines.length - 1)
  expect(clipped).toBe(true)
  expect(note).toMatch(
    new RegExp(`^\\[… ${left} of 3000 items of /log/lines left out; to use the full value in a call`),
  )
  expect(note).toContain('as {"$result":"call_1#/log/lines"}')
  expect(Buffer.byteLength(content)).toBeGreaterThan(15_000)
})

test.each(['', ' ', 'x'.repeat(201), 7])('readMore %j is refused', (readMore) => {
  const define = () => Reflect.apply(defineTool, undefined, [{ ...viewed(String), readMore }])
  expect(define).toThrow('it must be a text of at most 200 characters, not blank.')
})

test.each<[string, () => unknown, string]>([
  ['throws', () => Reflect.get(Object(undefined), 'x').y, 'threw an error'],
  ['returns nothing', () => undefined, 'returned a value that JSON cannot represent'],
  ['returns a blank text', () => ' \n', 'returned a blank text'],
  ['returns a Map', () => new Map(), 'returned '],
  ['returns NaN', () => ({ mean: Number.NaN }), 'returned '],
  ['returns a BigInt', () => 1n, 'returned '],
  ['is async', () => Promise.reject(new Error('late')), 'returned a promise, but it must return at once'],
])('if toContent %s, the value is shown as JSON, and the result says why', async (_, toContent, problem) => {
  const result = await runTool(viewed(toContent), { count: 1 })
  expect(result).toMatchObject({ status: 'ok', content: '{"lines":["line 0"]}', clipped: false })
  expect(result).toHaveProperty('viewProblem', expect.stringContaining(`toContent of "read_log" ${problem}`))
  expect(result).not.toHaveProperty('isView')
})

test('toContent gets the value that later calls get, and the input that the tool got', async () => {
  const seen: unknown[] = []
  const tool = defineTool({
    name: 'clock',
    description: 'The time.',
    inputSchema: { type: 'object', properties: { zone: { type: 'string' } } },
    execute: () => ({ at: new Date(0) }),
    toContent: (...given) => seen.push(...given),
  })
  await runTool(tool, '{"zone":1}')
  expect(seen).toEqual([{ at: '1970-01-01T00:00:00.000Z' }, { zone: '1' }])
})

test('a failed call has no view', async () => {
  const seen: unknown[] = []
  expect(
    await runTool(
      viewed((value) => seen.push(value)),
      {},
    ),
  ).toMatchObject({ status: 'error' })
  expect(seen).toEqual([])
})

test('toContent must be a function', () => {
  const define = () => Reflect.apply(defineTool, undefined, [{ ...viewed(String), toContent: 'short' }])
  expect(define).toThrow(InvalidToolError)
  expect(define).toThrow('Tool "read_log": toContent is "short"; it must be a function.')
})

test('a router shows views, too', async () => {
  const router = createRouter([viewed(({ lines }) => lines.join(' | '))])
  const [result] = await router.dispatch([{ id: 'c1', name: 'read_log', input: { count: 2 }, repairs: [] }])
  expect(result).toMatchObject({ content: 'line 0 | line 1', isView: true })
})
