import { expectTypeOf, test } from 'vitest'
import { defineTool } from '../../router/define-tool.ts'
import type { Infer } from '../../router/schema.ts'
import type { metaSchema } from '../../router/schema-keywords.ts'
import type { KnownKeywords, ObjectSchema, SchemaObject } from '../../router/schema-object.ts'

const description = 'A tool of the type tests.'

test('a misspelt keyword is an error at any place of a schema', () => {
  const execute = () => null
  // @ts-expect-error: at the root
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'object', propertes: {} } })
  // @ts-expect-error: at the root, among correct keywords
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'object', properties: {}, requierd: [] } })
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: in a property
    inputSchema: { type: 'object', properties: { a: { type: 'string', minLenght: 1 } } },
  })
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: in a property of a property
    inputSchema: { type: 'object', properties: { a: { type: 'object', properties: { b: { typ: 'string' } } } } },
  })
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: in items
    inputSchema: { type: 'object', properties: { a: { type: 'array', items: { type: 'string', patern: 'x' } } } },
  })
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: in a branch of anyOf
    inputSchema: { type: 'object', properties: { a: { anyOf: [{ type: 'string' }, { type: 'number', minimun: 1 }] } } },
  })
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: in additionalProperties
    inputSchema: { type: 'object', additionalProperties: { tpye: 'string' } },
  })
  defineTool({
    name: 'a',
    description,
    execute,
    inputSchema: { type: 'object' },
    // @ts-expect-error: in the output schema
    outputSchema: { type: 'null', descripton: 'x' },
  })
})

test('the compile error explains what is wrong with a schema', () => {
  type Misspelt = KnownKeywords<{ type: 'string'; minLenght: 1 }>
  expectTypeOf<Misspelt['minLenght']>().toEqualTypeOf<'"minLenght" is not a JSON Schema keyword'>()
  type Foreign = KnownKeywords<{ type: 'string'; nullable: true }>
  type Advice = '"nullable" is not a keyword of JSON Schema 2020-12: add "null" to "type"'
  expectTypeOf<Foreign['nullable']>().toEqualTypeOf<Advice>()
  type Undeclared = KnownKeywords<{ type: 'object'; required: ['a']; additionalProperties: false }>
  type Missing = '"a" is required, but it is not among the properties'
  expectTypeOf<Undeclared['required'][0]>().toEqualTypeOf<Missing>()
  type Optional = KnownKeywords<{ type: 'string'; optional: true }>
  type Hint = '"optional" is not a keyword of JSON Schema 2020-12: leave the property out of "required"'
  expectTypeOf<Optional['optional']>().toEqualTypeOf<Hint>()
})

test('the types have the keywords that are validated at run time', () => {
  expectTypeOf<keyof SchemaObject>().toEqualTypeOf<keyof typeof metaSchema.properties>()
})

test('a required name that a closed object does not declare is an error', () => {
  const execute = () => null
  const properties = { city: { type: 'string' } } as const
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: misspelt
    inputSchema: { type: 'object', properties, required: ['city', 'ctiy'], additionalProperties: false },
  })
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'object', properties, required: ['ctiy'] } })
  const patternProperties = { '^c': { type: 'string' } } as const
  defineTool({
    name: 'a',
    description,
    execute,
    inputSchema: { type: 'object', properties, patternProperties, required: ['ctiy'], additionalProperties: false },
  })
})

test('keywords of draft 7 and OpenAPI are errors, as they are at run time', () => {
  const execute = () => null
  const of = <const S>(a: S) => ({ type: 'object', properties: { a } }) as const
  defineTool({ name: 'a', description, execute, inputSchema: of({ type: 'array', items: { type: 'string' } }) })
  // @ts-expect-error: tuples use prefixItems
  defineTool({ name: 'a', description, execute, inputSchema: of({ type: 'array', items: [{ type: 'string' }] }) })
  // @ts-expect-error: null is a type
  defineTool({ name: 'a', description, execute, inputSchema: of({ type: 'string', nullable: true }) })
  // @ts-expect-error: split into dependentRequired and dependentSchemas
  defineTool({ name: 'a', description, execute, inputSchema: of({ type: 'object', dependencies: {} }) })
  // @ts-expect-error: references to other schemas
  defineTool({ name: 'a', description, execute, inputSchema: of({ $ref: 'https://example.com/b' }) })
  // @ts-expect-error: an unknown format
  defineTool({ name: 'a', description, execute, inputSchema: of({ type: 'string', format: 'phone' }) })
})

test('keywords of 2020-12 are allowed, and a tuple has its type', () => {
  defineTool({
    name: 'a',
    description,
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        point: {
          type: 'array',
          prefixItems: [{ type: 'string' }, { type: 'array', items: { enum: [1, 2] } }],
          items: false,
          minItems: 2,
        },
        maybe: { type: ['array', 'null'], prefixItems: [{ type: 'string' }], minItems: 1, maxItems: 1 },
        old: { deprecated: true, anyOf: [{ deprecated: true }, { type: 'string' }] },
        list: { type: 'array', contains: { type: 'string' }, minContains: 2, unevaluatedItems: false },
      },
      dependentRequired: { point: ['list'] },
      dependentSchemas: { list: { minProperties: 2 } },
      additionalProperties: false,
    },
    execute: (input) => {
      expectTypeOf(input).toEqualTypeOf<{
        point?: [string, (1 | 2)[]]
        maybe?: [string] | null
        old?: unknown
        list?: unknown[]
      }>()
    },
  })
})

test('a reference has the type of its target, and a recursive one is unknown', () => {
  const line = {
    type: 'object',
    properties: { n: { type: 'number' } },
    required: ['n'],
    additionalProperties: false,
  } as const
  defineTool({
    name: 'a',
    description,
    inputSchema: {
      type: 'object',
      properties: {
        line: { $ref: '#/$defs/line', description: 'One line.' },
        tree: { $ref: '#/$defs/tree' },
        whole: { $ref: '#' },
      },
      $defs: {
        line,
        tree: {
          type: 'object',
          properties: { line: { $ref: '#/$defs/line' }, next: { $ref: '#/$defs/tree' } },
          required: ['line'],
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    },
    execute: (input) => {
      expectTypeOf(input).toEqualTypeOf<{
        line?: { n: number }
        tree?: { line: { n: number }; next?: unknown }
        whole?: unknown
      }>()
    },
  })
})

test('values of an unknown schema are unknown', () => {
  expectTypeOf<Infer<SchemaObject>>().toEqualTypeOf<unknown>()
  expectTypeOf<Infer<true>>().toEqualTypeOf<unknown>()
  expectTypeOf<Infer<{ readonly description: 'x' }>>().toEqualTypeOf<unknown>()
})

test('a wrong value of a keyword is an error', () => {
  const execute = () => null
  // @ts-expect-error: no such type
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'object', properties: { a: { type: 'text' } } } })
  // @ts-expect-error: required is a list
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'object', required: 'a' } })
  // @ts-expect-error: an input is an object
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'string' } })
})

test('a schema that is built at run time has its declared type', () => {
  const inputSchema: ObjectSchema = JSON.parse('{"type":"object"}')
  const outputSchema: SchemaObject = JSON.parse('{"type":"object"}')
  const tool = defineTool({
    name: 'built',
    description,
    inputSchema,
    outputSchema,
    execute: (input) => {
      expectTypeOf(input).toEqualTypeOf<{ [name: string]: unknown }>()
      return { a: 1 }
    },
  })
  expectTypeOf(tool.execute).returns.toEqualTypeOf<unknown>()

  const literal: ObjectSchema = { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false }
  defineTool({
    name: 'declared',
    description,
    inputSchema: literal,
    execute: (input) => expectTypeOf(input).toEqualTypeOf<{ [name: string]: unknown }>(),
  })
  // @ts-expect-error: misspelt
  const misspelt: ObjectSchema = { type: 'object', propertis: {} }
  void misspelt

  const properties: Record<string, SchemaObject> = {}
  defineTool({
    name: 'partly_built',
    description,
    inputSchema: { type: 'object', properties },
    execute: (input) => expectTypeOf(input).toEqualTypeOf<{ [name: string]: unknown }>(),
  })
  const required: string[] = []
  defineTool({
    name: 'required_built',
    description,
    inputSchema: { type: 'object', properties: { a: { type: 'string' } }, required, additionalProperties: false },
    execute: (input) => expectTypeOf(input).toEqualTypeOf<{ a?: string }>(),
  })
})
