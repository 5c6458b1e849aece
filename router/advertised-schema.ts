// The schema that the model is shown differs from the schema that calls are validated against: every value may also be a
// reference. For example { days: { type: 'integer' } } is advertised as
//
//   { days: { anyOf: [{ type: 'integer' }, { $ref: '#/$defs/reference' }] } }

import { isObject } from './json/json.ts'
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

/**
 * A tool as it is advertised to the model. Its parameters are the input schema, except that
 *
 * - every value may be given as a reference;
 * - a value with `readOnly: true` (a document of another tool, which the model only passes on) is reduced to its type and
 *   description;
 * - `oneOf` with a `discriminator` becomes `anyOf`, because some servers refuse keywords that they do not know.
 *
 * Calls are validated against the tool's own schema, after references are resolved.
 */
export function advertise(tool: Tool): FunctionTool {
  return {
    type: 'function',
    function: { name: tool.name, description: tool.description, parameters: withReferences(tool.inputSchema) },
  }
}

const referenceSchema = {
  description:
    'Reference to a value, so that you need not copy it: "<tool name or call id>#<JSON Pointer>", or for an input of the run "<name>#<JSON Pointer>".',
  anyOf: [
    { type: 'object', properties: { $result: { type: 'string' } }, required: ['$result'], additionalProperties: false },
    { type: 'object', properties: { $input: { type: 'string' } }, required: ['$input'], additionalProperties: false },
  ],
}

/** The schema in which every value may be a reference, with the definition of references. */
function withReferences(root: object): object {
  const own = Reflect.get(root, '$defs')
  const definitions = isObject(own) ? own : {}
  let name = 'reference'
  while (Object.hasOwn(definitions, name)) name += '_' // the tool's own definitions keep their names
  const schema = mapMembers(root, { $ref: `#/$defs/${name}` })
  const mapped = isObject(schema['$defs']) ? schema['$defs'] : {}
  return { ...schema, $defs: { ...mapped, [name]: referenceSchema } }
}

/** Allows a value or a reference. Texts and the default stay outside of the union, where models and servers look for them. */
function orReference(schema: unknown, reference: object): unknown {
  if (!isObject(schema)) return schema
  const { description, title, default: fallback, ...rest } = outlined(schema, reference)
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [rest, reference],
  }
}

/** The schema itself with its members mapped; of a read-only value only type, title and description. */
function outlined(schema: { readonly [keyword: string]: unknown }, reference: object): Record<string, unknown> {
  if (schema['readOnly'] !== true) return mapMembers(schema, reference)
  const { type, title, description } = schema
  const outline = { type, title, description }
  return Object.fromEntries(Object.entries(outline).filter(([, value]) => value !== undefined))
}

/** Keywords with schemas of other values, each of which may be a reference: in a map, in a list, single. */
const maps = ['properties', 'patternProperties']
const tuples = ['prefixItems']
const singles = ['items', 'additionalProperties', 'unevaluatedItems', 'unevaluatedProperties']
/** Keywords with schemas of the same value, for which a reference is already allowed. */
const sameInMaps = ['$defs', 'definitions', 'dependentSchemas']
const sameInLists = ['allOf', 'anyOf', 'oneOf']
const sameSingles = ['then', 'else']

function mapMembers(schema: object, reference: object): Record<string, unknown> {
  const { discriminator, oneOf, ...others } = schema as { readonly [keyword: string]: unknown }
  // Tags make the branches exclusive, so `anyOf` says the same, and more servers accept it.
  const copy: Record<string, unknown> =
    discriminator === undefined ? { ...schema } : { ...others, ...(oneOf === undefined ? {} : { anyOf: oneOf }) }
  const change = (keywords: readonly string[], make: (value: unknown) => unknown) => {
    for (const keyword of keywords) if (copy[keyword] !== undefined) copy[keyword] = make(copy[keyword])
  }
  const other = (member: unknown) => orReference(member, reference)
  const same = (member: unknown) => (isObject(member) ? outlined(member, reference) : member)
  change(maps, (value) => mapValues(value, other))
  change(tuples, (value) => mapItems(value, other))
  change(singles, other)
  change(sameInMaps, (value) => mapValues(value, same))
  change(sameInLists, (value) => mapItems(value, same))
  change(sameSingles, same)
  return copy
}

function mapValues(map: unknown, make: (value: unknown) => unknown): unknown {
  if (!isObject(map)) return map
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, make(value)]))
}

function mapItems(list: unknown, make: (value: unknown) => unknown): unknown {
  return Array.isArray(list) ? list.map(make) : list
}
