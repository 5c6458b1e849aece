import { createHash } from 'node:crypto'
import { canonicalJson } from '../../router/canonical-json.ts'
import { type ReferenceScope, referenceOf } from '../../router/references.ts'
import type { ToolCall, ToolErrorKind, ToolResult } from '../../router/tool-call.ts'

/** A call with its result and its identity: equal for calls of the same tool with the same input. */
export interface LedgerEntry {
  readonly call: ToolCall
  readonly result: ToolResult
  readonly key: string
}

/** Failures that may pass: the same call is run again, though it counts as a repetition. */
const passing = new Set<ToolErrorKind>(['timeout', 'tool_failed', 'too_many_calls', 'truncated_call', 'cancelled'])

/** Calls that were refused before a tool ran. */
const refused = new Set<ToolErrorKind>(['too_many_calls', 'truncated_call', 'unreadable_call', 'unknown_tool'])

/** All calls of a run with their results, in order: what references point at, and what was asked before. */
export class Ledger implements ReferenceScope {
  readonly givens: Readonly<Record<string, unknown>>
  readonly entries: LedgerEntry[] = []
  readonly #byId = new Map<string, ToolResult>()
  readonly #latestByName = new Map<string, ToolResult>()
  readonly #servable = new Map<string, ToolResult>()
  readonly #timesAsked = new Map<string, number>()
  #executed = 0

  constructor(givens: Readonly<Record<string, unknown>>) {
    this.givens = givens
  }

  get results(): readonly ToolResult[] {
    return this.entries.map(({ result }) => result)
  }

  /** How many calls reached a tool. */
  get executed(): number {
    return this.#executed
  }

  result(nameOrId: string): { readonly value: unknown } | undefined {
    const found = this.#byId.get(nameOrId) ?? this.#latestByName.get(nameOrId)
    return found?.status === 'ok' ? found : undefined
  }

  resultNames(): readonly string[] {
    return [...this.#latestByName.keys()]
  }

  add(entry: LedgerEntry): void {
    const { result, key } = entry
    this.entries.push(entry)
    this.#timesAsked.set(key, this.timesAsked(key) + 1)
    if (result.status === 'ok') {
      this.#byId.set(result.id, result)
      this.#latestByName.set(result.name, result)
    }
    if (result.servedFrom !== undefined) return
    if (result.status === 'ok' || !refused.has(result.error.kind)) this.#executed++
    if (result.status === 'ok' || !passing.has(result.error.kind)) this.#servable.set(key, result)
  }

  /** The result that an identical call is answered with. */
  servable(key: string): ToolResult | undefined {
    return this.#servable.get(key)
  }

  timesAsked(key: string): number {
    return this.#timesAsked.get(key) ?? 0
  }

  /** Identity of a call: tool and input, with each reference read as the call that it points at now. */
  keyOf(call: ToolCall): string {
    const input = call.refusal?.message ?? canonicalJson(call.input, (value) => this.#pinned(value))
    return `${call.name} ${input.length <= 64 ? input : createHash('sha256').update(input).digest('base64url')}`
  }

  #pinned(value: object): unknown {
    const reference = referenceOf(value)
    if (reference?.kind !== '$result') return undefined
    const [name = '', ...pointer] = reference.target.split('#')
    const source = this.#byId.get(name) ?? this.#latestByName.get(name)
    return source === undefined ? undefined : `$result ${source.callId}#${pointer.join('#')}`
  }
}
