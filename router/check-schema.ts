import { isObject } from './json/json.ts'
import { escapePointerToken } from './json/json-pointer.ts'
import { foreignKeywords } from './schema-keywords.ts'
import { firstFault, ofSameValueIn, type Place } from './schema-places.ts'
import { strictFault } from './strict-schema.ts'
import { schemaErrors, type ValidationError } from './validation.ts'

/**
 * Everything that would keep a schema from being compiled, found without compiling it.
 *
 * @throws {TypeError} when `schema` is not a JSON Schema object; `label` begins the message.
 */
export function checkSchema(label: string, schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) {
    throw new TypeError(`${label} is ${schema === null ? 'null' : typeof schema}; it has to be a JSON Schema object.`)
  }
  const fault =
    jsonFault(schema) ??
    keywordFault(schema) ??
    firstFault(schema, (place) => pointerFault(place, schema) ?? strictFault(place)) ??
    firstFault(schema, endlessFault(schema))
  if (fault !== undefined) throw new TypeError(`${label}${fault}`)
}

function keywordFault(schema: object): string | undefined {
  // A fault inside `anyOf` is followed by the fault of the `anyOf` itself: the first is the precise one.
  const [fault] = schemaErrors(schema)
  return fault === undefined ? undefined : `${fault.instancePath}${described(fault)}`
}

function described({ keyword, params, message, data }: ValidationError): string {
  if (keyword === 'additionalProperties') {
    const name = String(params['additionalProperty'])
    const instead = Object.entries(foreignKeywords).find(([foreign]) => foreign === name)?.[1]
    if (instead !== undefined) return `: "${name}" is not a keyword of JSON Schema 2020-12: ${instead}.`
    return `: "${name}" is not a JSON Schema keyword.`
  }
  return ` ${message ?? 'is invalid'}; it is ${JSON.stringify(data)?.slice(0, 80)}.`
}

/** Far beyond any schema that a model could follow, and well within the stack of those who walk it. */
const deepest = 200

/** Where a value is none that JSON can carry, as a path with what is wrong there; undefined where all of it is JSON. */
function jsonFault(value: unknown, path = '', around: object[] = []): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return `${path} is ${value}, which JSON cannot carry.`
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') {
    return `${path} is a ${typeof value}, which JSON cannot carry.`
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (around.includes(value)) return `${path} holds an object that holds itself: point at it with "$ref" instead.`
  if (around.length >= deepest) return `${path.slice(0, 80)}… is nested deeper than ${deepest} levels.`
  around.push(value)
  for (const [name, member] of Object.entries(value)) {
    const fault = jsonFault(member, `${path}/${escapePointerToken(name)}`, around)
    if (fault !== undefined) return fault
  }
  around.pop()
  return undefined
}

/**
 * Finds schemas that lead back to themselves without going into a member or an item of the value: whoever checks a value by
 * one never comes to an end. To be asked of each place in a schema.
 */
function endlessFault(root: object): (place: Place) => string | undefined {
  const open = new Set<object>()
  const sound = new Set<object>()
  const isEndless = (schema: unknown): boolean => {
    if (!isObject(schema) || sound.has(schema)) return false
    if (open.has(schema)) return true
    open.add(schema)
    const found = isEndless(referredTo(schema['$ref'], root)) || ofSameValueIn(schema).some(isEndless)
    open.delete(schema)
    if (!found) sound.add(schema)
    return found
  }
  return ({ schema, path }) =>
    isEndless(schema)
      ? `${path}: this leads in a circle by "$ref", for the same value: put "properties" or "items" in between.`
      : undefined
}

const dialect = 'https://json-schema.org/draft/2020-12/schema'

/**
 * What points out of a schema, or into it where nothing is. References are held to the whole and to `$defs`: what the
 * model is shown has another shape, in which a pointer at a member of a member would meet nothing.
 */
function pointerFault({ schema, path }: Place, root: object): string | undefined {
  const { $schema, $id, $ref } = schema
  if ($schema !== undefined && $schema !== dialect) {
    return `${path}/$schema is ${JSON.stringify($schema)}: schemas are JSON Schema 2020-12; leave it out, or write "${dialect}".`
  }
  if ($id !== undefined && path !== '') return `${path}/$id is ${JSON.stringify($id)}: only the root may have an "$id".`
  if (typeof $ref !== 'string' || $ref === '#') return undefined
  if (!inDefinitions.test($ref)) {
    return `${path}/$ref is ${JSON.stringify($ref)}; it has to be "#" or "#/$defs/<name>", inside the same schema.`
  }
  return referredTo($ref, root) === undefined
    ? `${path}/$ref is ${JSON.stringify($ref)}: the schema has nothing there.`
    : undefined
}

const inDefinitions = /^#\/(\$defs|definitions)\/([^/#]+)$/

/** What a `$ref` points at: the whole, or a definition in it; undefined where there is nothing. */
function referredTo($ref: unknown, root: object): unknown {
  if (typeof $ref !== 'string') return undefined
  if ($ref === '#') return root
  const [, map = '', name = ''] = inDefinitions.exec($ref) ?? []
  const held: unknown = Reflect.get(root, map)
  const target = decoded(name)
  return target !== undefined && isObject(held) && Object.hasOwn(held, target) ? held[target] : undefined
}

/** The name that a token stands for: a token of a JSON Pointer inside a URI fragment. */
function decoded(token: string): string | undefined {
  try {
    return decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return undefined // not a URI fragment
  }
}
