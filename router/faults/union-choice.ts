import { isObject } from '../json.ts'
import type { SchemaWalk } from './schemas-at.ts'

/** The member of an object that says which branch of a union is meant. */
export interface Choice {
  readonly name: string
  /** For each branch the values that choose it; none for a branch that is for no objects. */
  readonly allowed: readonly (readonly unknown[])[]
}

/** A member that has values of its own, by `const` or by `enum`, in every branch that is for objects. */
export function choiceOf(branches: readonly unknown[], walk: SchemaWalk): Choice | undefined {
  const places = branches.map((branch) => [...walk.same([branch])].filter(isObject))
  const objects = places.filter(isForObjects)
  for (const name of objects.length > 1 ? namesOf(objects[0]) : []) {
    const allowed = places.map((schemas) => (isForObjects(schemas) ? valuesOf(schemas, name, walk) : []))
    const all = allowed.flat()
    const isOwnOfEach = allowed.filter((values) => values.length > 0).length === objects.length
    if (isOwnOfEach && new Set(all).size === all.length) return { name, allowed }
  }
  return undefined
}

type Schema = { readonly [key: string]: unknown }

function isForObjects(schemas: readonly Schema[]): boolean {
  return schemas.every(({ type }) => type === undefined || [type].flat().includes('object'))
}

function namesOf(schemas: readonly Schema[] = []): readonly string[] {
  return schemas.flatMap(({ properties }) => (isObject(properties) ? Object.keys(properties) : []))
}

function valuesOf(schemas: readonly Schema[], name: string, walk: SchemaWalk): readonly unknown[] {
  for (const { properties } of schemas) {
    if (!isObject(properties) || !Object.hasOwn(properties, name)) continue
    for (const member of walk.same([properties[name]])) {
      if (!isObject(member)) continue
      if ('const' in member) return [member['const']]
      if (Array.isArray(member['enum'])) return member['enum']
    }
  }
  return []
}
