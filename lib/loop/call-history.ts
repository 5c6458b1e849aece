import { createHash } from 'node:crypto'
import { canonicalJson } from '../../router/json/json.ts'
import { type ReferenceTargets, referenceOf } from '../../router/references.ts'
import type { ToolCall, ToolErrorKind, ToolResult } from '../../router/tool-call.ts'

/** A call with its result and its identity: equal for calls of the same tool with the same input. */
export interface LedgerEntry {
  readonly call: ToolCall
  readonly result: ToolResult
  readonly key: string
  /** After a resume: its full value could not be derived again, so nothing can point at it. */
  readonly isLost?: boolean
}

/** In how many replies an identical call may be asked for before the model is asked for its answer instead. */
const maxIdentical = 3

/** Failures that may pass: the same call is run again, though it counts as a repetition. */
const passing = new Set<ToolErrorKind>(['timeout', 'tool_failed'])

/** Calls that got no answer to themselves: to ask again is what the model was told, and no repetition. */
const unanswered = new Set<ToolErrorKind>(['too_many_calls', 'truncated_call', 'cancelled', 'outcome_unknown'])

/** Calls that were refused before a tool ran. */
const refused = new Set<ToolErrorKind>([
  'too_many_calls',
  'truncated_call',
  'unreadable_call',
  'unknown_tool',
  'invalid_input',
  'unresolved_reference',
])

/** Whether the call reached a tool. */
export function wasExecuted(result: ToolResult): boolean {
  return result.servedFrom === undefined && (result.status === 'ok' || !refused.has(result.error.kind))
}

/** All calls of a run with their results, in order: what references point at, and what was asked before. */
export class Ledger implements ReferenceTargets {
  readonly inputs: Readonly<Record<string, unknown>>
  readonly entries: LedgerEntry[] = []
  readonly #isReadOnly: (tool: string) => boolean
  readonly #byId = new Map<string, LedgerEntry>()
  readonly #latestByName = new Map<string, LedgerEntry>()
  readonly #servable = new Map<string, ToolResult>()
  readonly #timesAsked = new Map<string, number>()
  /** The same for read-only tools: to look again at what may have changed is no repetition. */
  readonly #timesRead = new Map<string, number>()
  #executed = 0

  constructor(inputs: Readonly<Record<string, unknown>>, isReadOnly: (tool: string) => boolean) {
    this.inputs = inputs
    this.#isReadOnly = isReadOnly
  }

  get results(): readonly ToolResult[] {
    return this.entries.map(({ result }) => result)
  }

  /** How many calls reached a tool. */
  get executed(): number {
    return this.#executed
  }

  result(nameOrId: string): { readonly value: unknown } | undefined {
    const entry = this.#find(nameOrId)
    return entry?.result.status === 'ok' && !entry.isLost ? entry.result : undefined
  }

  resultNames(): readonly string[] {
    return [...this.#latestByName].filter(([, { isLost }]) => !isLost).map(([name]) => name)
  }

  /** Adds the calls of one reply, which could not point at each other. Asked for twice in one reply is asked for once. */
  add(batch: readonly LedgerEntry[]): void {
    const asked = new Map<string, Map<string, number>>()
    for (const entry of batch) {
      const { result, key } = entry
      this.entries.push(entry)
      if (result.status === 'ok') {
        this.#byId.set(result.id, entry)
        this.#latestByName.set(result.name, entry)
      }
      const isReadOnly = this.#isReadOnly(result.name)
      if (result.status === 'ok' || !unanswered.has(result.error.kind)) {
        asked.set(key, isReadOnly ? this.#timesRead : this.#timesAsked)
      }
      if (wasExecuted(result)) {
        this.#executed++
        // What was read before may no longer be so.
        if (!isReadOnly) {
          this.#servable.clear()
          this.#timesRead.clear()
        }
      }
      if (result.servedFrom === undefined && isServable(result)) this.#servable.set(key, result)
    }
    for (const [key, times] of asked) times.set(key, (times.get(key) ?? 0) + 1)
  }

  /** The result that an identical call is answered with. */
  servable(key: string): ToolResult | undefined {
    return this.#servable.get(key)
  }

  /** Whether a call was asked for too often. */
  isRepeated({ key }: Pick<LedgerEntry, 'key'>): boolean {
    return (this.#timesRead.get(key) ?? this.#timesAsked.get(key) ?? 0) >= maxIdentical
  }

  /** Identity of a call: tool and input, with each reference read as the call that it points at now. */
  keyOf(call: ToolCall): string {
    if (call.refusal?.kind === 'truncated_call') return `${call.name} ${call.id}`
    const input = call.refusal?.message ?? canonicalJson(call.input, (value) => this.#pinned(value))
    return `${call.name} ${input.length <= 64 ? input : createHash('sha256').update(input).digest('base64url')}`
  }

  #find(nameOrId: string): LedgerEntry | undefined {
    return this.#byId.get(nameOrId) ?? this.#latestByName.get(nameOrId)
  }

  #pinned(value: object): unknown {
    const reference = referenceOf(value)
    if (reference?.kind !== '$result') return undefined
    const [name = '', ...pointer] = reference.target.split('#')
    const source = this.#find(name)
    return source === undefined ? undefined : `$result ${source.result.callId}#${pointer.join('#')}`
  }
}

function isServable(result: ToolResult): boolean {
  return result.status === 'ok' || !(passing.has(result.error.kind) || unanswered.has(result.error.kind))
}
