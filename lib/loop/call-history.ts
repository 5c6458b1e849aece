import { hash } from 'node:crypto'
import { canonicalJson } from '../../router/json/json.ts'
import { mayBeReference, parseReference } from '../../router/parse-reference.ts'
import type { ReferencedResult, ReferenceTargets } from '../../router/references.ts'
import type { ToolCall, ToolResult } from '../../router/tool-call.ts'
import { isLost, type KeyedResult, Repetition, wasExecuted } from './repetition.ts'

/** A finished call. */
export interface FinishedCall extends KeyedResult {
  /** The call as the model asked for it. */
  readonly call: ToolCall
}

/** Result of {@link CallHistory.identify}. */
export interface CallIdentity {
  /** Equal for calls of the same tool with the same input. */
  readonly key: string
  /** The input as canonical JSON. It is missing if the input refers to a result, or if the call could not be read. */
  readonly inputJson?: string
}

/** For the model, which refers to a lost value. */
export const lostValue =
  'the full value is no longer available, because it was left out when the run moved to another process; use the part that you were shown, or call a tool that returns it'

/** Characters up to which an input is its own key. It is cheaper to compare than to hash, and readable in a checkpoint. */
const longestPlainKey = 256

/**
 * The finished calls of a run with their full values, in order. It answers what a reference points at, and which calls
 * are identical; {@link Repetition} answers what an identical call gets.
 */
export class CallHistory implements ReferenceTargets {
  /** The named values that the caller gave to the run. */
  readonly inputs: Readonly<Record<string, unknown>>
  /** All finished calls, in order. */
  readonly finished: FinishedCall[] = []
  /** The repeated calls among them. */
  readonly repetition: Repetition
  readonly #byId = new Map<string, FinishedCall>()
  readonly #latestByName = new Map<string, FinishedCall>()
  #executed = 0

  /**
   * @param inputs the targets of `$input` references.
   * @param isReadOnly whether a tool cannot change anything.
   */
  constructor(inputs: Readonly<Record<string, unknown>>, isReadOnly: (tool: string) => boolean) {
    this.inputs = inputs
    this.repetition = new Repetition(isReadOnly)
  }

  /** The results of all finished calls, in order. */
  get results(): readonly ToolResult[] {
    return this.finished.map(({ result }) => result)
  }

  /** Number of calls whose tool was called. */
  get executed(): number {
    return this.#executed
  }

  /** The latest call with this id that has a value. */
  byId(id: string): FinishedCall | undefined {
    return this.#byId.get(id)
  }

  /** The latest call of a tool that has a value. */
  latestOf(tool: string): FinishedCall | undefined {
    return this.#latestByName.get(tool)
  }

  /** The latest value of a tool, or the value of one call; `undefined` without one. */
  result(nameOrId: string): ReferencedResult | undefined {
    const found = this.#find(nameOrId)
    return found?.result.status === 'ok' && !isLost(found.result) ? found.result : undefined
  }

  /** Why a call or a tool has no value although it had one. */
  whyMissing(nameOrId: string): string | undefined {
    const found = this.#find(nameOrId)
    return found !== undefined && isLost(found.result) ? lostValue : undefined
  }

  /** Names of the tools that have a value. */
  resultNames(): readonly string[] {
    return [...this.#latestByName].filter(([, { result }]) => !isLost(result)).map(([name]) => name)
  }

  /** Adds the calls of one reply. They are added together, because most of them ran at the same time. */
  add(batch: readonly FinishedCall[]): void {
    for (const finished of batch) {
      const { result } = finished
      this.finished.push(finished)
      if (wasExecuted(result)) this.#executed++
      if (result.status === 'error') continue
      this.#byId.set(result.id, finished)
      this.#latestByName.set(result.name, finished)
    }
    this.repetition.add(batch)
  }

  /** Puts another form of its result into a finished call, for example with less content. */
  replace(index: number, result: ToolResult): void {
    const before = this.finished[index]
    if (before === undefined) return
    const after = { ...before, result }
    setOrigin(result, before.result)
    this.finished[index] = after
    if (this.#byId.get(before.result.id) === before) this.#byId.set(result.id, after)
    if (this.#latestByName.get(before.result.name) === before) this.#latestByName.set(result.name, after)
    this.repetition.replace(before, result)
  }

  /**
   * Identifies a call by the tool, and by the input with each reference replaced by the call that it points at now. So
   * `{"$result": "fetch"}` is a different input after `fetch` was called again.
   *
   * @param find the finished call that a reference of this call points at. @defaultValue the latest one
   */
  identify(
    call: ToolCall,
    find: (nameOrId: string) => ToolResult | undefined = (nameOrId) => this.#find(nameOrId)?.result,
  ): CallIdentity {
    const { name, refusal, numbers } = call
    if (refusal?.kind === 'truncated_call') return { key: `${name} ${call.id}` }
    if (refusal !== undefined) return { key: keyOf(name, refusal.message) }
    let isPinned = false
    const json = canonicalJson(call.input, (value) => {
      const source = pinned(value, find)
      if (source !== undefined) isPinned = true
      return source
    })
    // Numbers that were rounded look alike in the input.
    const key = keyOf(name, numbers === undefined ? json : `${json} ${JSON.stringify(numbers)}`)
    return isPinned ? { key } : { key, inputJson: json }
  }

  #find(nameOrId: string): FinishedCall | undefined {
    return this.#byId.get(nameOrId) ?? this.#latestByName.get(nameOrId)
  }
}

/** Idempotency keys of the calls that were executed, for results that identical later calls got. */
const executedFor = new WeakMap<ToolResult, string>()

/** Remembers which executed call the result of an identical later call comes from. */
export function setOrigin(reused: ToolResult, earlier: ToolResult): void {
  executedFor.set(reused, originOf(earlier))
}

function originOf(result: ToolResult): string {
  return executedFor.get(result) ?? result.callId
}

/**
 * A reference to a result, written with the idempotency key of the call that was executed for it. So a chain of calls that
 * is repeated as a whole is recognised.
 */
function pinned(value: object | string, find: (nameOrId: string) => ToolResult | undefined): string | undefined {
  if (typeof value === 'string' && !mayBeReference(value)) return undefined
  const reference = parseReference(value)
  if (reference?.kind !== '$result') return undefined
  const source = find(reference.name)
  return source === undefined ? undefined : `$result ${originOf(source)}#${reference.pointer}`
}

function keyOf(tool: string, input: string): string {
  return `${tool} ${input.length <= longestPlainKey ? input : hash('sha256', input, 'base64url')}`
}
