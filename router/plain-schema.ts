// Some servers refuse keywords of JSON Schema that they do not know, or a property without a type. For them a schema is
// written with the few keywords that every server knows. What these cannot say is written into the description, so that the
// model still reads it. Calls are validated against the tool's own schema.

import { isObject } from './json/json.ts'
import { resolveReference, type Schema } from './schema-keywords.ts'
import type { Tool } from './tool.ts'

/**
 * A tool in the form of the chat-completions API as JSON text, with a plain schema: `type`, `description`, `properties`,
 * `required`, `items` and `enum`, without references between schemas.
 */
export function plainTool(tool: Tool): string {
  let json = plainTools.get(tool)
  if (json === undefined) {
    const { name, description, inputSchema } = tool
    // A tool without parameters is refused, so the properties are always there.
    const parameters = {
      properties: {},
      ...plain(inputSchema, { root: inputSchema, left: mostSchemas }, 0),
      type: 'object',
    }
    json = JSON.stringify({ type: 'function', function: { name, description, parameters } })
    plainTools.set(tool, json)
  }
  return json
}

/** Tools never change, and one tool can be part of many runs. */
const plainTools = new WeakMap<Tool, string>()

/** The walk over one schema. */
interface Context {
  readonly root: object
  /** Schemas that may still be written. */
  left: number
}

/** Levels and number of schemas that are written. A schema that leads back to itself would have no end. */
const deepest = 8
const mostSchemas = 500

/** Keywords that say nothing that a model needs to know in order to write a value. */
const silent: ReadonlySet<string> = new Set([
  ...['$schema', '$id', '$comment', '$defs', 'definitions', '$ref', 'title', 'description', 'type', 'const', 'enum'],
  ...[
    'properties',
    'required',
    'items',
    'anyOf',
    'oneOf',
    'allOf',
    'discriminator',
    'readOnly',
    'writeOnly',
    'deprecated',
  ],
  ...['additionalProperties', 'unevaluatedProperties', 'unevaluatedItems', 'examples'],
])

function plain(schema: unknown, context: Context, depth: number): Schema {
  if (!isObject(schema)) return {}
  context.left--
  const known = merged(schema, context, depth)
  const { properties, required, items, enum: values } = known
  const type = typeOf(known)
  const description = [known['description'], rest(known)].filter((text) => typeof text === 'string').join(' ')
  const isOutline = known['readOnly'] === true || depth >= deepest || context.left <= 0
  return {
    ...(type === undefined ? {} : { type }),
    ...(description === '' ? {} : { description }),
    ...(values === undefined ? {} : { enum: values }),
    ...(isOutline || !isObject(properties) ? {} : { properties: mapValues(properties, context, depth) }),
    ...(isOutline || !isObject(properties) || !Array.isArray(required) ? {} : { required }),
    ...(type === 'array' ? { items: isOutline ? {} : plain(items, context, depth + 1) } : {}),
  }
}

function mapValues(map: Schema, context: Context, depth: number): Schema {
  return Object.fromEntries(Object.entries(map).map(([name, member]) => [name, plain(member, context, depth + 1)]))
}

/** A schema with what applies to the same value: its `$ref`, all of `allOf`, and the first branch of a union that is not null. */
function merged(schema: Schema, context: Context, depth: number): Schema {
  if (depth >= deepest || context.left-- <= 0) return schema
  const { $ref: target, allOf, anyOf, oneOf, const: constant, ...own } = schema
  const branches = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : []
  const possible = branches.filter((branch) => !isObject(branch) || branch['type'] !== 'null')
  const parts: readonly unknown[] = [
    target === undefined ? undefined : resolveReference(target, context.root),
    ...(Array.isArray(allOf) ? allOf : []),
    possible[0],
  ]
  let all: Schema = constant === undefined ? own : { ...own, enum: [constant] }
  for (const part of parts.filter(isObject)) {
    const other = merged(part, context, depth + 1)
    const properties = { ...asObject(other['properties']), ...asObject(all['properties']) }
    const required = [...new Set([...asList(other['required']), ...asList(all['required'])])]
    all = {
      ...other,
      ...all,
      ...(Object.keys(properties).length === 0 ? {} : { properties }),
      ...(required.length === 0 ? {} : { required }),
    }
  }
  return possible.length < 2 ? all : { ...all, or: possible.slice(1) }
}

/** The type of a value: as it is written, of a list the first one that is not null, or the one that other keywords imply. */
function typeOf({ type, enum: values, properties, items }: Schema): string | undefined {
  if (typeof type === 'string') return type
  if (Array.isArray(type)) return type.find((name) => name !== 'null') ?? 'null'
  if (isObject(properties)) return 'object'
  if (items !== undefined) return 'array'
  const [first] = asList(values)
  if (typeof first === 'number') return Number.isInteger(first) ? 'integer' : 'number'
  return typeof first === 'string' || typeof first === 'boolean' ? typeof first : undefined
}

/** The keywords that are left out, as a sentence for the model. */
function rest(schema: Schema): string | undefined {
  const { additionalProperties } = schema
  const left = Object.entries(schema).filter(([keyword]) => !silent.has(keyword))
  if (isObject(additionalProperties)) left.push(['additionalProperties', additionalProperties])
  return left.length === 0 ? undefined : `(${JSON.stringify(Object.fromEntries(left))})`
}

function asObject(value: unknown): Schema {
  return isObject(value) ? value : {}
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
