import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { copyTargets, type TargetCopies } from '../../router/copy-targets.ts'
import { defineTool } from '../../router/define-tool.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import { emptyTool } from '../support/factories.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'

const targetsOf = (inputs: Readonly<Record<string, unknown>>) => ({
  result: () => undefined,
  resultNames: () => [],
  inputs,
})

function copyOf(value: unknown, maxBytes = 16_777_216): TargetCopies | Promise<TargetCopies> {
  return copyTargets({ value: { $input: 'value' } }, targetsOf({ value }), maxBytes)
}

test('a copy equals the value, shares no container with it, and has about the size of its JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const copied = copyOf(value)
      if (copied instanceof Promise) throw new Error('A small value is copied at once')
      const copy = copied.copies.get('$input value#')
      expect(JSON.stringify(copy?.value)).toBe(JSON.stringify(value))
      expect(sharesContainer(copy?.value, value)).toBe(false)
      const bytes = Buffer.byteLength(JSON.stringify(value))
      expect(copy?.bytes).toBeLessThanOrEqual(2 * bytes + 16)
      expect(copy?.bytes).toBeGreaterThanOrEqual(bytes / 8)
    }),
  )
})

function sharesContainer(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) return false
  if (one === other) return true
  return Object.keys(one).some((key) => sharesContainer(Reflect.get(one, key), Reflect.get(other, key)))
}

test('an input without references has the same limit as one with them', () => {
  const reference = { r: { $input: 'missing' } }
  const referenceBytes = 25
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(200), (value, maxBytes) => {
      const plain = copyTargets({ value }, targetsOf({}), maxBytes)
      const withReference = copyTargets({ value, ...reference }, targetsOf({}), maxBytes + referenceBytes)
      if (plain instanceof Promise || withReference instanceof Promise) throw new Error('There is nothing to copy')
      expect(plain.excess === undefined).toBe(withReference.excess === undefined)
    }),
    { numRuns: 1_000 },
  )
})

test('a value with a member named __proto__ keeps it as a member of its own', () => {
  const value: unknown = JSON.parse('{"__proto__":{"admin":true}}')
  const copied = copyOf(value)
  const copy = copied instanceof Promise ? undefined : copied.copies.get('$input value#')?.value
  expect(JSON.stringify(copy)).toBe('{"__proto__":{"admin":true}}')
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
})

test('a value of any depth is copied', async () => {
  let value: unknown = 1
  for (let depth = 0; depth < 20_000; depth++) value = [value]
  expect((await copyOf(value)).copies.size).toBe(1)
})

const rows = (count: number) => Array.from({ length: count }, (_, i) => ({ i, s: `abcdefgh${i}` }))

test('a large value is copied in slices, between which other work goes on', async () => {
  const value = rows(300_000)
  const copying = copyOf(value)
  expect(copying).toBeInstanceOf(Promise)
  let turns = 0
  let isDone = false
  const turn = () => {
    turns++
    if (!isDone) setImmediate(turn)
  }
  setImmediate(turn)
  const { copies } = await copying
  isDone = true
  expect(turns).toBeGreaterThan(1)
  expect(copies.get('$input value#')?.value).toEqual(value)
})

test('a value that is too large is not copied as a whole', async () => {
  const { excess } = await copyOf(rows(10_000), 1_000)
  expect(excess).toMatchObject({ isLowerBound: true })
  expect(excess?.bytes).toBeLessThan(50_000)
})

const big = { rows: rows(3_000) }
const bigBytes = Buffer.byteLength(JSON.stringify(big.rows))

function eater() {
  const seen: { xs: unknown[] }[] = []
  const eat = defineTool({
    name: 'eat',
    description: 'Takes values.',
    inputSchema: { type: 'object', properties: { xs: { type: 'array' } }, required: ['xs'] },
    execute: (input: { xs: unknown[] }, { callId }) => {
      seen.push(input)
      return { count: input.xs.length, callId }
    },
  })
  return { eat, seen }
}

async function eatReferences(count: number, inputBytes?: number) {
  const { eat, seen } = eater()
  const logs = emptyTool({ name: 'logs', execute: () => big })
  const run = await runLoop({
    model: scriptedModel([
      calls('logs', {}),
      calls('eat', { xs: Array.from({ length: count }, () => ({ $result: 'logs#/rows' })) }),
      says('Done.'),
    ]),
    tools: [logs, eat],
    prompt: 'Eat.',
    runId: 'run',
    ...(inputBytes === undefined ? {} : { limits: { inputBytes } }),
  })
  return { result: run.results[1], seen }
}

test('a hundred references to one value get one copy, which is not the value itself', async () => {
  const { result, seen } = await eatReferences(100)
  expect(result?.status).toBe('ok')
  expect(new Set(seen[0]?.xs).size).toBe(1)
  expect(seen[0]?.xs[0]).not.toBe(big.rows)
  expect(seen[0]?.xs[0]).toEqual(big.rows)
})

test('an input above inputBytes is refused with its size, the limit and the next step', async () => {
  const { result, seen } = await eatReferences(100, 1_000_000)
  expect(seen).toEqual([])
  expect(result).toMatchObject({ status: 'error', error: { kind: 'invalid_input' } })
  const message = result?.status === 'error' ? result.error.message : ''
  const [, size] = /would have (\d+) bytes/.exec(message) ?? []
  expect(Number(size)).toBeGreaterThan(90 * bigBytes)
  expect(Number(size)).toBeLessThan(110 * bigBytes)
  expect(message).toContain('at most 1000000 are allowed')
  expect(message).toContain('Refer to a smaller part')
})

test('sixteen MiB are the default, and an input without references is limited as well', async () => {
  const tool = emptyTool({ name: 'echo', execute: () => 1 })
  const { dispatch } = createRouter([tool])
  const call = (bytes: number) => ({ id: 'c', name: 'echo', input: { text: 'x'.repeat(bytes) }, repairs: [] })
  expect(await dispatch([call(16_000_000)])).toMatchObject([{ status: 'ok' }])
  expect(await dispatch([call(17_000_000)])).toMatchObject([{ error: { kind: 'invalid_input' } }])
  expect(await dispatch([call(2_000)], { inputBytes: 1_000 })).toMatchObject([{ error: { kind: 'invalid_input' } }])
  await expect(dispatch([call(1)], { inputBytes: 0 })).rejects.toThrow('inputBytes is 0')
})

test('the key of a call with a large reference depends on the call that returned the value', async () => {
  const keyFor = async (count: number) => {
    const { result } = await eatReferences(count)
    return result?.callId
  }
  expect(await keyFor(2)).toBe(await keyFor(2))
  expect(await keyFor(2)).not.toBe(await keyFor(3))
})

test.each([0, -1, 1.5, '16M'])('limits.inputBytes %j is refused before any request', async (inputBytes) => {
  const run = runLoop({ model: scriptedModel([]), prompt: 'Eat.', limits: { inputBytes: inputBytes as number } })
  await expect(run).rejects.toThrow('limits.inputBytes is')
})

test('of a large referenced value only the first errors are looked at, and the rest of the input is still converted', async () => {
  const tool = defineTool({
    name: 'sum',
    description: 'Adds numbers.',
    inputSchema: {
      type: 'object',
      properties: { limit: { type: 'integer' }, xs: { type: 'array', items: { type: 'integer' } } },
      required: ['limit', 'xs'],
    },
    execute: ({ limit }) => limit,
  })
  const inputs = {
    good: Array.from({ length: 40_000 }, (_, i) => i),
    bad: Array.from({ length: 40_000 }, () => 'many'),
  }
  const good = await runTool(tool, { limit: '5', xs: { $input: 'good' } }, { inputs })
  expect(good).toMatchObject({ status: 'ok', value: 5 })
  const bad = await runTool(tool, { limit: '5', xs: { $input: 'bad' } }, { inputs })
  expect(bad.status === 'error' ? bad.error.message.split('\n') : []).toEqual([
    'The input of "sum" does not match its schema:',
    '- /xs/0: expected integer, received "many"',
  ])
})
