// Writes large values as JSON without blocking the process. `JSON.stringify` takes about 10 ms for each MiB of small objects.

import { Pauses } from '../pauses.ts'
import { isPlain } from './json.ts'

/** Values with fewer parts take a few milliseconds at most. */
const largeParts = 20_000

/** Parts that are written without a look at the clock. */
const smallParts = 500

/** Deeper values, and objects that contain themselves, are left to `JSON.stringify`, which throws. */
const maxDepth = 500

/** Whether a value has so many parts that writing it as JSON would block the process. */
export function isLargeJson(value: unknown): boolean {
  const found = { parts: 0, isDeep: false }
  count(value, largeParts, 0, found)
  return found.parts >= largeParts && !found.isDeep
}

/**
 * The same text as that of `JSON.stringify`. It is written in slices, between which other work goes on.
 *
 * @returns `undefined` if JSON cannot represent the value.
 */
export async function stringifyLarge(value: unknown): Promise<string | undefined> {
  const pauses = new Pauses()
  try {
    const writing = new Writing(value)
    while (!writing.run(pauses)) await pauses.pause()
    await pauses.pause()
    const text = writing.text
    // The caller looks at the whole value, too.
    await pauses.pause()
    return text
  } catch {
    return undefined // a BigInt, a cycle, or a `toJSON` that throws
  }
}

const knownBytes = new WeakMap<object, number>()

/** Remembers the size of a value as JSON, so that it need not be written again to be measured. */
export function rememberJsonBytes(value: unknown, bytes: number): void {
  if (typeof value === 'object' && value !== null) knownBytes.set(value, bytes)
}

/** The remembered size of a value; `undefined` if it is not known. */
export function knownJsonBytes(value: unknown): number | undefined {
  return typeof value === 'object' && value !== null ? knownBytes.get(value) : undefined
}

function count(value: unknown, most: number, depth: number, found: { parts: number; isDeep: boolean }): void {
  found.parts++
  if (typeof value !== 'object' || value === null) return
  if (depth > maxDepth) found.isDeep = true
  if (found.isDeep) return
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length && found.parts < most; index++) count(value[index], most, depth + 1, found)
    return
  }
  for (const name in value) {
    if (found.parts >= most || found.isDeep) return
    count(Reflect.get(value, name), most, depth + 1, found)
  }
}

/** A container that is being written. */
interface Open {
  readonly value: object
  /** Names of the members; `undefined` for an array. */
  readonly names: readonly string[] | undefined
  next: number
  isEmpty: boolean
}

class Writing {
  /** The text up to the last pause. */
  readonly #slices: string[] = []
  #parts: string[] = []
  readonly #open: Open[] = []

  constructor(value: unknown) {
    this.#write('', value)
  }

  /** `undefined` for a value without JSON, such as a function. */
  get text(): string | undefined {
    this.#joinParts()
    return this.#slices.length === 0 ? undefined : this.#slices.join('')
  }

  /** Joining all parts at the end would take long. */
  #joinParts(): void {
    if (this.#parts.length > 0) this.#slices.push(this.#parts.join(''))
    this.#parts = []
  }

  /** Writes until a pause is due. Returns whether all is written. */
  run(pauses: Pauses): boolean {
    let left = smallParts
    for (let open = this.#open.at(-1); open !== undefined; open = this.#open.at(-1)) {
      if (left-- <= 0) {
        if (pauses.isDue) {
          this.#joinParts()
          return false
        }
        left = smallParts
      }
      const { value, names } = open
      const length = Array.isArray(value) ? value.length : (names?.length ?? 0)
      if (open.next >= length) {
        this.#parts.push(names === undefined ? ']' : '}')
        this.#open.pop()
        continue
      }
      const index = open.next++
      const name = names?.[index]
      const member: unknown = Reflect.get(value, name ?? index)
      const comma = open.isEmpty ? '' : ','
      const hasWritten = this.#write(
        name === undefined ? comma : `${comma}${JSON.stringify(name)}:`,
        member,
        name ?? String(index),
      )
      if (hasWritten) open.isEmpty = false
      else if (names === undefined) {
        this.#parts.push(`${comma}null`)
        open.isEmpty = false
      }
    }
    return true
  }

  /** Writes a small value, or opens a large one. Returns false for a value that JSON leaves out, such as `undefined`. */
  #write(prefix: string, value: unknown, key = ''): boolean {
    if (isSplittable(value)) {
      if (this.#open.length > maxDepth) throw new Error('Too deep')
      const names = Array.isArray(value) ? undefined : Object.keys(value)
      this.#parts.push(prefix + (names === undefined ? '[' : '{'))
      this.#open.push({ value, names, next: 0, isEmpty: true })
      return true
    }
    // The wrapper gives `toJSON` the right key.
    const json = hasToJson(value) ? inWrapper(key, value) : JSON.stringify(value)
    if (json === undefined) return false
    this.#parts.push(prefix + json)
    return true
  }
}

function isSplittable(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || hasToJson(value)) return false
  if (!Array.isArray(value) && !isPlain(value)) return false
  const found = { parts: 0, isDeep: false }
  count(value, smallParts, 0, found)
  return found.parts >= smallParts || found.isDeep
}

function hasToJson(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'toJSON' in value
}

function inWrapper(key: string, value: unknown): string | undefined {
  const json = JSON.stringify({ [key]: value })
  return json === '{}' ? undefined : json.slice(JSON.stringify(key).length + 2, -1)
}
