import { isObject } from './json/json.ts'
import type { Tool } from './tool.ts'

/** A tool as chat-completions servers want it: `type` and `parameters` are never left out. */
export interface FunctionTool {
  readonly type: 'function'
  readonly function: { readonly name: string; readonly description: string; readonly parameters: object }
}

/**
 * What the model is shown of a tool: its input schema, with a reference allowed in the place of any value. A member with
 * JSON Schema's `readOnly: true`, a document that comes from another tool and is not for the model to write, is shown by
 * its type and description alone; the schema that is checked stays the tool's own.
 */
export function advertise(tool: Tool): FunctionTool {
  return {
    type: 'function',
    function: { name: tool.name, description: tool.description, parameters: withReferences(tool.inputSchema) },
  }
}

const referenceSchema = {
  description:
    'Stands for a value you need not copy: "<tool name or call id>#<JSON Pointer>", or one of the inputs of the run: "<name>#<JSON Pointer>".',
  anyOf: [
    { type: 'object', properties: { $result: { type: 'string' } }, required: ['$result'], additionalProperties: false },
    { type: 'object', properties: { $input: { type: 'string' } }, required: ['$input'], additionalProperties: false },
  ],
}

function withReferences(root: object): object {
  const own = Reflect.get(root, '$defs')
  const held = isObject(own) ? own : {}
  let name = 'reference'
  while (Object.hasOwn(held, name)) name += '_' // the tool's own definitions keep their names
  const schema = mapMembers(root, { $ref: `#/$defs/${name}` })
  const mapped = isObject(schema['$defs']) ? schema['$defs'] : {}
  return { ...schema, $defs: { ...mapped, [name]: referenceSchema } }
}

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

function outlined(schema: { readonly [keyword: string]: unknown }, reference: object): Record<string, unknown> {
  if (schema['readOnly'] !== true) return mapMembers(schema, reference)
  const { type, title, description } = schema
  const outline = { type, title, description }
  return Object.fromEntries(Object.entries(outline).filter(([, value]) => value !== undefined))
}

/** Keywords that hold schemas of other values, which may be references: in a map, in a list, alone. */
const maps = ['properties', 'patternProperties']
const tuples = ['prefixItems']
const singles = ['items', 'additionalProperties', 'unevaluatedItems', 'unevaluatedProperties']
/** Keywords that hold schemas of a value in whose place the reference is allowed already. */
const sameInMaps = ['$defs', 'definitions', 'dependentSchemas']
const sameInLists = ['allOf', 'anyOf', 'oneOf']
const sameSingles = ['then', 'else']

function mapMembers(schema: object, reference: object): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...schema }
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
