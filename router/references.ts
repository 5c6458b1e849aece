// A reference in a tool call points at a value of the run, so that the model need not copy it:
//
//   { "config": { "$result": "fetch_config#/config" } }    the member `config` of the latest result of `fetch_config`
//   { "unit": { "$input": "units#/temperature" } }          a part of the input `units` that the caller gave to the run
//
// The text is a name, optionally followed by `#` and a JSON Pointer into the value.
//
// Some servers turn an object into text, so a text that is a reference as a whole is one, too. `parseReference` knows all
// forms.

import { isObject, maxDepth } from './json/json.ts'
import { escapePointerToken, lookUp, parsePointer } from './json/json-pointer.ts'
import { jsonIn, mayBeReference, misspeltMember, parseReference, type Reference } from './parse-reference.ts'
import { excerpt } from './text/clip.ts'
import { closest } from './text/closest.ts'
import { maxRecordedRepairs, type Repair, repair, type ToolError } from './tool-call.ts'

/** A value that a reference can point into. */
export interface ReferencedResult {
  /** The complete value. */
  readonly value: unknown
  /** Idempotency key of the call that returned it. */
  readonly callId?: string
  /** Whose value it is, for the model, if the name of the tool also means a later call that failed. @defaultValue no note */
  readonly note?: string
}

/** The values that references can point at. They are complete, even where the model was shown a clipped text. */
export interface ReferenceTargets {
  /** The latest value of a tool, or the value of one call; `undefined` when there is no value. */
  result(nameOrId: string): ReferencedResult | undefined
  /** Names of the tools and ids of the calls that have a value. */
  resultNames(): readonly string[]
  /** Why a known call or tool has no value, for the model. @defaultValue no reason */
  whyMissing?(nameOrId: string): string | undefined
  /** The named values that the caller gave to the run. */
  readonly inputs: Readonly<Record<string, unknown>>
}

/** No targets: every reference fails. */
export const noReferences: ReferenceTargets = { result: () => undefined, resultNames: () => [], inputs: {} }

/** Result of {@link resolveReferences}. */
export type Resolution =
  | {
      /** All references were replaced. */
      readonly kind: 'resolved'
      /** The input with its references replaced by values; the same object when it had none. */
      readonly value: unknown
      /**
       * JSON Pointers to the values that replaced references; absent when there were none. These values are data: text
       * that looks like a reference inside them must not be resolved.
       */
      readonly referencedPaths?: readonly string[]
      /** One entry per reference that was given as text, at most {@link maxRecordedRepairs}; absent when there were none. */
      readonly repairs?: readonly Repair[]
    }
  /** A reference has no target, or the input is too deep or has a `__proto__` member. The message is for the model. */
  | { readonly kind: 'refused'; readonly error: ToolError }

/**
 * Replaces every `{ "$result": "<tool or call id>#<pointer>" }` and `{ "$input": "<name>#<pointer>" }` in an input by the
 * value that it points at. An input without references is returned as it is.
 *
 * This is the first code that walks an input, so it also refuses what would harm code that walks it later: nesting deeper
 * than {@link maxDepth}, and members named `__proto__`.
 *
 * @param copyOf the copy of a target that the tool may change; see `copyTargets`. @defaultValue the target itself
 */
export function resolveReferences(
  input: unknown,
  targets: ReferenceTargets,
  copyOf?: (reference: Reference, target: unknown) => unknown,
): Resolution {
  if (plainBytes(input) < Number.POSITIVE_INFINITY) return { kind: 'resolved', value: input }
  const failures = new Failures()
  const referencedPaths: string[] = []
  const repairs: Repair[] = []
  let forbidden: string | undefined
  const replace = (reference: Reference, path: string, value: unknown): unknown => {
    const target = findTarget(reference, targets)
    if (target.kind === 'missing') return failures.add(path, () => explain(reference, target, targets), value)
    referencedPaths.push(path)
    if (typeof value === 'string' && repairs.length < maxRecordedRepairs) {
      repairs.push(repair('unstringified', value, writtenOut(reference), path))
    }
    return copyOf === undefined ? target.value : copyOf(reference, target.value)
  }
  const walk = (value: unknown, path: string, depth: number): unknown => {
    if (typeof value === 'string') {
      if (!mayBeReference(value)) return value
      const reference = parseReference(value)
      if (reference !== undefined) return replace(reference, path, value)
      const misspelt = misspeltMember(value)
      return misspelt === undefined ? value : failures.add(path, () => howToPoint(misspelt), value)
    }
    if (typeof value !== 'object' || value === null) return value
    if (depth >= maxDepth) {
      forbidden ??= `${excerpt(path, 100)}: nested deeper than ${maxDepth} levels`
      return value
    }
    if (Array.isArray(value)) {
      let copy: unknown[] | undefined
      for (let index = 0; index < value.length; index++) {
        const item: unknown = value[index]
        if (typeof item !== 'object' && typeof item !== 'string') continue
        const resolved = walk(item, `${path}/${index}`, depth + 1)
        if (resolved === item) continue
        copy ??= [...value]
        copy[index] = resolved
      }
      return copy ?? value
    }
    const reference = parseReference(value)
    if (reference !== undefined) return replace(reference, path, value)
    const misspelt = misspeltMember(value)
    if (misspelt !== undefined) return failures.add(path, () => howToPoint(misspelt), value)
    let copy: Record<string, unknown> | undefined
    for (const key of Object.keys(value)) {
      if (key === '__proto__') {
        forbidden ??= `${excerpt(path, 100)}/__proto__: this property name is not allowed`
        continue
      }
      const member: unknown = Reflect.get(value, key)
      if (typeof member !== 'object' && typeof member !== 'string') continue
      const resolved = walk(member, `${path}/${escapePointerToken(key)}`, depth + 1)
      if (resolved === member) continue
      copy ??= { ...value }
      copy[key] = resolved
    }
    return copy ?? value
  }
  const value = walk(input, '', 0)
  if (forbidden !== undefined) return refused('unreadable_call', forbidden)
  if (failures.count > 0) return refused('unresolved_reference', `${failures.text}\n${listTargets(targets)}`)
  if (referencedPaths.length === 0) return { kind: 'resolved', value }
  return { kind: 'resolved', value, referencedPaths, ...(repairs.length === 0 ? {} : { repairs }) }
}

/**
 * The references in an input. A text with JSON is searched, too, because coercion may parse it.
 *
 * @param most the search stops with the first reference after this number.
 */
export function referencesIn(input: unknown, most: number): readonly Reference[] {
  if (plainBytes(input) < Number.POSITIVE_INFINITY) return noReferencesFound
  const found: Reference[] = []
  const walk = (value: unknown, depth: number): void => {
    if (found.length > most) return
    if (depth >= maxDepth || (typeof value === 'string' && !mayBeReference(value))) return
    const reference = parseReference(value)
    if (reference !== undefined) {
      found.push(reference)
      return
    }
    const inner = typeof value === 'string' ? jsonIn(value) : value
    if (typeof inner !== 'object' || inner === null) return
    if (Array.isArray(inner)) for (const item of inner) walk(item, depth + 1)
    else for (const key of Object.keys(inner)) walk(Reflect.get(inner, key), depth + 1)
  }
  walk(input, 0)
  return found
}

const noReferencesFound: readonly Reference[] = []

function refused(kind: ToolError['kind'], message: string): Resolution {
  return { kind: 'refused', error: { kind, message } }
}

/**
 * The most bytes that a value can have as JSON, strings not escaped; infinite if the value has something to resolve or to
 * refuse. Most inputs have nothing, and this walk needs no paths.
 */
export function plainBytes(value: unknown, depth = 0): number {
  if (typeof value === 'string') return mayBeReference(value) ? Number.POSITIVE_INFINITY : mostBytes(value)
  let bytes = 8
  if (typeof value !== 'object' || value === null) return bytes
  if (depth >= maxDepth) return Number.POSITIVE_INFINITY
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length && bytes < Number.POSITIVE_INFINITY; index++) {
      bytes += plainBytes(value[index], depth + 1)
    }
    return bytes
  }
  for (const key in value) {
    if (key.startsWith('$') || key === '__proto__') return Number.POSITIVE_INFINITY
    bytes += mostBytes(key) + plainBytes(Reflect.get(value, key), depth + 1)
    if (bytes === Number.POSITIVE_INFINITY) return bytes
  }
  return bytes
}

/** A character has at most three bytes in UTF-8 for each of its code units. Counting the bytes takes longer. */
function mostBytes(text: string): number {
  return 3 * text.length + 3
}

/** Collects one line per reference without a target, as many as fit into one message. */
class Failures {
  count = 0
  readonly #lines: string[] = []
  /** Bytes left for lines. */
  #room = 500

  /**
   * Records a failure and returns `value`, which stays where it is.
   *
   * @param explanation is not called when the message is full: a broken call may have thousands of references, and finding the
   *   closest name of each takes long.
   */
  add(path: string, explanation: () => string, value: unknown): unknown {
    this.count++
    if (this.#room < 0) return value
    const line = `- ${path === '' ? '(root)' : excerpt(path, 100)}: ${explanation()}`
    this.#room -= Buffer.byteLength(line)
    if (this.#room >= 0 || this.#lines.length === 0) this.#lines.push(line)
    return value
  }

  get text(): string {
    const more = this.count - this.#lines.length
    return [...this.#lines, ...(more > 0 ? [`- … and ${more} more`] : [])].join('\n')
  }
}

function howToPoint(key: string): string {
  const kind = /^\$input/i.test(key) ? '$input' : '$result'
  return `${JSON.stringify(excerpt(key, 60))} is not a reference: write {"${kind}":"<name>#/a/0"}, an object with no other member`
}

function writtenOut({ kind, name, pointer }: Reference): object {
  return { [kind]: pointer === '' ? name : `${name}#${pointer}` }
}

/** Result of {@link findTarget}. */
type Target =
  | {
      readonly kind: 'found'
      readonly value: unknown
      /** The idempotency key of the call that returned it, or the name of the input. */
      readonly source: string
    }
  /** Nothing has the name, or the value `at` has no member `token`. The pointer is wrong if there is neither. */
  | { readonly kind: 'missing'; readonly member?: { readonly at: unknown; readonly token: string } }

/** Finds the value that a reference points at. */
export function findTarget({ kind, name, pointer }: Reference, targets: ReferenceTargets): Target {
  const tokens = parsePointer(pointer)
  const source = kind === '$result' ? targets.result(name) : inputOf(targets, name)
  if (tokens === undefined || source === undefined) return { kind: 'missing' }
  const found = lookUp(source.value, tokens)
  if (found.kind === 'missing') return { kind: 'missing', member: found }
  return { kind: 'found', value: found.value, source: source.callId ?? name }
}

/** Explains to the model why a reference has no target. */
function explain(
  { kind, name, pointer }: Reference,
  { member }: Extract<Target, { kind: 'missing' }>,
  targets: ReferenceTargets,
): string {
  const target = pointer === '' ? name : `${name}#${pointer}`
  const shown = `{"${kind}":${JSON.stringify(excerpt(target, 120))}}: `
  if (member !== undefined) {
    const note = kind === '$result' ? targets.result(name)?.note : undefined
    const whose = note === undefined ? '' : `; ${note}`
    return `${shown}no member "${excerpt(member.token, 60)}"; it ${describeMembers(member.at)}${whose}`
  }
  if (parsePointer(pointer) === undefined) {
    return `${shown}"${excerpt(pointer, 60)}" is not a JSON Pointer; write "/a/0/b"`
  }
  const why = kind === '$result' ? targets.whyMissing?.(name) : undefined
  if (why !== undefined) return shown + why
  const meant = closest(name, kind === '$result' ? targets.resultNames() : Object.keys(targets.inputs))
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`
  return `${shown}there is no ${kind === '$result' ? 'result of' : 'input named'} "${excerpt(name, 80)}"${hint}`
}

function inputOf(targets: ReferenceTargets, name: string): ReferencedResult | undefined {
  return Object.hasOwn(targets.inputs, name) ? { value: targets.inputs[name] } : undefined
}

function describeMembers(value: unknown): string {
  if (Array.isArray(value)) return `is an array of ${value.length}`
  if (!isObject(value)) return `is ${value === null ? 'null' : `a ${typeof value}`}`
  return `has ${excerpt(Object.keys(value).slice(0, 20).join(', '), 200) || 'no members'}`
}

function listTargets(targets: ReferenceTargets): string {
  const results = excerpt(targets.resultNames().join(', '), 300) || 'none yet'
  const inputs = excerpt(Object.keys(targets.inputs).join(', '), 200) || 'none'
  return `"$result" can name: ${results}. "$input" can name: ${inputs}.`
}
