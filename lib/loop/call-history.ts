import { createHash } from 'node:crypto'
import { canonicalJson } from '../../router/json/json.ts'
import { type ReferenceTargets, referenceOf } from '../../router/references.ts'
import type { ToolCall, ToolErrorKind, ToolResult } from '../../router/tool-call.ts'

/** A finished call. */
export interface FinishedCall {
  /** The call as the model asked for it. */
  readonly call: ToolCall
  /** Its result with the full value. */
  readonly result: ToolResult
  /** Identity of the call: equal for calls of the same tool with the same input. */
  readonly key: string
  /** Whether the full value was lost in a resume. References cannot point at it then. */
  readonly isLost?: boolean
}

/** In this many replies the model can ask for the same call. Then it is asked for its answer instead. */
const maxIdentical = 3

/** Errors that may be temporary. The same call is executed again, but it counts as a repetition. */
const temporary = new Set<ToolErrorKind>(['timeout', 'tool_failed'])

/** Calls that were not executed and whose result told the model to ask again. Asking again is not a repetition. */
const askAgain = new Set<ToolErrorKind>(['too_many_calls', 'truncated_call', 'cancelled', 'outcome_unknown'])

/** Calls that were refused before their tool was called. */
const refused = new Set<ToolErrorKind>([
  'too_many_calls',
  'truncated_call',
  'unreadable_call',
  'unknown_tool',
  'invalid_input',
  'unresolved_reference',
])

/** Whether the tool was called. */
export function wasExecuted(result: ToolResult): boolean {
  return result.servedFrom === undefined && (result.status === 'ok' || !refused.has(result.error.kind))
}

/** Characters up to which an input is its own key. It is cheaper to compare than to hash, and readable in a checkpoint. */
const longestPlainKey = 256

/**
 * The finished calls of a run with their full values, in order. It answers three questions: what a reference points at,
 * whether an identical call already has a result, and whether the model repeats itself.
 *
 * A tool without `readOnlyHint: true` may change anything. After such a tool was called, results from before it are not
 * reused, and repetitions of read-only calls are counted from 0 again.
 */
export class CallHistory implements ReferenceTargets {
  /** The named values that the caller gave to the run. */
  readonly inputs: Readonly<Record<string, unknown>>
  /** All finished calls, in order. */
  readonly finished: FinishedCall[] = []
  readonly #isReadOnly: (tool: string) => boolean
  readonly #byId = new Map<string, FinishedCall>()
  readonly #latestByName = new Map<string, FinishedCall>()
  readonly #reusable = new Map<string, ToolResult>()
  readonly #timesAsked = new Map<string, number>()
  /** The same for read-only tools, since the last call that may have changed something. */
  readonly #timesRead = new Map<string, number>()
  #executed = 0

  /**
   * @param inputs the targets of `$input` references.
   * @param isReadOnly whether a tool cannot change anything.
   */
  constructor(inputs: Readonly<Record<string, unknown>>, isReadOnly: (tool: string) => boolean) {
    this.inputs = inputs
    this.#isReadOnly = isReadOnly
  }

  /** The results of all finished calls, in order. */
  get results(): readonly ToolResult[] {
    return this.finished.map(({ result }) => result)
  }

  /** Number of calls whose tool was called. */
  get executed(): number {
    return this.#executed
  }

  /** The latest value of a tool, or the value of one call; `undefined` without one. */
  result(nameOrId: string): { readonly value: unknown } | undefined {
    const found = this.#find(nameOrId)
    return found?.result.status === 'ok' && !found.isLost ? found.result : undefined
  }

  /** Names of the tools that have a value. */
  resultNames(): readonly string[] {
    return [...this.#latestByName].filter(([, { isLost }]) => !isLost).map(([name]) => name)
  }

  /**
   * Adds the calls of one reply. They are added together because they cannot refer to each other, and because the same
   * call twice in one reply is one repetition, not two.
   */
  add(batch: readonly FinishedCall[]): void {
    const asked = new Map<string, Map<string, number>>()
    for (const finished of batch) {
      const { result, key } = finished
      this.finished.push(finished)
      if (result.status === 'ok') {
        this.#byId.set(result.id, finished)
        this.#latestByName.set(result.name, finished)
      }
      const isReadOnly = this.#isReadOnly(result.name)
      if (result.status === 'ok' || !askAgain.has(result.error.kind)) {
        asked.set(key, isReadOnly ? this.#timesRead : this.#timesAsked)
      }
      if (wasExecuted(result)) {
        this.#executed++
        if (!isReadOnly) {
          this.#reusable.clear()
          this.#timesRead.clear()
        }
      }
      if (result.servedFrom === undefined && isReusable(result)) this.#reusable.set(key, result)
    }
    for (const [key, times] of asked) times.set(key, (times.get(key) ?? 0) + 1)
  }

  /** The earlier result that an identical call gets; `undefined` if the call must be executed. */
  reusable(key: string): ToolResult | undefined {
    return this.#reusable.get(key)
  }

  /** Whether the model asked for the call in too many replies. */
  isRepeated({ key }: Pick<FinishedCall, 'key'>): boolean {
    return (this.#timesRead.get(key) ?? this.#timesAsked.get(key) ?? 0) >= maxIdentical
  }

  /**
   * Identity of a call: the tool, and the input with each reference replaced by the call that it points at now. So
   * `{"$result": "fetch"}` is a different input after `fetch` was called again.
   */
  keyOf(call: ToolCall): string {
    if (call.refusal?.kind === 'truncated_call') return `${call.name} ${call.id}`
    const input = call.refusal?.message ?? canonicalJson(call.input, (value) => this.#pinned(value))
    return `${call.name} ${input.length <= longestPlainKey ? input : createHash('sha256').update(input).digest('base64url')}`
  }

  #find(nameOrId: string): FinishedCall | undefined {
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

function isReusable(result: ToolResult): boolean {
  return result.status === 'ok' || !(temporary.has(result.error.kind) || askAgain.has(result.error.kind))
}
