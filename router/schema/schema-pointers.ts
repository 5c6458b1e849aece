import { isObject } from '../json.ts'
import type { Place } from './schema-places.ts'

const dialect = 'https://json-schema.org/draft/2020-12/schema'

/**
 * What points out of a schema, or into it where nothing is. References are held to the whole and to `$defs`: what the
 * model is shown has another shape, in which a pointer at a member of a member would meet nothing.
 */
export function pointerFault({ schema, path }: Place, root: object): string | undefined {
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
export function referredTo($ref: unknown, root: object): unknown {
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
