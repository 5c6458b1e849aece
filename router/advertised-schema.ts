import { isObject } from './json.ts'
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
    'Stands for a value you need not copy: "<tool name or call id>#<JSON Pointer>", or a given: "<name>#<JSON Pointer>".',
  anyOf: [
    { type: 'object', properties: { $result: { type: 'string' } }, required: ['$result'], additionalProperties: false },
    { type: 'object', properties: { $given: { type: 'string' } }, required: ['$given'], additionalProperties: false },
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
  const {
    description,
    title,
    default: fallback,
    ...rest
  } = mapMembers(schema['readOnly'] === true ? outline(schema) : schema, reference)
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [rest, reference],
  }
}

function outline({ type, title, description }: { readonly [key: string]: unknown }): object {
  return { ...(type === undefined ? {} : { type }), ...(title === undefined ? {} : { title }), description }
}

/** Keywords whose value is a map of member schemas, and those whose value is one. */
const maps = ['properties', 'patternProperties']
const singles = ['items', 'additionalProperties']
const definitions = ['$defs', 'definitions']
const lists = ['allOf', 'anyOf', 'oneOf']

function mapMembers(schema: object, reference: object): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...schema }
  for (const key of maps) {
    const members = copy[key]
    if (isObject(members))
      copy[key] = Object.fromEntries(
        Object.entries(members).map(([name, member]) => [name, orReference(member, reference)]),
      )
  }
  for (const key of definitions) {
    const held = copy[key]
    // What is defined is used in the place of a value, where the reference is allowed already.
    if (isObject(held))
      copy[key] = Object.fromEntries(
        Object.entries(held).map(([name, part]) => [name, isObject(part) ? mapMembers(part, reference) : part]),
      )
  }
  for (const key of singles) if (isObject(copy[key])) copy[key] = orReference(copy[key], reference)
  for (const key of lists) {
    const branches = copy[key]
    if (Array.isArray(branches))
      copy[key] = branches.map((branch) => (isObject(branch) ? mapMembers(branch, reference) : branch))
  }
  return copy
}
