import { canonicalJson } from '../../router/canonical-json.ts'
import type { ReferenceScope } from '../../router/references.ts'
import type { ToolCall, ToolErrorKind, ToolResult } from '../../router/tool-call.ts'

/** Failures that may pass: the same call again is no repetition. */
const passing = new Set<ToolErrorKind>(['timeout', 'tool_failed', 'too_many_calls', 'truncated_call', 'cancelled'])

/** All tool results of a run: what references point at, and what was asked before. */
export class Ledger implements ReferenceScope {
  readonly givens: Readonly<Record<string, unknown>>
  readonly #results: ToolResult[] = []
  readonly #byId = new Map<string, ToolResult>()
  readonly #latestByName = new Map<string, ToolResult & { readonly status: 'ok' }>()
  readonly #asked = new Map<string, { readonly result: ToolResult; times: number }>()

  constructor(givens: Readonly<Record<string, unknown>>) {
    this.givens = givens
  }

  get results(): readonly ToolResult[] {
    return this.#results
  }

  result(nameOrId: string): { readonly value: unknown } | undefined {
    const byId = this.#byId.get(nameOrId)
    return byId?.status === 'ok' ? byId : this.#latestByName.get(nameOrId)
  }

  resultNames(): readonly string[] {
    return [...this.#latestByName.keys()]
  }

  add(result: ToolResult, key: string): void {
    this.#results.push(result)
    this.#byId.set(result.id, result)
    if (result.status === 'ok') this.#latestByName.set(result.name, result)
    if (result.status === 'error' && passing.has(result.error.kind)) return
    if (!this.#asked.has(key)) this.#asked.set(key, { result, times: 1 })
  }

  has(key: string): boolean {
    return this.#asked.has(key)
  }

  /** Identity of a call: its tool and input, with references read as the calls that they point at now. */
  keyOf(call: ToolCall): string {
    if (call.refusal !== undefined) return `${call.name} ${call.refusal.message}`
    return `${call.name} ${canonicalJson(call.input, (value) => this.#pinned(value))}`
  }

  /** The earlier result of an identical call, and how often it has been asked for now. */
  repeated(key: string): { readonly result: ToolResult; readonly times: number } | undefined {
    const asked = this.#asked.get(key)
    if (asked === undefined) return undefined
    asked.times++
    return asked
  }

  #pinned(value: object): unknown {
    const target: unknown = Reflect.get(value, '$result')
    if (typeof target !== 'string') return undefined
    const [name = '', pointer = ''] = target.split('#', 2)
    const latest = this.#latestByName.get(name)
    return latest === undefined ? undefined : `$result ${latest.id}#${pointer}`
  }
}
