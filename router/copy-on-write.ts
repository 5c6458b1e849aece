import { lookUp, parsePointer } from './json/json-pointer.ts'

/** Changes a value without changing the original. Only the containers around a change are copied, each at most once. */
export class CopyOnWrite {
  /** The value after all changes. */
  value: unknown
  readonly #copied = new Set<unknown>()

  /** @param value the original. */
  constructor(value: unknown) {
    this.value = value
  }

  /** Replaces the value at a JSON Pointer, if it still is `before`. Returns whether it did. */
  replace(path: string, before: unknown, after: unknown): boolean {
    const place = this.#placeOf(path, before)
    return place !== undefined && Reflect.set(place.parent, place.name, after)
  }

  /** Removes the member of an object at a JSON Pointer, if it still is `before`. Returns whether it did. */
  remove(path: string, before: unknown): boolean {
    const tokens = parsePointer(path) ?? []
    const parent = lookUp(this.value, tokens.slice(0, -1))
    if (parent.kind === 'missing' || Array.isArray(parent.value)) return false
    const place = this.#placeOf(path, before)
    return place !== undefined && Reflect.deleteProperty(place.parent, place.name)
  }

  /** Adds a member to the object around a JSON Pointer, which must exist. */
  add(path: string, value: unknown): void {
    const tokens = parsePointer(path) ?? []
    const name = tokens.pop()
    if (name !== undefined) Reflect.set(this.#own(tokens), name, value)
  }

  /** The container around a value, copied, and the name of the value in it. */
  #placeOf(path: string, before: unknown): { readonly parent: object; readonly name: string } | undefined {
    const tokens = parsePointer(path) ?? []
    const found = lookUp(this.value, tokens)
    const name = tokens.pop()
    if (name === undefined || found.kind === 'missing' || found.value !== before) return undefined
    return { parent: this.#own(tokens), name }
  }

  /** Copies the containers on the way to the last of some members, which is a container as well. Returns its copy. */
  #own(tokens: readonly string[]): object {
    this.value = this.#copyOf(this.value)
    let parent = this.value as object
    for (const token of tokens) {
      const child = this.#copyOf(Reflect.get(parent, token)) as object
      Reflect.set(parent, token, child)
      parent = child
    }
    return parent
  }

  #copyOf(value: unknown): unknown {
    if (this.#copied.has(value)) return value
    const copy = Array.isArray(value) ? [...value] : { ...(value as object) }
    this.#copied.add(copy)
    return copy
  }
}
