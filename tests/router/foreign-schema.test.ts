import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import fc from 'fast-check'
import Type from 'typebox'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { advertise } from '../../router/advertised-schema.ts'
import { defineTool } from '../../router/define-tool.ts'
import { InvalidToolError } from '../../router/errors.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import { toJsonSchema } from '../../router/to-json-schema.ts'
import { compileSchema } from '../../router/validation.ts'

/** A tool with a schema of any library, also a wrong one. */
function define(inputSchema: unknown, outputSchema?: unknown) {
  const tool = defineTool({
    name: 'tried',
    description: 'Tried out.',
    inputSchema: inputSchema as { type: 'object' },
    ...(outputSchema === undefined ? {} : { outputSchema: outputSchema as { type: 'object' } }),
    execute: (input) => input,
  })
  createRouter([tool])
  return tool
}

const zodInput = z.strictObject({
  city: z.string().min(1),
  unit: z.enum(['C', 'F']).nullish(),
  days: z.int().default(3),
})
const arktypeInput = type({
  '+': 'reject',
  city: 'string > 0',
  'unit?': "'C' | 'F' | null",
  days: 'number.integer = 3',
})
const valibotInput = toStandardJsonSchema(
  v.strictObject({
    city: v.pipe(v.string(), v.minLength(1)),
    unit: v.nullish(v.picklist(['C', 'F'])),
    days: v.optional(v.pipe(v.number(), v.integer()), 3),
  }),
)
const typeBoxInput = Type.Object(
  {
    city: Type.String({ minLength: 1 }),
    unit: Type.Optional(Type.Union([Type.Literal('C'), Type.Literal('F'), Type.Null()])),
    days: Type.Optional(Type.Integer()),
  },
  { additionalProperties: false },
)
const libraries = [
  ['zod', zodInput],
  ['arktype', arktypeInput],
  ['valibot', valibotInput],
  ['TypeBox', typeBoxInput],
] as const

test.each(libraries)('a schema of %s validates what the model sends', async (_, schema) => {
  const tool = define(schema)
  expect(await runTool(tool, { city: 'Oslo', unit: null })).toMatchObject({ status: 'ok' })
  expect(await runTool(tool, { city: 'Oslo', unit: 'F', days: 2 })).toMatchObject({ status: 'ok' })
  for (const wrong of [{ city: '' }, { unit: 'C' }, { city: 'Oslo', unit: 'K' }, { city: 'Oslo', dais: 1 }]) {
    expect(await runTool(tool, wrong)).toMatchObject({ status: 'error', error: { kind: 'invalid_input' } })
  }
  const result = await runTool(tool, { ctiy: 'Oslo' })
  expect(result.content).toContain('unknown property \\"ctiy\\"')
})

test.each(libraries)('a schema of %s is advertised as plain JSON Schema with a type for each property', (_, schema) => {
  const { json, definition } = advertise(define(schema))
  const parameters = JSON.parse(JSON.stringify(definition.function.parameters))
  expect(json).not.toMatch(/"\$schema"|"\$id"|~|"not"/)
  expect(parameters).toMatchObject({
    type: 'object',
    required: ['city'],
    properties: { city: { type: 'string', minLength: 1 } },
    additionalProperties: false,
  })
  expect(parameters.properties.days.type).toBe('integer')
})

test('a union of a type and null, or of literals, keeps the type of the property', () => {
  const schema = z.object({
    text: z.string().describe('Text.').nullable(),
    level: z.enum(['low', 'high']).nullable(),
    fixed: z.literal('x').nullable(),
    kind: z.union([z.literal('a'), z.literal('b')]),
    id: z.union([z.uuid(), z.literal('none')]),
  })
  expect(define(schema).inputSchema).toMatchObject({
    properties: {
      text: { type: ['string', 'null'], description: 'Text.' },
      level: { type: ['string', 'null'], enum: ['low', 'high', null] },
      fixed: { type: ['string', 'null'], enum: ['x', null] },
      kind: { type: 'string', enum: ['a', 'b'] },
      id: { type: 'string' },
    },
  })
})

test('an input may leave members with a default out, and an output and an answer may not', async () => {
  for (const schema of [zodInput, arktypeInput]) {
    const tool = define(schema, schema)
    expect(await runTool(tool, { city: 'Oslo' })).toMatchObject({ status: 'error', error: { kind: 'invalid_output' } })
    expect(await runTool(tool, { city: 'Oslo', days: 1 })).toMatchObject({ status: 'ok' })
  }
})

test('a pattern whose flags do not change its meaning, and a prefault, are accepted', async () => {
  const zod = z.object({ a: z.string().regex(/^a+$/u).regex(/a/g), b: z.emoji().optional(), c: z.int().prefault(1) })
  for (const schema of [zod, type({ a: type(/^a+$/u) })]) {
    expect(await runTool(define(schema), { a: 'aa' })).toMatchObject({ status: 'ok' })
    expect(await runTool(define(schema), { a: 'b' })).toMatchObject({ status: 'error' })
  }
})

test.each([
  ['alone', z.url(), ['https://a.example/b'], ['a b']],
  ['with a pattern', z.url().regex(/^https:/), ['https://a.example/b'], ['https:', 'http://a.example/b']],
  ['with a prefix', z.url().startsWith('https://a.'), ['https://a.example/b'], ['https://a. b', 'https://b.example']],
  ['as a check', z.string().min(12).check(z.url()), ['https://a.example/b'], ['a b c d e f g h', 'https://a.b']],
])('a URL of zod is checked %s', async (_, url, right, wrong) => {
  const tool = define(z.object({ url }))
  for (const one of right) expect(await runTool(tool, { url: one })).toMatchObject({ status: 'ok' })
  for (const one of wrong) expect(await runTool(tool, { url: one })).toMatchObject({ status: 'error' })
})

test('formats that Ajv does not know, and metadata, are left out', () => {
  const schema = z.object({
    id: z.nanoid().meta({ id: 'Id', title: 'Id', owner: 'us' }),
    mail: z.email(),
    list: z.object({ a: z.string() }).readonly(),
  })
  const { properties, $defs } = JSON.parse(JSON.stringify(define(schema).inputSchema))
  expect($defs).toEqual({ Id: { type: 'string', title: 'Id', pattern: expect.any(String) } })
  expect(properties.mail.format).toBe('email')
  expect(properties.list).toEqual({ type: 'object', properties: { a: { type: 'string' } }, required: ['a'] })
})

test('a root that is a union, an intersection or a reference is an object', async () => {
  interface Tree {
    name: string
    next?: Tree | undefined
  }
  const tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string(), next: tree.optional() }))
  const recursive = type.module({ tree: { name: 'string', 'next?': 'tree' } }).tree
  const cyclic = Type.Cyclic(
    { Tree: Type.Object({ name: Type.String(), next: Type.Optional(Type.Ref('Tree')) }) },
    'Tree',
  )
  for (const schema of [tree, recursive, cyclic, z.object({ name: z.string() }).meta({ id: 'Root' })]) {
    const tool = define(schema)
    expect(tool.inputSchema.type).toBe('object')
    expect(await runTool(tool, { name: 'a', next: { name: 'b' } })).toMatchObject({ status: 'ok' })
    expect(await runTool(tool, { name: {} })).toMatchObject({ status: 'error' })
  }
  expect((await runTool(define(cyclic), { name: 'a', next: { name: {} } })).status).toBe('error')
  const a = { a: 'string' } as const
  const unions = [
    z.discriminatedUnion('k', [z.object({ k: z.literal('x') }), z.object({ k: z.literal('y'), a: z.string() })]),
    type(a).or({ b: 'string' }),
    toStandardJsonSchema(v.intersect([v.object({ a: v.string() }), v.object({ b: v.string() })])),
    Type.Intersect([Type.Object({ a: Type.String() }), Type.Object({ b: Type.String() })]),
  ]
  for (const schema of unions) expect(define(schema).inputSchema.type).toBe('object')
})

test('tuples and recursive schemas of TypeBox, of both packages, are those of JSON Schema 2020-12', () => {
  const kind = Symbol.for('TypeBox.Kind') // how @sinclair/typebox marks its schemas
  const old = {
    [kind]: 'Object',
    type: 'object',
    properties: {
      pair: {
        [kind]: 'Tuple',
        type: 'array',
        items: [{ type: 'string' }],
        additionalItems: false,
        minItems: 1,
        maxItems: 1,
      },
      tree: { [kind]: 'Object', $id: 'T0', type: 'object', properties: { next: { [kind]: 'This', $ref: 'T0' } } },
    },
  }
  expect(define(old).inputSchema).toEqual({
    type: 'object',
    properties: {
      pair: { type: 'array', prefixItems: [{ type: 'string' }], items: false, minItems: 1, maxItems: 1 },
      tree: { $ref: '#/$defs/T0' },
    },
    $defs: { T0: { type: 'object', properties: { next: { $ref: '#/$defs/T0' } } } },
  })
  const pair = Type.Object({ pair: Type.Tuple([Type.String(), Type.Number()]) })
  expect(define(pair).inputSchema).toMatchObject({ properties: { pair: { prefixItems: [{}, {}], items: false } } })
})

const advice =
  '. Values are validated with JSON Schema and never transformed: describe the JSON value here, and do the rest in your own code.'

test.each<[string, unknown, string]>([
  [
    'a date',
    z.object({ a: z.array(z.date()) }),
    `/properties/a/items: "date" cannot be represented in JSON Schema${advice}`,
  ],
  [
    'a transform',
    z.object({ a: z.string().transform(Number) }),
    `/properties/a: zod turns this value into another one${advice}`,
  ],
  ['a file', z.object({ a: z.file() }), '/properties/a: "file" cannot be represented in JSON Schema'],
  ['a codec', z.object({ a: z.stringbool() }), `/properties/a: zod turns this value into another one${advice}`],
  ['a preprocessor', z.object({ a: z.preprocess(Number, z.number()) }), '/properties/a: zod turns this value'],
  ['trim', z.object({ a: z.string().trim() }), '/properties/a: zod changes this value, for example with trim()'],
  ['a refinement', z.object({ a: z.string().refine(Boolean) }), '/properties/a: a refinement has no equivalent'],
  [
    'a pattern with a flag',
    z.object({ a: z.string().regex(/^a+$/i) }),
    `/properties/a: the flag "i" of a pattern has no equivalent in JSON Schema${advice}`,
  ],
  [
    'one of two patterns with a flag',
    z.object({ a: z.string().regex(/b/).regex(/a./s) }),
    '/properties/a: the flag "s"',
  ],
  ['a format with its own pattern', z.object({ a: z.email({ pattern: /^a$/m }) }), '/properties/a: the flag "m"'],
  ['keys with a flag', z.object({ a: z.record(z.string().regex(/^a/i), z.number()) }), '/properties/a: the flag "i"'],
  ['a pattern of arktype with a flag', type({ a: type(/^a+$/i) }), ': the flag "i" of a pattern has no equivalent'],
  [
    'a pattern of valibot with a flag',
    toStandardJsonSchema(v.object({ a: v.pipe(v.string(), v.regex(/^a+$/i)) })),
    '/properties/a: RegExp flags are not supported by JSON Schema',
  ],
  ['coercion', z.object({ a: z.coerce.string() }), `/properties/a: zod turns this value into another one${advice}`],
  ['a coerced number in a list', z.object({ a: z.array(z.coerce.number()) }), '/properties/a/items: zod turns'],
  ['catch', z.object({ a: z.number().catch(1) }), '/properties/a: catch() replaces a wrong value by another one'],
  ['a normalized URL', z.object({ a: z.url({ normalize: true }) }), '/properties/a: zod changes this value'],
  [
    'a URL of a host',
    z.object({ a: z.url({ hostname: /^a$/ }) }),
    "/properties/a: zod does not write the check of a URL's host",
  ],
  [
    'a URL of a protocol',
    z.object({ a: z.url({ protocol: /^a$/ }) }),
    "/properties/a: zod does not write the check of a URL's",
  ],
  [
    'a web address',
    z.object({ a: z.httpUrl() }),
    "/properties/a: zod does not write the check of a URL's protocol into JSON Schema; use a pattern, such as z.url().regex(/^https?:/)",
  ],
  [
    'a web address as a check',
    z.object({ a: z.string().check(z.httpUrl()) }),
    '/properties/a: zod does not write the check',
  ],
  [
    'a web address in a list',
    z.object({ a: z.array(z.httpUrl()) }),
    '/properties/a/items: zod does not write the check',
  ],
  ['a token', z.object({ a: z.jwt() }), '/properties/a: the format "jwt" has no equivalent in JSON Schema'],
  [
    'a format of your own',
    z.object({ a: z.stringFormat('even', (a) => a.length % 2 === 0) }),
    '/properties/a: the format "even"',
  ],
  [
    'a check of a property',
    z.object({ a: z.string().check(z.property('length', z.literal(2))) }),
    '/properties/a: a check of a property',
  ],
  [
    'a fallback of valibot',
    toStandardJsonSchema(v.object({ a: v.fallback(v.number(), 1) })),
    '/properties/a: fallback() replaces a wrong value by another one',
  ],
  ['a refined object', z.object({}).refine(Boolean), ': a refinement has no equivalent'],
  [
    'a date of arktype',
    type({ a: { b: 'Date' } }),
    '/properties/a/properties/b: the "date" of arktype has no equivalent',
  ],
  [
    'a pipe of arktype',
    type({ a: type('string').pipe(Number) }),
    '/properties/a: arktype turns this value into another',
  ],
  ['a parser of arktype', type({ a: 'string.numeric.parse' }), '/properties/a: arktype turns this value into another'],
  ['a narrowed type', type({ a: type('string').narrow(Boolean) }), '/properties/a: the "predicate" of arktype'],
  [
    'a check of valibot',
    toStandardJsonSchema(
      v.object({
        a: v.pipe(
          v.string(),
          v.check<string>((text) => text !== ''),
        ),
      }),
    ),
    '/properties/a: The "check" action cannot be converted',
  ],
  [
    'a transform of valibot',
    toStandardJsonSchema(v.object({ a: v.pipe(v.string(), v.transform(Number)) })),
    '/properties/a: The "transform" action cannot be converted',
  ],
  ['a bigint of TypeBox', Type.Object({ a: Type.BigInt() }), '/properties/a/type: expected one of "array"'],
  [
    'a codec of TypeBox',
    Type.Object({ a: Type.Decode(Type.String(), Number) }),
    '/properties/a: TypeBox turns this value',
  ],
  ['a refinement of TypeBox', Type.Object({ a: Type.Refine(Type.String(), Boolean) }), '/properties/a: a refinement'],
  ['a misspelt option', Type.Object({ a: Type.String({ minLenght: 1 }) }), '/properties/a: "minLenght" is not a JSON'],
  [
    'valibot without a wrapper',
    v.object({}),
    ' is a schema of valibot that does not implement Standard JSON Schema; wrap it: toStandardJsonSchema(schema)',
  ],
  [
    'zod 3',
    { '~standard': { vendor: 'zod', version: 1 } },
    ' is a schema of zod that does not implement Standard JSON Schema; use zod 4.2',
  ],
  [
    'a schema within a schema',
    { type: 'object', properties: { a: z.string() } },
    '/properties/a is a schema of zod within a JSON Schema',
  ],
  ['a text', z.string(), '/type is "string"; it must be "object"'],
  ['a converter that throws', standard(() => JSON.parse('{')), ': test cannot convert it to JSON Schema: '],
  ['a converter that returns nothing', standard(() => undefined), ': test converts it to undefined'],
  ['no converter', standard(undefined), ' is a schema of test without jsonSchema.input()'],
])('%s is refused with its place and what to do', (_, schema, problem) => {
  const found = caught(() => define(schema))
  expect(found).toBeInstanceOf(InvalidToolError)
  expect(String(found)).toContain(`Tool "tried": inputSchema${problem}`)
  const output = caught(() => define({ type: 'object' }, schema))
  if (problem.startsWith('/properties')) expect(String(output)).toContain(`Tool "tried": outputSchema${problem}`)
})

function standard(input: unknown) {
  return { '~standard': { vendor: 'test', version: 1, jsonSchema: { input, output: input } } }
}

function caught(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return error
  }
}

test('a property may be called "~standard"', async () => {
  const tool = define({ type: 'object', properties: { '~standard': { type: 'string' }, a: { default: {} } } })
  expect(await runTool(tool, { '~standard': 'x' })).toMatchObject({ status: 'ok' })
})

test('a schema is converted and compiled once', () => {
  const schema = z.object({ a: z.string() })
  expect(define(schema).inputSchema).toBe(define(schema).inputSchema)
  const plain = { type: 'object' } as const
  expect(define(plain).inputSchema).toBe(plain)
})

test('the converted schema accepts what zod accepts, and nothing else', () => {
  const leaf = fc.constantFrom<z.ZodType>(
    z.string(),
    z.int(),
    z.boolean(),
    z.null(),
    z.literal('a'),
    z.enum(['a', 'b']),
    z.literal([1, 'a', null]),
    z.string().min(2),
    z.number().positive(),
  )
  const { schema: schemas } = fc.letrec<{ schema: z.ZodType }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      tie('schema').map((one) => one.nullable()),
      tie('schema').map((one) => z.array(one)),
      fc.tuple(tie('schema'), tie('schema')).map(([a, b]) => z.union([a, b])),
      fc.tuple(tie('schema'), tie('schema')).map(([a, b]) => z.tuple([a, b])),
      fc.tuple(tie('schema'), tie('schema')).map(([a, b]) => z.strictObject({ a, b: b.optional() })),
      tie('schema').map((one) => z.record(z.string(), one)),
    ),
  }))
  const values = fc
    .jsonValue({ maxDepth: 3, noUnicodeString: true })
    .map((value): unknown => JSON.parse(JSON.stringify(value).replaceAll('""', '"a"')))
  const near = fc.oneof(
    values,
    fc.constantFrom('a', 'b', 1, -1, null, ['a'], [1, 1], { a: 'a' }, { a: 1, b: null }, {}),
  )
  fc.assert(
    fc.property(schemas, fc.array(near, { minLength: 1, maxLength: 8 }), (schema, candidates) => {
      const validate = compileSchema(Object(toJsonSchema('schema', schema, 'output')))
      for (const value of candidates) expect(validate(value).length === 0).toBe(schema.safeParse(value).success)
    }),
    { numRuns: 300 },
  )
})
