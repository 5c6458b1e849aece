import { isObject } from './json/json.ts'
import { escapePointerToken, lookUp, parsePointer } from './json/json-pointer.ts'
import type { ValidationError } from './validation.ts'

/**
 * The faults worth telling, the consequences of others left out.
 *
 * A validator reports every branch of a union. Told here is the branch that was meant: the one that a member of the
 * value chooses, else, of the branches for values of this type, the one with the fewest faults. Where the member fits
 * no branch, it is told, with all values that it may have. Where nothing says which branch was meant, one fault holds
 * them all as its `alternatives`.
 *
 * @param root the schema, for references that Ajv does not dissolve: those to schemas that have references themselves.
 */
export function summarizeUnionErrors(faults: readonly ValidationError[], root?: unknown): readonly ValidationError[] {
  // Most schemas have no unions, and there may be a hundred thousand faults.
  if (!faults.some(({ keyword }) => hasParts.has(keyword))) return faults
  const branches = new Branches(root)
  const told: Told[] = []
  for (const fault of faults) for (const one of essence(fault, told, branches)) told.push(one)
  return told.map(({ fault }) => fault)
}

/** Keywords whose fault comes behind those of what they apply. */
const hasParts: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'if', 'propertyNames', 'contains'])

/** What is told of a fault; the faults before it that are parts of it are taken out of the list. */
function essence(whole: ValidationError, told: Told[], branches: Branches): readonly Told[] {
  const itself: Told = { fault: whole, origin: whole }
  const { schema, parentSchema } = whole
  switch (whole.keyword) {
    case 'anyOf':
    case 'oneOf':
      if (!Array.isArray(schema)) return [itself]
      return chooseBranch(itself, branches.take(told, whole, schema), branches, schema)
    case 'if':
      return partsOr(itself, branches.take(told, whole, [parentSchema?.['then'], parentSchema?.['else']]))
    case 'propertyNames':
      return partsOr(itself, branches.take(told, whole, [schema]))
    case 'contains':
      // That no item fits is one fault, not as many as there are items.
      branches.take(told, whole, [{ items: schema }])
      return [itself]
    default:
      return [itself]
  }
}

type Parts = ReadonlyMap<number, readonly Told[]>

/** The line of the whole adds nothing to the faults of its part. */
function partsOr(whole: Told, parts: Parts): readonly Told[] {
  return parts.size === 0 ? [whole] : [...parts.values()].flat()
}

function chooseBranch(whole: Told, parts: Parts, branches: Branches, schemas: readonly unknown[]): readonly Told[] {
  const { instancePath, params } = whole.fault
  // oneOf with two branches that fit has no parts, or those of the others: the whole is what is wrong.
  if (parts.size === 0 || params['passingSchemas']) return [whole]
  const chosen = byMember(whole, parts, branches.choiceOf(schemas))
  if (chosen !== undefined) return chosen
  const all = [...parts.values()]
  const isMismatch = ({ fault }: Told) => fault.keyword === 'type' && fault.instancePath === instancePath
  const ofType = all.filter((faults) => !faults.some(isMismatch))
  if (ofType.length === 0) return [wrongType(whole, all.flat().filter(isMismatch))]
  const literal = sharedLiteral(whole, ofType)
  if (literal !== undefined) return [literal]
  const isMissing = ({ fault }: Told) => fault.keyword === 'required' && fault.instancePath === instancePath
  if (ofType.every((faults) => faults.every(isMissing))) return alternatives(whole, ofType)
  const open = ofType.filter(
    (faults) => !faults.some(({ fault }) => fault.keyword === 'const' && isMember(fault, whole)),
  )
  const meant = open.length > 0 ? open : ofType
  const fewest = Math.min(...meant.map((faults) => faults.length))
  return alternatives(
    whole,
    meant.filter((faults) => faults.length === fewest),
  )
}

/** The branch that a member of the value chooses, or, where the member fits none, the fault that this is. */
function byMember(whole: Told, parts: Parts, choice: Choice | undefined): readonly Told[] | undefined {
  const { data, instancePath } = whole.fault
  if (choice === undefined || !isObject(data)) return undefined
  const { name, allowed } = choice
  const value = Object.hasOwn(data, name) ? data[name] : undefined
  const index = allowed.findIndex((values) => values.includes(value))
  if (index !== -1) return parts.get(index) ?? [whole]
  const isAsked = ({ fault }: Told) => fault.keyword === 'required' && fault.params['missingProperty'] === name
  if (value === undefined && ![...parts.values()].flat().some(isAsked)) return undefined
  return [wrongValue(whole, `${instancePath}/${escapePointerToken(name)}`, allowed.flat(), value)]
}

/** The value, or a member of it, for which each branch has a list of its own: together they are one. */
function sharedLiteral(whole: Told, branches: readonly (readonly Told[])[]): Told | undefined {
  if (branches.length < 2) return undefined
  const isLiteral = ({ keyword }: ValidationError) => keyword === 'const' || keyword === 'enum'
  for (const { fault } of branches[0] ?? []) {
    const path = fault.instancePath
    if (!isLiteral(fault) || !(path === whole.fault.instancePath || isMember(fault, whole))) continue
    const each = branches.map((faults) => faults.find((one) => one.fault.instancePath === path && isLiteral(one.fault)))
    if (each.includes(undefined)) continue
    const allowed = each.flatMap((one) => one?.fault.params['allowedValues'] ?? [one?.fault.params['allowedValue']])
    return wrongValue(whole, path, [...new Set(allowed)], fault.data)
  }
  return undefined
}

function isMember({ instancePath }: ValidationError, whole: Told): boolean {
  return instancePath.lastIndexOf('/') === whole.fault.instancePath.length
}

function wrongValue(whole: Told, instancePath: string, allowedValues: readonly unknown[], data: unknown): Told {
  return { ...whole, fault: { ...whole.fault, instancePath, keyword: 'enum', params: { allowedValues }, data } }
}

function wrongType(whole: Told, mismatches: readonly Told[]): Told {
  const type = [...new Set(mismatches.flatMap(({ fault }) => fault.params['type']))]
  return { ...whole, fault: { ...whole.fault, keyword: 'type', params: { type } } }
}

function alternatives(whole: Told, branches: readonly (readonly Told[])[]): readonly Told[] {
  const [first = [], ...others] = branches
  if (others.length === 0) return first
  const each = branches.map((faults) => faults.map(({ fault }) => fault))
  return [{ ...whole, fault: { ...whole.fault, params: { alternatives: each } } }]
}

/** A fault that is told, and the one of the validator that it was made of, which says where it belongs. */
interface Told {
  readonly fault: ValidationError
  readonly origin: ValidationError
}

/** Says which faults belong to which branch of a union. What it found for one value is kept for those beside it. */
class Branches {
  readonly #walk: SchemaWalk
  readonly #places = new WeakMap<object, readonly Places[]>()
  readonly #choices = new WeakMap<object, { readonly choice: Choice | undefined }>()

  /** @param root the schema that references point into. */
  constructor(root: unknown) {
    this.#walk = new SchemaWalk(root)
  }

  choiceOf(branches: readonly unknown[]): Choice | undefined {
    const known = this.#choices.get(branches) ?? { choice: choiceOf(branches, this.#walk) }
    this.#choices.set(branches, known)
    return known.choice
  }

  /** Takes the faults directly before that belong to one of the branches, and gives them branch by branch. */
  take(told: Told[], whole: ValidationError, branches: readonly unknown[]): ReadonlyMap<number, readonly Told[]> {
    const indexes: (readonly number[])[] = []
    for (let one = told.at(-1); one !== undefined; one = told.at(-1 - indexes.length)) {
      const found = this.#indexesOf(one.origin, whole, branches)
      if (found.length === 0) break
      indexes.push(found)
    }
    const taken = new Map<number, Told[]>()
    const seen = new Set<string>()
    let current = 0
    for (const one of told.splice(told.length - indexes.length)) {
      current = nextBranch(indexes.pop() ?? [], current, one.origin, seen)
      const faults = taken.get(current)
      if (faults === undefined) taken.set(current, [one])
      else faults.push(one)
    }
    return taken
  }

  #indexesOf(fault: ValidationError, whole: ValidationError, branches: readonly unknown[]): readonly number[] {
    const path = fault.instancePath
    if (path !== whole.instancePath && !path.startsWith(`${whole.instancePath}/`)) return []
    const tokens = parsePointer(path.slice(whole.instancePath.length)) ?? []
    return this.#placesOf(branches).flatMap((start, index) => {
      const places = tokens.reduce((at, token) => this.#walk.below(at, token), start)
      return isFrom(fault, places) ? [index] : []
    })
  }

  #placesOf(branches: readonly unknown[]): readonly Places[] {
    const known = this.#places.get(branches) ?? branches.map((branch) => this.#walk.same([branch]))
    this.#places.set(branches, known)
    return known
  }
}

/** Branches come one after the other; a schema that two of them share is asked for the one, then for the other. */
function nextBranch(possible: readonly number[], current: number, fault: ValidationError, seen: Set<string>): number {
  if (possible.length < 2) return possible[0] ?? current
  const { instancePath, schemaPath, params, propertyName } = fault
  const keyOf = (index: number) => JSON.stringify([index, instancePath, schemaPath, propertyName, params])
  const next = possible.find((index) => index >= current && !seen.has(keyOf(index))) ?? possible.at(-1) ?? current
  seen.add(keyOf(next))
  return next
}

/** Of a reference that was not found, the path to what is behind it; `#` would be the path to everything. */
function isFrom({ parentSchema, schemaPath }: ValidationError, places: Places): boolean {
  if (places.has(parentSchema)) return true
  for (const place of places) {
    if (typeof place === 'string' && place !== '#' && schemaPath.startsWith(`${place}/`)) return true
  }
  return false
}

/** The member of an object that says which branch of a union is meant. */
interface Choice {
  readonly name: string
  /** For each branch the values that choose it; none for a branch that is for no objects. */
  readonly allowed: readonly (readonly unknown[])[]
}

/** A member that has values of its own, by `const` or by `enum`, in every branch that is for objects. */
function choiceOf(branches: readonly unknown[], walk: SchemaWalk): Choice | undefined {
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

/** The schemas that apply to one value, and the references to schemas that were not found. */
type Places = ReadonlySet<unknown>

/**
 * Finds the schemas that apply to a part of a value. It is by them that the fault of one branch of a union is told from
 * that of another: the path to a schema behind a `$ref` says nothing of how it was come by.
 */
class SchemaWalk {
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
    return found.kind === 'found' ? found.value : undefined
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
