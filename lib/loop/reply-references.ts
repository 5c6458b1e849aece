import { maxReferences } from '../../router/copy-targets.ts'
import { type ReferencedResult, type ReferenceTargets, referencesIn } from '../../router/references.ts'
import { excerpt } from '../../router/text/clip.ts'
import type { ToolCall, ToolResult } from '../../router/tool-call.ts'
import { type CallHistory, lostValue } from './call-history.ts'
import { isLost } from './repetition.ts'

/** A call of a reply, as far as references between the calls of the reply need it. */
export interface ReferableCall {
  /** The call as the model asked for it. */
  readonly call: ToolCall
  /** Its result; `undefined` while it has none. */
  readonly result: ToolResult | undefined
}

/**
 * The targets of the references in the calls of one reply. A call can refer to earlier calls of the same reply and to all
 * calls of earlier replies. Its targets are, in this order:
 *
 * 1. the earlier call of the reply with this id, or the latest call with this id;
 * 2. the nearest earlier call of the reply to the tool of this name that did not fail, or the latest call of this tool that
 *    has a value. So the target is the same if the calls come in several replies.
 *
 * As a call refers to earlier calls only, the order of the reply is a possible order of execution.
 */
export class ReplyReferences {
  readonly #calls: readonly ReferableCall[]
  readonly #history: CallHistory
  #indexOfId: ReadonlyMap<string, number> | undefined

  /**
   * @param calls the calls of the reply, in order. Their dependencies and results may be set later.
   * @param history the calls of earlier replies.
   */
  constructor(calls: readonly ReferableCall[], history: CallHistory) {
    this.#calls = calls
    this.#history = history
  }

  /**
   * Indexes of the calls of the reply whose results a call needs. They are lower than its own index. A reference that leads
   * nowhere needs all of them, because its error names the results that there are.
   *
   * If one of them fails, a reference by the name of its tool may need another call. So ask again then.
   */
  dependenciesOf(index: number): readonly number[] {
    if (index === 0) return none
    const references = referencesIn(this.#calls[index]?.call.input, maxReferences)
    if (references.length === 0) return none
    const found = new Set<number>()
    // A call can have thousands of references to the same few results.
    const names = new Set(references.flatMap(({ kind, name }) => (kind === '$result' ? name : [])))
    for (const name of names) {
      const source = this.#earlier(name, index)
      if (source !== undefined) found.add(source)
      else if (found.size < index && this.#history.result(name) === undefined) {
        for (let at = 0; at < index; at++) found.add(at)
      }
    }
    return [...found]
  }

  /** The result that a reference in a call points at; `undefined` while it has no result. */
  resultOf(nameOrId: string, index: number): ToolResult | undefined {
    const source = this.#earlier(nameOrId, index)
    if (source !== undefined) return this.#calls[source]?.result
    return (this.#history.byId(nameOrId) ?? this.#history.latestOf(nameOrId))?.result
  }

  /** The targets of the references in one call. */
  targetsOf(index: number): ReferenceTargets {
    return new TargetsOfCall(this, index, this.#history.inputs)
  }

  /** The value that a call can refer to by a name or an id. */
  valueOf(nameOrId: string, index: number): ReferencedResult | undefined {
    const source = this.#earlier(nameOrId, index)
    const inReply = source === undefined ? undefined : this.#calls[source]?.result
    const found = source === undefined ? this.#history.result(nameOrId) : hasValue(inReply) ? inReply : undefined
    if (found === undefined) return undefined
    const failed = this.#failedAfter(nameOrId, source, index)
    if (failed === undefined) return found
    const used = this.resultOf(nameOrId, index)
    const { value, callId } = found
    return {
      value,
      ...(callId === undefined ? {} : { callId }),
      ...(used === undefined ? {} : { note: `the value is of the call ${nameOf(used)}, because ${failed}` }),
    }
  }

  /** Names of the tools that have a value for a call. */
  namesFor(index: number): readonly string[] {
    const earlier = this.#calls.slice(0, index).flatMap(({ result }) => (hasValue(result) ? [result.name] : []))
    return [...new Set([...this.#history.resultNames(), ...earlier])]
  }

  /**
   * The earlier call of the reply that a name or an id means. An id of an earlier reply is closer than a tool's name. A call
   * without a result may still get a value. A failed call is meant only if its tool has no value at all.
   */
  #earlier(nameOrId: string, index: number): number | undefined {
    // Most replies have no references.
    this.#indexOfId ??= new Map(this.#calls.map(({ call }, at) => [call.id, at]))
    const withId = this.#indexOfId.get(nameOrId)
    if (withId !== undefined && withId < index) return withId
    if (this.#history.byId(nameOrId) !== undefined) return undefined
    let failed: number | undefined
    for (let at = index - 1; at >= 0; at--) {
      const one = this.#calls[at]
      if (one?.call.name !== nameOrId) continue
      if (!hasFailed(one.result)) return at
      failed ??= at
    }
    return this.#history.latestOf(nameOrId) === undefined ? failed : undefined
  }

  /** The nearest failed call of a tool after the call that is used, and its error; `undefined` without one. */
  #failedAfter(tool: string, used: number | undefined, index: number): string | undefined {
    // An id means one call, so nothing is passed over for it.
    if (used !== undefined ? this.#calls[used]?.call.name !== tool : this.#history.byId(tool) !== undefined)
      return undefined
    for (let at = index - 1; at > (used ?? -1); at--) {
      const one = this.#calls[at]
      if (one?.call.name === tool && one.result?.status === 'error') return failureOf(one.result)
    }
    return undefined
  }

  /** Why a name or an id has no value for a call. */
  whyMissing(nameOrId: string, index: number): string | undefined {
    const source = this.#earlier(nameOrId, index)
    const result = source === undefined ? undefined : this.#calls[source]?.result
    if (result?.status === 'error') {
      const others = result.id === nameOrId ? '' : `, and no earlier call of this tool has a value`
      return `${failureOf(result)}, so it has no value${others}; correct that call first`
    }
    if (result !== undefined && isLost(result)) return lostValue
    const why = this.#history.whyMissing(nameOrId)
    if (why !== undefined) return why
    if (this.#calls[index]?.call.id === nameOrId) {
      return 'this is the call itself; a call can only refer to calls before it'
    }
    const later = this.#calls.slice(index + 1).find(({ call }) => call.id === nameOrId || call.name === nameOrId)
    if (later === undefined) return undefined
    return (
      `the call ${nameOf(later.call)} comes later in the same reply; a call can only refer to calls before it. ` +
      'Put that call first, without a reference back to this one'
    )
  }
}

/** The targets of one call. Most calls have no references, and an object with functions of its own is larger. */
class TargetsOfCall implements ReferenceTargets {
  readonly inputs: ReferenceTargets['inputs']
  readonly #references: ReplyReferences
  readonly #index: number

  constructor(references: ReplyReferences, index: number, inputs: ReferenceTargets['inputs']) {
    this.#references = references
    this.#index = index
    this.inputs = inputs
  }

  result(nameOrId: string): ReferencedResult | undefined {
    return this.#references.valueOf(nameOrId, this.#index)
  }

  resultNames(): readonly string[] {
    return this.#references.namesFor(this.#index)
  }

  whyMissing(nameOrId: string): string | undefined {
    return this.#references.whyMissing(nameOrId, this.#index)
  }
}

const none: readonly number[] = []

function hasValue(result: ToolResult | undefined): result is Extract<ToolResult, { status: 'ok' }> {
  return result?.status === 'ok' && !isLost(result)
}

/** Whether a call ended without a value. A call that the end of the run cut short runs again in a resumed run. */
function hasFailed(result: ToolResult | undefined): boolean {
  return result?.status === 'error' && result.error.kind !== 'cancelled'
}

function failureOf(result: Extract<ToolResult, { status: 'error' }>): string {
  return `the call ${nameOf(result)} failed (${result.error.kind})`
}

function nameOf({ id, name }: Pick<ToolCall, 'id' | 'name'>): string {
  return `"${excerpt(id, 80)}" of "${excerpt(name, 80)}"`
}
