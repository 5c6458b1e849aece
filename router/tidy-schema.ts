// The JSON Schema of a library, in the form that this project and most servers understand:
//
//   { $schema: '…', anyOf: [{ type: 'string' }, { type: 'null' }], custom: 1 }   becomes   { type: ['string', 'null'] }
//
// A property needs a `type`, because servers convert the text of an argument by it.

import { isObject } from './json/json.ts'
import { formats, mapMembers, metaSchema, resolveReference, type Schema, subschemas } from './schema-keywords.ts'

type Draft = Record<string, unknown>

/** How {@link tidySchema} treats what the schema should not have. */
interface TidyOptions {
  /**
   * Whether a library made every keyword, so that unknown ones are metadata and unknown formats are also patterns, and
   * both are left out. Otherwise people wrote some of them, and `checkSchema` reports mistakes.
   */
  readonly isGenerated: boolean
}

/** Copies a schema into the tidy form. It describes the same values. */
export function tidySchema(schema: unknown, options: TidyOptions): Schema {
  const tidied = tidy(schema, options)
  return withType(inlineRoot(withDefinitions(isObject(tidied) ? tidied : {})))
}

function tidy(schema: unknown, { isGenerated }: TidyOptions): unknown {
  if (!isObject(schema)) return schema
  const draft: Draft = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (value === undefined || keyword === '$schema') continue
    if (isGenerated && (!Object.hasOwn(metaSchema.properties, keyword) || isNoise(keyword, value))) continue
    draft[keyword] = value instanceof RegExp ? value.source : value
  }
  // TypeBox writes a tuple as draft 7 does.
  if (Array.isArray(draft['items'])) {
    const { items, additionalItems, ...others } = draft
    const rest = additionalItems === undefined ? {} : { items: additionalItems }
    return tidy({ ...others, prefixItems: items, ...rest }, { isGenerated })
  }
  for (const [keyword, value] of Object.entries(draft)) {
    draft[keyword] = mapMembers(keyword, value, (member) => tidy(member, { isGenerated }))
  }
  return withType(simplerUnion(draft))
}

/**
 * Whether a keyword says nothing about JSON: a format that Ajv does not know, names of properties that are strings, or a
 * `readOnly` that means a TypeScript type. (Otherwise it means that the model only passes the value on.)
 */
function isNoise(keyword: string, value: unknown): boolean {
  if (keyword === 'format') return !formats.some((known) => known === value)
  if (keyword === 'propertyNames') return JSON.stringify(value) === '{"type":"string"}'
  return keyword === 'readOnly' || keyword === '$id'
}

/** A union of literals as `enum`, and of a type and `null` as two types. */
function simplerUnion(schema: Draft): Draft {
  const { anyOf, oneOf, ...rest } = schema
  const branches = anyOf === undefined ? oneOf : oneOf === undefined ? anyOf : undefined
  if (!Array.isArray(branches) || !branches.every(isObject)) return schema
  if ('type' in rest || 'enum' in rest || 'const' in rest || '$ref' in rest) return schema
  if (branches.every(isLiteral)) {
    const values = branches.flatMap((branch) => branch['enum'] ?? [branch['const']])
    const types = branches.map((branch) => branch['type'])
    const [type] = types
    const isShared = type !== undefined && types.every((one) => one === type)
    return { ...rest, ...(isShared ? { type } : {}), enum: [...new Set(values)] }
  }
  const others = branches.filter((branch) => !isNull(branch))
  const [other] = others
  if (other === undefined || others.length > 1 || branches.length !== 2) return schema
  const { type, enum: values, const: constant, ...members } = other
  if (typeof type !== 'string' || Object.keys(members).some((keyword) => combining.has(keyword))) return schema
  const allowed = Array.isArray(values) ? values : constant === undefined ? undefined : [constant]
  return { ...members, ...rest, type: [type, 'null'], ...(allowed === undefined ? {} : { enum: [...allowed, null] }) }
}

/** Keywords that would also apply to the `null`. */
const combining: ReadonlySet<string> = new Set(['$ref', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else'])

function isLiteral(schema: Schema): boolean {
  const names = Object.keys(schema)
  const isScalar = !isObject(schema['const']) && !Array.isArray(schema['const'])
  return (
    isScalar && ('const' in schema || Array.isArray(schema['enum'])) && names.every((name) => literalNames.has(name))
  )
}

const literalNames: ReadonlySet<string> = new Set(['type', 'const', 'enum'])

function isNull(schema: Schema): boolean {
  return schema['type'] === 'null' && Object.keys(schema).length === 1
}

/** TypeBox gives a recursive schema an `$id` where it is, and refers to that. The definitions are moved to the root. */
function withDefinitions(root: Schema): Schema {
  const ids = new Set([...subschemas(root)].map(({ schema: { $id } }) => $id))
  if (ids.size < 2 && ids.has(undefined)) return root
  const moved: Draft = {}
  const move = (schema: unknown): unknown => {
    if (!isObject(schema)) return schema
    const { $id, ...others } = schema
    const draft: Draft = {}
    for (const [keyword, value] of Object.entries(others)) draft[keyword] = mapMembers(keyword, value, move)
    if (schema !== root) delete draft['$defs']
    const { $ref } = schema
    if (typeof $ref === 'string' && ids.has($ref)) draft['$ref'] = $ref === root['$id'] ? '#' : `#/$defs/${$ref}`
    if (typeof $id !== 'string' || schema === root) return draft
    moved[$id] = draft
    return { $ref: `#/$defs/${$id}` }
  }
  const draft = move(root)
  return isObject(draft) ? { ...draft, $defs: { ...Object(draft['$defs']), ...moved } } : root
}

/** A root that is only a reference becomes its target. */
function inlineRoot(root: Schema): Schema {
  const { $ref, ...others } = root
  const target = resolveReference($ref, root)
  return isObject(target) && target !== root ? inlineRoot({ ...target, ...others }) : root
}

/** Adds the `type` that a schema only implies: by its literals, or because all branches of a union share it. */
function withType(schema: Schema, root = schema): Schema {
  if ('type' in schema || '$ref' in schema) return schema
  const type = impliedType(schema, root)
  return type === undefined ? schema : { type, ...schema }
}

function impliedType(schema: unknown, root: Schema, depth = 0): string | undefined {
  if (!isObject(schema) || depth > 16) return undefined
  const { type, anyOf, oneOf, allOf, $ref, const: constant, enum: values } = schema
  const typeOf = (one: unknown) => impliedType(one, root, depth + 1)
  if (type !== undefined) return typeof type === 'string' ? type : undefined
  if (typeof $ref === 'string') return typeOf(resolveReference($ref, root))
  if (constant !== undefined) return literalType(constant)
  if (Array.isArray(values)) return shared(values.map(literalType))
  if (Array.isArray(allOf)) return allOf.map(typeOf).find((one) => one !== undefined)
  const branches = anyOf ?? oneOf
  return Array.isArray(branches) ? shared(branches.map(typeOf)) : undefined
}

function literalType(value: unknown): string | undefined {
  return ['string', 'number', 'boolean'].find((type) => typeof value === type)
}

function shared(types: readonly (string | undefined)[]): string | undefined {
  return types.every((type) => type === types[0]) ? types[0] : undefined
}
