import { isObject } from '../json.ts'
import { lookUp, parsePointer } from '../json-pointer.ts'

/** The schemas that apply to one value, and the references to schemas that were not found. */
export type Places = ReadonlySet<unknown>

/**
 * Finds the schemas that apply to a part of a value. It is by them that the fault of one branch of a union is told from
 * that of another: the path to a schema behind a `$ref` says nothing of how it was come by.
 */
export class SchemaWalk {
  readonly #root: unknown
  /** A list of thousands of items asks the same again and again. */
  readonly #steps = new WeakMap<Places, Map<string, Places>>()

  /** @param root where references point into; one that is not found there is a place of its own. */
  constructor(root: unknown) {
    this.#root = root
  }

  /** The schemas, and all inside of them that apply to the same value. */
  same(schemas: readonly unknown[]): Places {
    const places = new Set<unknown>()
    const open = [...schemas]
    while (open.length > 0) {
      const place = open.pop()
      if (place === undefined || places.has(place)) continue
      places.add(place)
      if (!isObject(place)) continue
      for (const name of ['allOf', 'anyOf', 'oneOf']) open.push(...itemsOf(place[name]))
      for (const name of ['if', 'then', 'else', 'not', 'propertyNames']) open.push(place[name])
      open.push(...membersOf(place['dependentSchemas']))
      if (typeof place['$ref'] === 'string') open.push(resolve(place['$ref'], this.#root) ?? place['$ref'])
    }
    return places
  }

  /** The schemas that apply to a member or an item. */
  below(places: Places, token: string): Places {
    const steps = this.#steps.get(places) ?? new Map<string, Places>()
    this.#steps.set(places, steps)
    const isNamed = [...places].some((place) => ownSchemas(place, token).length > 0)
    const step = isNamed ? `/${token}` : 'any other'
    const known = steps.get(step)
    if (known !== undefined) return known
    const found = this.same([...places].flatMap((place) => [...ownSchemas(place, token), ...otherSchemas(place)]))
    steps.set(step, found)
    return found
  }
}

function ownSchemas(place: unknown, token: string): readonly unknown[] {
  if (!isObject(place)) return []
  const { properties, prefixItems } = place
  if (isObject(properties) && Object.hasOwn(properties, token)) return [properties[token]]
  const item: unknown = Array.isArray(prefixItems) ? prefixItems[Number(token)] : undefined
  return item === undefined ? [] : [item]
}

/** Those for members and items that have none by name: too many at worst, where a pattern does not fit. */
function otherSchemas(place: unknown): readonly unknown[] {
  if (typeof place === 'string') return [place]
  if (!isObject(place)) return []
  const names = ['additionalProperties', 'unevaluatedProperties', 'items', 'unevaluatedItems', 'contains']
  return [...membersOf(place['patternProperties']), ...names.map((name) => place[name])]
}

function resolve(reference: string, root: unknown): unknown {
  if (!reference.startsWith('#')) return undefined
  try {
    const found = lookUp(root, parsePointer(decodeURIComponent(reference.slice(1))) ?? [''])
    return found.found ? found.value : undefined
  } catch {
    return undefined // it is no URI
  }
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function membersOf(value: unknown): readonly unknown[] {
  return isObject(value) ? Object.values(value) : []
}
