import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readArguments } from '../../router/arguments.ts'
import { canonicalJson } from '../../router/json/json.ts'
import { jsonSpans } from '../../router/json/json-scan.ts'
import type { AssistantMessage } from '../../router/reading/assistant-message.ts'
import { content, jsonish, message } from './support/arbitrary-replies.ts'
import { brokenRule, executed, router, tools } from './support/exchange.ts'
import { numberOfCases } from './support/runs.ts'

/** A validator that shares nothing with the router's but the library. */
const ajv = new Ajv2020({ strict: false })
const allows = new Map(tools.map((tool) => [tool.name, ajv.compile(tool.inputSchema)]))
const loneSurrogate = /\p{Surrogate}/u
const resultBytes = 400

function expectSoundResults(results: Awaited<ReturnType<typeof router.dispatch>>): void {
  for (const { content: shown } of results) {
    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(resultBytes)
    expect(loneSurrogate.test(shown)).toBe(false)
  }
}

test('any message is read without an exception, can be sent back, and has one valid result per call, in order', async () => {
  const property = fc.asyncProperty(message, fc.boolean(), async (original, truncated) => {
    executed.length = 0
    const reading = router.read(original as AssistantMessage, { truncated })
    const results = await router.dispatch(reading.calls, { resultBytes, references: scope })
    expect(results.map(({ id }) => id)).toEqual(reading.calls.map(({ id }) => id))
    expect(new Set(results.map(({ id }) => id)).size).toBe(results.length)
    expectSoundResults(results)
    expect(brokenRule(reading, results)).toBeUndefined()
    if (truncated) expect(executed).toEqual([])
    expect(executed).toHaveLength(results.filter(({ status }) => status === 'ok').length)
    for (const { tool, input } of executed) expect(allows.get(tool)?.(input)).toBe(true)
  })
  await fc.assert(property, { numRuns: numberOfCases(30_000) })
}, 600_000)

const scope = { result: () => undefined, resultNames: () => [], inputs: { g: 'Oslo' } }

test('any call that is dispatched without being read has one result', async () => {
  const call = fc.record({
    id: fc.string(),
    name: fc.constantFrom(...allows.keys(), 'rm', '__proto__'),
    input: jsonish,
  })
  const property = fc.asyncProperty(fc.array(call, { maxLength: 5 }), async (asked) => {
    executed.length = 0
    const results = await router.dispatch(
      asked.map((one) => ({ ...one, repairs: [] })),
      { resultBytes },
    )
    expect(results.map(({ id }) => id)).toEqual(asked.map(({ id }) => id))
    expectSoundResults(results)
    for (const { tool, input } of executed) expect(allows.get(tool)?.(input)).toBe(true)
  })
  await fc.assert(property, { numRuns: numberOfCases(30_000) })
}, 600_000)

test('JSON is found in any text exactly as JSON.parse reads it', () => {
  const property = fc.property(
    fc.array(
      fc.oneof(
        jsonish.map((value) => JSON.stringify(value)),
        content,
      ),
      { maxLength: 4 },
    ),
    (parts) => {
      const text = parts.join(' ').trim()
      let position = 0
      for (const { start, end } of jsonSpans(text)) {
        expect(start).toBeGreaterThanOrEqual(position)
        expect(JSON.parse(text.slice(start, end))).toBeInstanceOf(Object)
        position = end
      }
      if (parts.length === 1 && /^[[{]/.test(text) && isJson(text))
        expect(jsonSpans(text)).toMatchObject([{ start: 0, end: text.length }])
    },
  )
  fc.assert(property, { numRuns: numberOfCases(100_000) })
}, 600_000)

test('arguments in Python notation are read as the same value', () => {
  const property = fc.property(jsonObject, fc.boolean(), (value, trailing) => {
    const reading = readArguments(python(value, trailing))
    expect(reading).toMatchObject({ kind: 'read' })
    expect(reading.kind === 'read' && reading.input).toEqual(JSON.parse(JSON.stringify(value)))
  })
  fc.assert(property, { numRuns: numberOfCases(30_000) })
}, 600_000)

test('truncated arguments are never read as complete', () => {
  const property = fc.property(
    jsonObject,
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.boolean(),
    (value, part, isJson) => {
      const text = isJson ? JSON.stringify(value) : python(value, false)
      const beginning = text.slice(0, Math.floor(part * text.length))
      if (beginning.trim() !== '' && beginning !== text) expect(readArguments(beginning).kind).toBe('unreadable')
    },
  )
  fc.assert(property, { numRuns: numberOfCases(30_000) })
}, 600_000)

const safeValue = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' })
const jsonObject = fc.dictionary(fc.string({ unit: 'binary', maxLength: 5, minLength: 1 }), safeValue, { maxKeys: 4 })

function python(value: unknown, trailing: boolean): string {
  const comma = trailing ? ',' : ''
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return JSON.stringify(value)
  if (typeof value === 'string') return `'${JSON.stringify(value).slice(1, -1).replaceAll("'", "\\'")}'`
  if (Array.isArray(value))
    return value.length === 0 ? '[]' : `[${value.map((item) => python(item, trailing)).join(', ')}${comma}]`
  const members = Object.entries(value as object).map(
    ([key, member]) => `${python(key, trailing)}: ${python(member, trailing)}`,
  )
  return members.length === 0 ? '{}' : `{${members.join(', ')}${comma}}`
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('canonical JSON has the same value, and does not depend on the order of members', () => {
  const object = fc.dictionary(
    fc.oneof(fc.constantFrom('a', 'b', '2', '10', '"', 'ä', '😀'), fc.string()),
    fc.jsonValue(),
  )
  const property = fc.property(object, (value) => {
    const json = canonicalJson(value)
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)))
    expect(canonicalJson(Object.fromEntries(Object.entries(value).toReversed()))).toBe(json)
  })
  fc.assert(property, { numRuns: numberOfCases(5_000) })
})
