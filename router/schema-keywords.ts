// The keywords of JSON Schema 2020-12 that tenrounds accepts, as data. Types (schema.ts) and checks at run time
// (check-schema.ts) both use these tables, so that they agree.

import { isObject } from './json/json.ts'
import { escapePointerToken, lookUp, parsePointer } from './json/json-pointer.ts'

/** A keyword with schemas in its value. */
type SubschemaKeyword = readonly [
  keyword: string,
  /** `map`: by names of properties or definitions. `list`: an array. `one`: the schema itself. */
  holds: 'map' | 'list' | 'one',
  /**
   * The value that the schemas apply to. `part`: a member or an item, which they describe. `same`: the value itself, which
   * they describe. `condition`: the value itself, which they only test. `test`: items or names, which they only test.
   * `none`: they apply where a `$ref` points at them.
   */
  appliesTo: 'part' | 'same' | 'condition' | 'test' | 'none',
]

/** All keywords with schemas in their value. */
export const subschemaKeywords = [
  ['properties', 'map', 'part'],
  ['patternProperties', 'map', 'part'],
  ['$defs', 'map', 'none'],
  ['definitions', 'map', 'none'],
  ['dependentSchemas', 'map', 'same'],
  ['prefixItems', 'list', 'part'],
  ['allOf', 'list', 'same'],
  ['anyOf', 'list', 'same'],
  ['oneOf', 'list', 'same'],
  ['items', 'one', 'part'],
  ['additionalProperties', 'one', 'part'],
  ['unevaluatedProperties', 'one', 'part'],
  ['unevaluatedItems', 'one', 'part'],
  ['contains', 'one', 'test'],
  ['propertyNames', 'one', 'test'],
  ['not', 'one', 'condition'],
  ['if', 'one', 'condition'],
  ['then', 'one', 'same'],
  ['else', 'one', 'same'],
] as const satisfies readonly SubschemaKeyword[]

type Holds = SubschemaKeyword[1]

/** The keywords that hold schemas in a map, in a list, or hold one schema. */
export type KeywordHolding<H extends Holds> = Extract<
  (typeof subschemaKeywords)[number],
  readonly [string, H, string]
>[0]

const holdsOf: ReadonlyMap<string, Holds> = new Map(subschemaKeywords.map(([keyword, holds]) => [keyword, holds]))

/** A JSON Schema object of which nothing else is known. */
export type Schema = { readonly [keyword: string]: unknown }

/** A schema within another schema, or the whole. */
interface Subschema {
  /** The schema object, not a copy. */
  readonly schema: Schema
  /** JSON Pointer to it; empty for the whole. */
  readonly path: string
}

/** All schemas within a schema, the schema itself first. Values of `default`, `enum`, `const`, `examples` are not schemas. */
export function* subschemas(schema: unknown, path = ''): Generator<Subschema> {
  if (!isObject(schema)) return // `true` and `false`
  yield { schema, path }
  for (const [keyword, value] of Object.entries(schema)) {
    for (const [name, member] of membersOf(keyword, value)) yield* subschemas(member, `${path}/${keyword}${name}`)
  }
}

/** The schemas that a keyword applies, each with the end of its path; none for a keyword without schemas. */
export function membersOf(keyword: string, value: unknown): readonly (readonly [suffix: string, schema: unknown])[] {
  const holds = holdsOf.get(keyword)
  if (holds === undefined) return []
  if (holds === 'one') return [['', value]]
  return Object.entries(value ?? {}).map(([name, member]) => [`/${escapePointerToken(name)}`, member])
}

/** The value of a keyword with its schemas mapped; the value itself for a keyword without schemas. */
export function mapMembers(keyword: string, value: unknown, make: (schema: unknown) => unknown): unknown {
  const holds = holdsOf.get(keyword)
  if (holds === 'one') return make(value)
  if (holds === 'list') return Array.isArray(value) ? value.map(make) : value
  if (holds === undefined || !isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, make(member)]))
}

/** The schema that a `$ref` leads to; `undefined` when `reference` is not a string or leads nowhere. */
export function resolveReference(reference: unknown, root: object): unknown {
  if (typeof reference !== 'string' || !reference.startsWith('#')) return undefined
  const found = lookUp(root, parsePointer(decodeFragment(reference.slice(1))) ?? [''])
  return found.kind === 'found' ? found.value : undefined
}

/** A URI fragment without its percent-encoding, which `$ref` and Ajv's paths may have. */
export function decodeFragment(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // not percent-encoded
  }
}

/** Keywords of other dialects, and rare ones of JSON Schema, with the advice what to write instead. */
export const foreignKeywords = {
  nullable: 'add "null" to "type"',
  optional: 'leave the property out of "required"',
  additionalItems: 'use "prefixItems" with "items"',
  dependencies: 'use "dependentRequired" or "dependentSchemas"',
  id: 'use "$id"',
  $anchor: 'point at "#/$defs/<name>"',
  $dynamicAnchor: 'point at "#/$defs/<name>"',
  $dynamicRef: 'use "$ref"',
  $recursiveRef: 'use "$ref": "#"',
  example: 'use "examples"',
} as const

/** The values of `format` that ajv-formats validates. */
export const formats = [
  'date',
  'time',
  'date-time',
  'iso-time',
  'iso-date-time',
  'duration',
  'uri',
  'uri-reference',
  'uri-template',
  'url',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'regex',
  'uuid',
  'json-pointer',
  'json-pointer-uri-fragment',
  'relative-json-pointer',
  'byte',
  'int32',
  'int64',
  'float',
  'double',
  'password',
  'binary',
] as const

/** A value of `format`. */
export type Format = (typeof formats)[number]

/** The values of `type`. */
export const typeNames = ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'] as const

/** The dialect of all schemas: the only value that `$schema` may have. */
export const dialect = 'https://json-schema.org/draft/2020-12/schema'

const schemaMap = { type: 'object', additionalProperties: { $ref: '#' } } as const
const schemaList = { type: 'array', minItems: 1, items: { $ref: '#' } } as const
const schema = { $ref: '#' } as const
const count = { type: 'integer', minimum: 0 } as const
const text = { type: 'string' } as const
const names = { type: 'array', items: text, uniqueItems: true } as const
const typeName = { enum: typeNames } as const

/**
 * The schema that schemas are validated against: JSON Schema 2020-12, restricted to the keywords above.
 *
 * The official meta-schema allows unknown keywords and takes ten times as long to compile (77 ms against 8 ms, Ajv 8.20).
 */
export const metaSchema = {
  type: ['object', 'boolean'],
  additionalProperties: false,
  properties: {
    ...each('map', schemaMap),
    ...each('list', schemaList),
    ...each('one', schema),
    $schema: { const: dialect },
    $id: { type: 'string', format: 'uri-reference', pattern: '^[^#]+$' },
    $ref: text,
    $comment: text,
    title: text,
    description: text,
    default: {},
    examples: { type: 'array' },
    deprecated: { type: 'boolean' },
    readOnly: { type: 'boolean' },
    writeOnly: { type: 'boolean' },
    type: { anyOf: [typeName, { type: 'array', minItems: 1, uniqueItems: true, items: typeName }] },
    enum: { type: 'array', minItems: 1 },
    const: {},
    discriminator: {
      type: 'object',
      additionalProperties: false,
      required: ['propertyName'],
      properties: { propertyName: text },
    },
    patternProperties: { ...schemaMap, propertyNames: { type: 'string', format: 'regex' } },
    dependentRequired: { type: 'object', additionalProperties: names },
    required: names,
    minProperties: count,
    maxProperties: count,
    minContains: count,
    maxContains: count,
    minItems: count,
    maxItems: count,
    uniqueItems: { type: 'boolean' },
    minimum: { type: 'number' },
    maximum: { type: 'number' },
    exclusiveMinimum: { type: 'number' },
    exclusiveMaximum: { type: 'number' },
    multipleOf: { type: 'number', exclusiveMinimum: 0 },
    minLength: count,
    maxLength: count,
    pattern: { type: 'string', format: 'regex' },
    format: { enum: formats },
    contentEncoding: text,
    contentMediaType: text,
  },
} as const

/** The same schema for all keywords that hold schemas in one way. */
function each<H extends Holds, S>(holds: H, schema: S): Record<KeywordHolding<H>, S> {
  const keywords = subschemaKeywords.filter(([, one]) => one === holds)
  return Object.fromEntries(keywords.map(([keyword]) => [keyword, schema])) as Record<KeywordHolding<H>, S>
}
