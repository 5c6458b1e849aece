import { cloneJson, isObject, maxDepth } from './json/json.ts'
import { escapePointerToken, lookUp, parsePointer } from './json/json-pointer.ts'
import { excerpt } from './text/clip.ts'
import { closest } from './text/closest.ts'

/** What a reference can point at: full values, whatever the model was shown of them. */
export interface ReferenceTargets {
  /** The latest value of a tool, or the value of one call. */
  result(nameOrId: string): { readonly value: unknown } | undefined
  /** Names of tools and ids of calls that have a value. */
  resultNames(): readonly string[]
  readonly inputs: Readonly<Record<string, unknown>>
}

export const noReferences: ReferenceTargets = { result: () => undefined, resultNames: () => [], inputs: {} }

export type Resolution =
  | {
      readonly ok: true
      readonly value: unknown
      /** Where references stood: what is there now is somebody's data, and not the model's to point from. */
      readonly brought?: readonly string[]
    }
  | { readonly ok: false; readonly kind: 'unresolved_reference' | 'unreadable_call'; readonly message: string }

/**
 * Replaces every `{ "$result": "<tool or call id>#<pointer>" }` and `{ "$input": "<name>#<pointer>" }` inside an input
 * by the full value it names. An input without references is returned as it is. Values that are too deep to walk, or
 * that carry a `__proto__` member, are refused here, before any other code walks them.
 */
export function resolveReferences(input: unknown, scope: ReferenceTargets): Resolution {
  if (isPlainData(input, 0)) return { ok: true, value: input }
  const failures = new Failures()
  const brought: string[] = []
  let forbidden: string | undefined
  const walk = (value: unknown, path: string, depth: number): unknown => {
    if (typeof value !== 'object' || value === null) return value
    if (depth >= maxDepth) {
      forbidden ??= `${excerpt(path, 100)}: nested deeper than ${maxDepth} levels`
      return value
    }
    if (Array.isArray(value)) {
      let copy: unknown[] | undefined
      for (let index = 0; index < value.length; index++) {
        const item: unknown = value[index]
        if (typeof item !== 'object') continue
        const resolved = walk(item, `${path}/${index}`, depth + 1)
        if (resolved === item) continue
        copy ??= [...value]
        copy[index] = resolved
      }
      return copy ?? value
    }
    const reference = referenceOf(value)
    if (reference !== undefined) {
      const found = follow(reference, scope)
      if (!found.ok) return failures.add(path, found.message, value)
      brought.push(path)
      // The tool may change what it gets: the earlier result and the caller's inputs stay as they are.
      return cloneJson(found.value)
    }
    let copy: Record<string, unknown> | undefined
    for (const key of Object.keys(value)) {
      if (key.startsWith('$') && misspelt.test(key)) return failures.add(path, howToPoint(key), value)
      if (key === '__proto__') {
        forbidden ??= `${excerpt(path, 100)}/__proto__: this property name is not allowed`
        continue
      }
      const member: unknown = Reflect.get(value, key)
      if (typeof member !== 'object') continue
      const resolved = walk(member, `${path}/${escapePointerToken(key)}`, depth + 1)
      if (resolved === member) continue
      copy ??= { ...value }
      copy[key] = resolved
    }
    return copy ?? value
  }
  const value = walk(input, '', 0)
  if (forbidden !== undefined) return { ok: false, kind: 'unreadable_call', message: forbidden }
  if (failures.count > 0) {
    return { ok: false, kind: 'unresolved_reference', message: `${failures.text}\n${whatExists(scope)}` }
  }
  return brought.length === 0 ? { ok: true, value } : { ok: true, value, brought }
}

/** Whether there is nothing in a value to resolve or to refuse, as in most: it is looked through without its paths. */
function isPlainData(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (depth >= maxDepth) return false
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && !isPlainData(item, depth + 1)) return false
    return true
  }
  if (!isObject(value)) return true
  for (const key in value) {
    if (key.startsWith('$') || key === '__proto__') return false
    const member = value[key]
    if (typeof member === 'object' && !isPlainData(member, depth + 1)) return false
  }
  return true
}

/** What leads nowhere, one line each, as many as the model can be told of in one message. */
class Failures {
  count = 0
  readonly #lines: string[] = []
  #room = 500

  add(path: string, message: string, value: unknown): unknown {
    const line = `- ${path === '' ? '(root)' : excerpt(path, 100)}: ${message}`
    this.count++
    this.#room -= Buffer.byteLength(line)
    if (this.#room >= 0 || this.#lines.length === 0) this.#lines.push(line)
    return value
  }

  get text(): string {
    const more = this.count - this.#lines.length
    return [...this.#lines, ...(more > 0 ? [`- … and ${more} more`] : [])].join('\n')
  }
}

const misspelt = /^\$(?:results?|inputs?)(?:$|\W)/i

function howToPoint(key: string): string {
  const kind = /^\$input/i.test(key) ? '$input' : '$result'
  return `${JSON.stringify(excerpt(key, 60))} points at nothing: write {"${kind}":"<name>#/a/0"}, an object with no other member`
}

interface Reference {
  readonly kind: '$result' | '$input'
  readonly target: string
}

/** A reference is an object with exactly one member, `$result` or `$input`, that is a string. */
export function referenceOf(value: object): Reference | undefined {
  const kind = '$result' in value ? '$result' : '$input' in value ? '$input' : undefined
  if (kind === undefined || Object.keys(value).length !== 1) return undefined
  const target: unknown = Reflect.get(value, kind)
  return typeof target === 'string' ? { kind, target } : undefined
}

type Followed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string }

function follow({ kind, target }: Reference, scope: ReferenceTargets): Followed {
  const hash = target.indexOf('#')
  const name = hash === -1 ? target : target.slice(0, hash)
  const pointer = hash === -1 ? '' : target.slice(hash + 1)
  const shown = `{"${kind}":${JSON.stringify(excerpt(target, 120))}}`
  const tokens = parsePointer(pointer)
  if (tokens === undefined)
    return { ok: false, message: `${shown}: "${excerpt(pointer, 60)}" is no JSON Pointer; write "/a/0/b"` }
  const source = kind === '$result' ? scope.result(name) : inputOf(scope, name)
  if (source === undefined) {
    const meant = closest(name, kind === '$result' ? scope.resultNames() : Object.keys(scope.inputs))
    const hint = meant === undefined ? '' : `; did you mean "${meant}"?`
    const what = kind === '$result' ? 'result of' : 'input named'
    return { ok: false, message: `${shown}: there is no ${what} "${excerpt(name, 80)}"${hint}` }
  }
  const found = lookUp(source.value, tokens)
  if (found.kind === 'found') return { ok: true, value: found.value }
  return { ok: false, message: `${shown}: no member "${excerpt(found.token, 60)}"${membersOf(found.at)}` }
}

function inputOf(scope: ReferenceTargets, name: string): { readonly value: unknown } | undefined {
  return Object.hasOwn(scope.inputs, name) ? { value: scope.inputs[name] } : undefined
}

function membersOf(value: unknown): string {
  if (Array.isArray(value)) return `; it is an array of ${value.length}`
  if (!isObject(value)) return `; it is ${value === null ? 'null' : `a ${typeof value}`}`
  return `; it has ${excerpt(Object.keys(value).slice(0, 20).join(', '), 200) || 'no members'}`
}

function whatExists(scope: ReferenceTargets): string {
  const results = excerpt(scope.resultNames().join(', '), 300) || 'none yet'
  const inputs = excerpt(Object.keys(scope.inputs).join(', '), 200) || 'none'
  return `"$result" can name: ${results}. "$input" can name: ${inputs}.`
}
