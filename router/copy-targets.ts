// Copies the values that the references of a call point at, before the call is prepared. A tool may change its input, and
// the earlier result must stay as it is.
//
// A call can refer to a large value many times, so each value is copied once, the size of the input is limited, and a long
// copy pauses so that it does not block the process.

import { estimatedBytes, isObject, isPlain } from './json/json.ts'
import { type Reference, referenceText } from './parse-reference.ts'
import { Pauses } from './pauses.ts'
import { findTarget, plainBytes, type ReferenceTargets, referencesIn } from './references.ts'

/** A copied value. */
interface TargetCopy {
  /** The copy. It is shared by all references of the call to this value. */
  readonly value: unknown
  /** About the UTF-8 bytes of its JSON. */
  readonly bytes: number
}

/** The copies for one call. */
export interface TargetCopies {
  /** The copies by the text of the reference: see `referenceText`. */
  readonly copies: ReadonlyMap<string, TargetCopy>
  /**
   * Texts that identify the large values in the input, by the copy of the value: a large value is identified by the call
   * that returned it.
   */
  readonly pins: ReadonlyMap<unknown, string>
  /** Whether the model wrote so much itself that validating it takes long. */
  readonly isLarge: boolean
  /** Whether the values that replace references are so large that validating them takes long. */
  readonly hasLargeTargets: boolean
  /** Whether the input has nothing to resolve and nothing to refuse. @defaultValue false: it may have */
  readonly isPlain?: boolean
  /** Set if the input would be larger than the limit. Its copies are incomplete then. */
  readonly excess?: InputExcess
  /** Set if the input has more references than allowed. Nothing is copied then. */
  readonly hasTooManyReferences?: true
}

/** How large an input is that is larger than allowed. */
export interface InputExcess {
  /** About the bytes of its JSON. */
  readonly bytes: number
  /** Whether it may be even larger, because not all of it was counted. */
  readonly isLowerBound: boolean
}

/** Values of at least this size have a pin. A model cannot write such a value in another way. */
const pinnedBytes = 4_096

/** An input is large if the model has written more bytes than this, or if the values that replace references have more. */
const largeBytes = 131_072

/**
 * Largest number of references in one call, if work is limited. A list of thousands of references is longer than what it
 * refers to.
 */
export const maxReferences = 1000

/** Items that are copied between two looks at the clock. */
const itemsPerLook = 512

/**
 * Copies the values that the references in an input point at. References without a target are ignored here.
 *
 * @param maxBytes largest size of the input, references resolved.
 * @param mostReferences largest number of references. @defaultValue no limit
 * @returns a promise only if copying takes long.
 */
export function copyTargets(
  input: unknown,
  targets: ReferenceTargets,
  maxBytes: number,
  mostReferences = Number.POSITIVE_INFINITY,
): TargetCopies | Promise<TargetCopies> {
  if (plainBytes(input) <= Math.min(maxBytes, largeBytes)) return plainInput
  const references = referencesIn(input, mostReferences)
  if (references.length > mostReferences) return withoutCopies
  if (references.length === 0) {
    // The estimate is never lower than what is counted below, and it needs no copy.
    const bytes = estimatedBytes(input, maxBytes)
    if (bytes <= maxBytes) return bytes > largeBytes ? nothingToCopyIntoLarge : nothingToCopy
  }
  const copying = new Copying(input, references, targets, maxBytes)
  const isDone = copying.run()
  return isDone ? copying.result : copying.finish()
}

const nothingToCopy: TargetCopies = { copies: new Map(), pins: new Map(), isLarge: false, hasLargeTargets: false }
const plainInput: TargetCopies = { ...nothingToCopy, isPlain: true }
const nothingToCopyIntoLarge: TargetCopies = { ...nothingToCopy, isLarge: true }
const withoutCopies: TargetCopies = { ...nothingToCopy, hasTooManyReferences: true }

/** The message for the model about an input with too many references. */
export function tooManyReferences(tool: string): string {
  return (
    `The input of "${tool}" has more than ${maxReferences} references, and at most ${maxReferences} are allowed in one ` +
    'call. Refer to a whole list or object with one reference, or split the call.'
  )
}

/** The message for the model about an input that is larger than allowed. */
export function tooLarge(tool: string, { bytes, isLowerBound }: InputExcess, maxBytes: number): string {
  return (
    `The input of "${tool}" would have ${isLowerBound ? 'more than ' : ''}${bytes} bytes with its references resolved, and ` +
    `at most ${maxBytes} are allowed. Refer to a smaller part of the value with a JSON Pointer, refer to it less often, or ` +
    'split the call.'
  )
}

/** A target and the references to it. */
interface Wanted {
  readonly value: unknown
  readonly pin: string
  readonly texts: string[]
}

/** The copying of all targets of one call. */
class Copying {
  readonly #pauses = new Pauses()
  readonly #maxBytes: number
  readonly #wanted: readonly Wanted[]
  readonly #copies = new Map<string, TargetCopy>()
  readonly #pins = new Map<unknown, string>()
  #bytes: number
  /** Bytes of the input without its targets. */
  readonly #ownBytes: number
  #next = 0
  #current: ValueCopy | undefined
  #excess: InputExcess | undefined

  constructor(input: unknown, references: readonly Reference[], targets: ReferenceTargets, maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#wanted = wantedTargets(references, targets)
    this.#bytes = measure(input, maxBytes)
    this.#ownBytes = this.#bytes
    if (this.#bytes > maxBytes) this.#excess = { bytes: this.#bytes, isLowerBound: true }
  }

  get result(): TargetCopies {
    const excess = this.#excess
    const isLarge = this.#ownBytes > largeBytes
    const hasLargeTargets = this.#bytes - this.#ownBytes > largeBytes
    return {
      copies: this.#copies,
      pins: this.#pins,
      isLarge,
      hasLargeTargets,
      ...(excess === undefined ? {} : { excess }),
    }
  }

  /** Copies until a pause is due. Returns whether everything is copied. */
  run(): boolean {
    while (this.#excess === undefined) {
      const wanted = this.#wanted[this.#next]
      if (wanted === undefined) return true
      this.#current ??= new ValueCopy(wanted.value, this.#maxBytes)
      if (!this.#current.run(this.#pauses)) return false
      this.#take(wanted, this.#current)
    }
    return true
  }

  /** Copies the rest, with pauses. */
  async finish(): Promise<TargetCopies> {
    do await this.#pauses.pause()
    while (!this.run())
    return this.result
  }

  #take({ texts, pin }: Wanted, { copy, bytes, isComplete }: ValueCopy): void {
    this.#current = undefined
    this.#next++
    for (const text of texts) this.#copies.set(text, { value: copy, bytes })
    if (bytes >= pinnedBytes) this.#pins.set(copy, pin)
    this.#bytes += bytes * texts.length
    if (this.#bytes <= this.#maxBytes) return
    this.#excess = { bytes: this.#bytes, isLowerBound: !isComplete || this.#next < this.#wanted.length }
  }
}

function wantedTargets(references: readonly Reference[], targets: ReferenceTargets): readonly Wanted[] {
  const wanted = new Map<unknown, Wanted>()
  for (const reference of references) {
    const target = findTarget(reference, targets)
    if (target.kind === 'missing') continue
    const text = referenceText(reference)
    const earlier = wanted.get(target.value)
    if (earlier !== undefined) earlier.texts.push(text)
    else {
      const pin = referenceText({ ...reference, name: target.source })
      wanted.set(target.value, { value: target.value, pin, texts: [text] })
    }
  }
  return [...wanted.values()]
}

/** About the bytes of a value as JSON. Counting stops above `maxBytes`. */
function measure(value: unknown, maxBytes: number): number {
  const counter = new ValueCopy(value, maxBytes)
  counter.run()
  return counter.bytes
}

/** A copied container. Its members from `next` on are still those of the original. */
type Open =
  | { readonly items: unknown[]; next: number }
  | { readonly members: Record<string, unknown>; readonly names: readonly string[]; next: number }

/** The copying of one value. It is not recursive, so that it can pause, and so that no depth overflows the stack. */
class ValueCopy {
  readonly copy: unknown
  /** About the bytes of the JSON so far. */
  bytes = 0
  readonly #maxBytes: number
  readonly #open: Open[] = []
  #left = itemsPerLook

  constructor(value: unknown, maxBytes: number) {
    this.#maxBytes = maxBytes
    this.copy = this.#begin(value)
  }

  /** Whether the whole value is copied. */
  get isComplete(): boolean {
    return this.#open.length === 0
  }

  /** Copies until a pause is due. Returns false if it must go on; true if it is done or too large. */
  run(pauses?: Pauses): boolean {
    for (let open = this.#open.at(-1); open !== undefined; open = this.#open.at(-1)) {
      if (this.bytes > this.#maxBytes) return true
      if (this.#left <= 0) {
        if (pauses?.isDue === true) return false
        this.#left = itemsPerLook
      }
      if ('items' in open) this.#copyItems(open)
      else this.#copyMembers(open)
    }
    return true
  }

  /** Copies items until one of them is a container, which is copied next. */
  #copyItems(open: Open & { readonly items: unknown[] }): void {
    const { items } = open
    while (open.next < items.length && this.#left-- > 0) {
      const index = open.next++
      const item = items[index]
      this.bytes++
      const copy = this.#begin(item)
      if (copy === item) continue
      items[index] = copy
      return
    }
    if (open.next >= items.length) this.#open.pop()
  }

  #copyMembers(open: Open & { readonly members: Record<string, unknown>; readonly names: readonly string[] }): void {
    const { members, names } = open
    while (open.next < names.length && this.#left-- > 0) {
      const name = names[open.next++] ?? ''
      const member = members[name]
      this.bytes += name.length + 4
      const copy = this.#begin(member)
      if (copy === member) continue
      members[name] = copy
      return
    }
    if (open.next >= names.length) this.#open.pop()
  }

  /** The value itself if it is not a container; otherwise a shallow copy, whose members are copied later. */
  #begin(value: unknown): unknown {
    if (typeof value === 'string') {
      this.bytes += Buffer.byteLength(value) + 2
      return value
    }
    if (Array.isArray(value)) {
      this.bytes += 2
      const items: unknown[] = value.slice()
      this.#open.push({ items, next: 0 })
      return items
    }
    // Any other object, such as a `Date` in the inputs of the run, is shared.
    if (!isObject(value) || !isPlain(value)) {
      this.bytes += 4
      return value
    }
    this.bytes += 1
    const members = { ...value }
    this.#open.push({ members, names: Object.keys(members), next: 0 })
    return members
  }
}
