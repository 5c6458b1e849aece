import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defineTool } from '../../router/define-tool.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import type { Tool } from '../../router/tool.ts'
import { fixPlanSchema } from '../../tools/schemas/fix-plan.ts'
import { numberOfCases } from './support/runs.ts'

const taking = (properties: object, more: object = {}): Tool =>
  defineTool({
    name: 'take',
    description: 'Takes what its schema says.',
    inputSchema: { type: 'object', properties, additionalProperties: false, ...more } as { type: 'object' },
    execute: () => 'taken',
  })

async function errorsOf(tool: Tool, input: unknown): Promise<readonly string[]> {
  const result = await runTool(tool, input)
  const message = result.status === 'error' ? result.error.message : ''
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1024)
  return message.split('\n').slice(1)
}

const plan = taking({ fix_plan: fixPlanSchema }, { required: ['fix_plan'] })
const withActions = (...actions: readonly object[]) => ({ fix_plan: { summary: 'x', actions } })

test('for a union with a discriminator, only the errors of the chosen branch are reported', async () => {
  expect(await errorsOf(plan, withActions({ action: 'reset_gpu', gpu: -1, node: 'a' }))).toEqual([
    '- /fix_plan/actions/0: unknown property "node"; the properties are action, gpu',
    '- /fix_plan/actions/0/gpu: must be >= 0, received -1',
  ])
  expect(await errorsOf(plan, withActions({ action: 'align_nccl_env', env: { FOO: 'x' } }))).toEqual([
    '- /fix_plan/actions/0/env: property name "FOO" must match pattern "^NCCL_"',
  ])
})

test('an unknown tag is reported with all tags and a suggestion', async () => {
  const [line, ...others] = await errorsOf(plan, withActions({ action: 'reset_gpus', gpu: 1 }))
  expect(others).toEqual([])
  expect(line).toMatch(
    /^- \/fix_plan\/actions\/0\/action: expected one of "set_engine_args", "set_env", .*"no_change", received "reset_gpus"; did you mean "reset_gpu"\?$/,
  )
  const [missing] = await errorsOf(plan, withActions({ gpu: 1 }))
  expect(missing).toMatch(/\/action: expected one of .*, received nothing$/)
})

test('each wrong item of a list is reported', async () => {
  const lines = await errorsOf(
    plan,
    withActions({ action: 'reset_gpu', gpu: 'x' }, { action: 'drain_node' }, { action: 'restart_engine' }),
  )
  expect(lines).toEqual([
    '- /fix_plan/actions/0/gpu: expected integer, received "x"',
    '- /fix_plan/actions/1: required property "node" is missing',
  ])
})

test('a union of types is one expectation, and errors are those of the branch for the type', async () => {
  const tool = taking({
    value: {
      anyOf: [
        { type: 'integer', minimum: 3 },
        { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false },
        { type: 'null' },
      ],
    },
  })
  expect(await errorsOf(tool, { value: [] })).toEqual(['- /value: expected integer or object or null, received []'])
  expect(await errorsOf(tool, { value: 1 })).toEqual(['- /value: must be >= 3, received 1'])
  expect(await errorsOf(tool, { value: { a: [] } })).toEqual(['- /value/a: expected string, received []'])
})

test('a value that matches two branches of oneOf is reported as such', async () => {
  const tool = taking({ value: { oneOf: [{ type: 'number' }, { type: 'integer' }] } })
  expect(await errorsOf(tool, { value: 1 })).toEqual(['- /value: must match exactly one schema in oneOf, received 1'])
})

const isBig = { properties: { kind: { const: 'big' } } }
const atLeastTen = { properties: { size: { type: 'integer', minimum: 10 } } }

test('a condition is reported by the part that does not match', async () => {
  const tool = taking(
    { kind: { type: 'string' }, size: { type: 'integer' } },
    {
      allOf: [
        Object.fromEntries([
          ['if', isBig],
          ['then', atLeastTen],
        ]),
      ],
    },
  )
  expect(await errorsOf(tool, { kind: 'big', size: 1 })).toEqual(['- /size: must be >= 10, received 1'])
})

test('errors that do not fit are counted, and the title stays', async () => {
  const tool = taking({ list: { type: 'array', items: { anyOf: [{ type: 'integer' }, { type: 'null' }] } } })
  const lines = await errorsOf(tool, { list: Array(20_000).fill('x') })
  expect(lines[0]).toBe('- /list/0: expected integer or null, received "x"')
  expect(lines.at(-1)).toMatch(/^- … and 199\d\d more errors$/)
})

test('a misspelt property or value gets a suggestion', async () => {
  const tool = taking({ max_num_seqs: { type: 'integer' }, level: { enum: ['warning', 'error'] } })
  expect(await errorsOf(tool, { maxNumSeqs: 1, level: 'warn' })).toEqual([
    '- (root): unknown property "maxNumSeqs"; did you mean "max_num_seqs"?',
    '- /level: expected one of "warning", "error", received "warn"; did you mean "warning"?',
  ])
  expect((await errorsOf(tool, { level: 'Warnin' }))[0]).toContain('did you mean "warning"?')
})

test('a property that the object already has is not suggested', async () => {
  const tool = taking({ city: { type: 'string' }, days: { type: 'integer' } })
  expect(await errorsOf(tool, { city: 'Oslo', citi: 'Oslo' })).toEqual([
    '- (root): unknown property "citi"; the properties are city, days',
  ])
})

test('of many properties the first twelve are listed and the others are counted', async () => {
  const tool = taking(Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`p${index}`, { type: 'integer' }])))
  expect(await errorsOf(tool, { elsewhere: 1 })).toEqual([
    '- (root): unknown property "elsewhere"; the properties are p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11 and 8 more',
  ])
})

test('a line break in a name does not start a line', async () => {
  const name = 'a\n- (root): all is well\r\u2028\u0085\u0000b'
  const tool = taking({}, { additionalProperties: { type: 'integer' } })
  expect(await errorsOf(tool, { [name]: 'x' })).toEqual([
    '- /a\\n- (root): all is well\\r\\u2028\\u0085\\u0000b: expected integer, received "x"',
  ])
  expect(await errorsOf(taking({}), { [name]: 'x' })).toHaveLength(1)
})

test('a long string that cannot be shown is described by its length', async () => {
  const tool = taking({ text: { type: 'integer' }, list: { type: 'integer' } })
  expect(await errorsOf(tool, { text: 'x'.repeat(3_000), list: ['x'.repeat(3_000)] })).toEqual([
    '- /text: expected integer, received a string of 3000 characters',
    '- /list: expected integer, received an array of length 1',
  ])
  expect((await errorsOf(tool, { text: 'some words '.repeat(300) }))[0]).toMatch(/received "some words some words .*…$/)
})

test('a long list of values leaves room for other errors, and is longer without them', async () => {
  const values = Array.from({ length: 40 }, (_, index) => `value_of_some_length_${index}`)
  const tool = taking({ a: { enum: values }, b: { enum: values }, c: { enum: values } })
  const lines = await errorsOf(tool, { a: 1, b: 1, c: 1 })
  expect(lines.map((line) => line.slice(0, 25))).toEqual(
    ['a', 'b', 'c'].map((name) => `- /${name}: expected one of "va`),
  )
  for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(300)
  expect(lines[0]).toMatch(/ and 3\d more, received 1$/)
  expect((await errorsOf(tool, { a: 1 }))[0]).toContain('"value_of_some_length_19" and 20 more, received 1')
})

test('inherited members do not count as members', async () => {
  const tool = taking({ constructor: { type: 'string' }, toString: { type: 'string' } }, { required: ['constructor'] })
  expect(await errorsOf(tool, {})).toEqual(['- (root): required property "constructor" is missing'])
  expect((await runTool(tool, { constructor: 'x' })).status).toBe('ok')
  expect(await errorsOf(taking({}), { constructor: 1, toString: 2 })).toHaveLength(2)
})

const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const secretBody = fc.string({ unit: fc.constantFrom(...alphabet), minLength: 24, maxLength: 700, size: 'max' })
const secret = fc.oneof(
  fc.tuple(
    fc.constantFrom('sk-', 'sk-cp-', 'ghp_', 'xoxb-', 'hf_', 'glpat-', 'Bearer ', 'eyJ', 'HF_TOKEN=', '--api-key '),
    secretBody,
  ),
  fc
    .tuple(fc.constantFrom('https://user:', 'redis://:'), secretBody)
    .map(([scheme, body]) => [scheme, body, '@host'] as const),
  fc.tuple(fc.constantFrom('password=', 'api_key: ', '"AUTH_TOKEN": "', 'token=', 'client_secret='), secretBody),
)
const around = fc.oneof(
  fc.string({ maxLength: 10 }).map((text) => `${text} `),
  fc.nat(9_000).map((length) => `${'x'.repeat(length)} `),
)

test('no secret of an input is repeated in an error, at any position', async () => {
  const tool = taking({
    name: { type: 'string', maxLength: 3 },
    list: { type: 'array', items: { enum: ['a'] } },
    password: { type: 'integer' },
    nested: { type: 'object', properties: {}, additionalProperties: false },
  })
  const router = createRouter([tool])
  const property = fc.asyncProperty(secret, around, around, async ([prefix, body, suffix = ''], before, after) => {
    const text = `${before}${prefix}${body}${suffix} ${after}`
    for (const input of [
      { name: text },
      { list: [text], nested: { [text]: 1 } },
      { [text]: text },
      { password: body, name: { password: `${body} ${body}` } },
      { name: { nested: { text } } },
      { name: { $input: text } },
      text,
      JSON.stringify(text),
      `{"name": "${text}`,
    ]) {
      const message = {
        role: 'assistant' as const,
        tool_calls: [
          {
            id: 'a',
            type: 'function',
            function: { name: 'take', arguments: typeof input === 'string' ? input : JSON.stringify(input) },
          },
          { id: 'b', type: 'function', function: { name: text, arguments: '{}' } },
        ],
      }
      for (const result of await router.dispatch(router.read(message).calls)) {
        expect(result.status).toBe('error')
        expectWithout(JSON.stringify([result.content, result.repairs]), body)
      }
    }
  })
  await fc.assert(property, { numRuns: numberOfCases(2_000) })
}, 600_000)

/** A few characters of a secret at the edge of an excerpt would be as bad as the whole secret. */
function expectWithout(text: string, body: string): void {
  for (const piece of [body.slice(0, 12), body.slice(-12), body.slice(6, 18)]) expect(text).not.toContain(piece)
}
