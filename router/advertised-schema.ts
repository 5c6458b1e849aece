// The schema that the model is shown differs from the schema that calls are validated against: an object or an array may
// also be given as a reference. For example { days: { type: 'array' } } is advertised as
//
//   { days: { anyOf: [{ type: 'array' }, { $ref: '#/$defs/reference' }] } }
//
// Scalars keep their schema. Servers convert the text of an argument by the `type` of its property, and a reference to a
// scalar saves nothing. So does a property that can be a string or something else: without its `type`, a server would read
// the string "true" as a boolean. A tool with scalar inputs only is advertised unchanged.

import { isObject } from './json/json.ts'
import { resolveReference, subschemaKeywords } from './schema-keywords.ts'
import type { Tool } from './tool.ts'

/** A tool in the form of the chat-completions API. `type` and `parameters` are always present. */
export interface FunctionTool {
  /** The only kind of tool that the API knows. */
  readonly type: 'function'
  /** The tool. */
  readonly function: {
    /** Name of the tool. */
    readonly name: string
    /** The tool's description, as the model reads it. */
    readonly description: string
    /** JSON Schema of the arguments. */
    readonly parameters: object
  }
}

/** A tool as it is advertised to the model. */
interface AdvertisedTool {
  /** The tool in the form of the API. */
  readonly definition: FunctionTool
  /** The definition as JSON text. */
  readonly json: string
  /** Whether an input, or a part of one, can be given as a reference. */
  readonly acceptsReferences: boolean
}

/**
 * The form of a tool that is advertised to the model. Its parameters are the input schema, except that
 *
 * - an object or an array may be given as a reference, at any depth;
 * - a value with `readOnly: true` (a document of another tool, which the model only passes on) is reduced to its type and
 *   description, or any object: the prompt and the description say what a reference looks like;
 * - a value with `writeOnly: true`, which the model itself writes, is advertised without references, which save nothing
 *   there, and without the limits that say little about how to write it;
 * - `oneOf` with a `discriminator` becomes `anyOf`, because some servers refuse keywords that they do not know.
 *
 * Calls are validated against the tool's own schema, after references are resolved.
 */
export function advertise(tool: Tool): AdvertisedTool {
  let advertised = advertisedTools.get(tool)
  if (advertised === undefined) {
    const { name, description, inputSchema } = tool
    const { schema: parameters, acceptsReferences } = withReferences(inputSchema)
    const definition = { type: 'function', function: { name, description, parameters } } as const
    advertised = { definition, json: JSON.stringify(definition), acceptsReferences }
    advertisedTools.set(tool, advertised)
  }
  return advertised
}

/** Tools never change, and one tool can be part of many runs. */
const advertisedTools = new WeakMap<Tool, AdvertisedTool>()

/** It is a part of each tool that accepts references, and of each request: the prompt explains it at length. */
const referenceSchema = {
  description:
    'Instead of a copy: {"$result":"<tool or call id>#<JSON Pointer>"} or {"$input":"<name>#<JSON Pointer>"}.',
  type: 'object',
  properties: { $result: { type: 'string' }, $input: { type: 'string' } },
  minProperties: 1,
  maxProperties: 1,
  additionalProperties: false,
}

/** The schema in which objects and arrays may be references, with the definition of references if there are any. */
function withReferences(root: object): { readonly schema: object; readonly acceptsReferences: boolean } {
  const own = Reflect.get(root, '$defs')
  const definitions = isObject(own) ? own : {}
  let name = 'reference'
  while (Object.hasOwn(definitions, name)) name += '_' // the tool's own definitions keep their names
  const context: Context = { root, reference: { $ref: `#/$defs/${name}` }, isUsed: false, acceptsReferences: false }
  const schema = mapMembers(root, context)
  const { acceptsReferences } = context
  if (!context.isUsed) return { schema, acceptsReferences }
  const mapped = isObject(schema['$defs']) ? schema['$defs'] : {}
  return { schema: { ...schema, $defs: { ...mapped, [name]: referenceSchema } }, acceptsReferences }
}

/** The walk over one schema. */
interface Context {
  readonly root: object
  /** The schema of a reference. */
  readonly reference: object
  /** Whether a value may be a reference anywhere. */
  acceptsReferences: boolean
  /** Whether the schema of references was needed for that. */
  isUsed: boolean
  /** Whether the walk is inside a value that the model itself writes. */
  isWritten?: boolean
}

/**
 * Whether a value can be a reference: the schema allows an object or an array, and it does not name the type string. A
 * schema that does not say anything allows all.
 */
function mayBeReferenced(schema: unknown, root: object): boolean {
  const kinds = allowedKinds(schema, root, 0)
  return kinds.has('any') || (kinds.has('container') && !kinds.has('string'))
}

type Kind = 'container' | 'string' | 'other' | 'any'

function allowedKinds(schema: unknown, root: object, depth: number): ReadonlySet<Kind> {
  if (!isObject(schema)) return new Set(schema === false ? [] : ['any'])
  const { type, $ref: target, enum: values, const: constant } = schema
  if (type !== undefined) return new Set([type].flat().map(kindOfType))
  if (constant !== undefined) return new Set([kindOf(constant)])
  if (Array.isArray(values)) return new Set(values.map(kindOf))
  // The depth limits a definition that leads back to itself.
  if (depth > 16) return new Set(['container'])
  if (typeof target === 'string') return allowedKinds(resolveReference(target, root), root, depth + 1)
  const branches = schema['anyOf'] ?? schema['oneOf']
  if (!Array.isArray(branches)) return new Set(['any'])
  return new Set(branches.flatMap((branch) => [...allowedKinds(branch, root, depth + 1)]))
}

function kindOfType(type: unknown): Kind {
  if (type === 'object' || type === 'array') return 'container'
  return type === 'string' ? 'string' : 'other'
}

function kindOf(value: unknown): Kind {
  if (typeof value === 'object' && value !== null) return 'container'
  return typeof value === 'string' ? 'string' : 'other'
}

/**
 * Allows a value or a reference, if the value can be an object or an array. Texts and the default stay outside of the
 * union, where models and servers look for them.
 */
function orReference(schema: unknown, context: Context): unknown {
  if (!isObject(schema)) return schema
  const shown = outlined(schema, context)
  if (schema['writeOnly'] === true || context.isWritten || !mayBeReferenced(schema, context.root)) return shown
  context.acceptsReferences = true
  const isOutline = schema['readOnly'] === true
  if (isOutline && schema['type'] === 'object') return shown
  context.isUsed ||= !isOutline
  const { description, title, default: fallback, ...rest } = shown
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [rest, isOutline ? { type: 'object' } : context.reference],
  }
}

/** The schema itself with its members mapped; of a read-only value only type, title and description. */
function outlined(schema: { readonly [keyword: string]: unknown }, context: Context): Record<string, unknown> {
  if (schema['writeOnly'] === true) return mapMembers(schema, { ...context, isWritten: true })
  if (schema['readOnly'] !== true) return mapMembers(schema, context)
  const { type, title, description } = schema
  const outline = { type, title, description }
  return Object.fromEntries(Object.entries(outline).filter(([, value]) => value !== undefined))
}

/** Limits that a model seldom breaks. A call that does is refused with the reason, and each request is shorter. */
const leftToFeedback = ['minLength', 'minItems', 'minProperties', 'exclusiveMinimum', 'uniqueItems']

function mapMembers(schema: object, context: Context): Record<string, unknown> {
  const { discriminator, oneOf, writeOnly: _, ...others } = schema as { readonly [keyword: string]: unknown }
  // Tags make the branches exclusive, so `anyOf` says the same, and more servers accept it.
  const union = oneOf === undefined ? {} : discriminator === undefined ? { oneOf } : { anyOf: oneOf }
  const copy: Record<string, unknown> = { ...others, ...union }
  if (context.isWritten) {
    for (const keyword of leftToFeedback) delete copy[keyword]
    if (copy['additionalProperties'] === false) delete copy['additionalProperties']
  }
  const other = (member: unknown) => orReference(member, context)
  const same = (member: unknown) => (isObject(member) ? outlined(member, context) : member)
  for (const [keyword, holds, appliesTo] of subschemaKeywords) {
    const value = copy[keyword]
    // A schema that only tests a value says nothing about how to write it.
    if (value === undefined || appliesTo === 'test' || appliesTo === 'condition') continue
    // For a schema of the same value, a reference is already allowed around it.
    const make = appliesTo === 'part' ? other : same
    copy[keyword] = holds === 'map' ? mapValues(value, make) : holds === 'list' ? mapItems(value, make) : make(value)
  }
  return copy
}

function mapValues(map: unknown, make: (value: unknown) => unknown): unknown {
  if (!isObject(map)) return map
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, make(value)]))
}

function mapItems(list: unknown, make: (value: unknown) => unknown): unknown {
  return Array.isArray(list) ? list.map(make) : list
}
