import { parsePointer } from '../json-pointer.ts'
import type { Fault } from '../validator.ts'
import { type Places, SchemaWalk } from './schemas-at.ts'
import { type Choice, choiceOf } from './union-choice.ts'

/** A fault that is told, and the one of the validator that it was made of, which says where it belongs. */
export interface Told {
  readonly fault: Fault
  readonly origin: Fault
}

/** Says which faults belong to which branch of a union. What it found for one value is kept for those beside it. */
export class Branches {
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
  take(told: Told[], whole: Fault, branches: readonly unknown[]): ReadonlyMap<number, readonly Told[]> {
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

  #indexesOf(fault: Fault, whole: Fault, branches: readonly unknown[]): readonly number[] {
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
function nextBranch(possible: readonly number[], current: number, fault: Fault, seen: Set<string>): number {
  if (possible.length < 2) return possible[0] ?? current
  const { instancePath, schemaPath, params, propertyName } = fault
  const keyOf = (index: number) => JSON.stringify([index, instancePath, schemaPath, propertyName, params])
  const next = possible.find((index) => index >= current && !seen.has(keyOf(index))) ?? possible.at(-1) ?? current
  seen.add(keyOf(next))
  return next
}

/** Of a reference that was not found, the path to what is behind it; `#` would be the path to everything. */
function isFrom({ parentSchema, schemaPath }: Fault, places: Places): boolean {
  if (places.has(parentSchema)) return true
  for (const place of places) {
    if (typeof place === 'string' && place !== '#' && schemaPath.startsWith(`${place}/`)) return true
  }
  return false
}
