import { isPartial, type ToolErrorKind, type ToolResult } from '../../router/tool-call.ts'

/** The part of a finished call that tells whether it is a repetition. */
export interface KeyedResult {
  /** Its result with the full value. */
  readonly result: ToolResult
  /** Identity of the call: equal for calls of the same tool with the same input. */
  readonly key: string
}

/** After this many replies with the same call, tools are turned off. */
const maxIdentical = 3

/** Errors that may be temporary. The same call is executed again, but it counts as a repetition. */
const temporary = new Set<ToolErrorKind>(['timeout', 'tool_failed', 'not_recorded'])

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
  'not_recorded',
  'denied',
  'no_execute',
])

/** Whether the tool was called. */
export function wasExecuted(result: ToolResult): boolean {
  return result.servedFrom === undefined && (result.status === 'ok' || !isRefusal(result.error.kind))
}

/** Whether an error of this kind means that the tool was not called. */
export function isRefusal(kind: ToolErrorKind): boolean {
  return refused.has(kind)
}

/**
 * Whether the full value was left out of a checkpoint and could not be computed again. No tool returns `undefined`, because
 * JSON cannot represent it. If the content is complete, nothing was left out, and the value need not be read from it.
 */
export function isLost(result: ToolResult): boolean {
  return result.status === 'ok' && isPartial(result) && result.value === undefined
}

/**
 * Repeated identical calls of a run: which result they get, and whether there were too many. Calls are identical if they
 * have the same key.
 *
 * A tool without `readOnlyHint: true` may change anything. After such a tool was called, results from before it are not
 * reused, and repetitions of read-only calls are counted from 0 again.
 */
export class Repetition {
  readonly #isReadOnly: (tool: string) => boolean
  readonly #reusable = new Map<string, ToolResult>()
  readonly #timesAsked = new Map<string, number>()
  /** The same for read-only tools, since the last call that may have changed something. */
  readonly #timesRead = new Map<string, number>()

  /** @param isReadOnly whether a tool cannot change anything. */
  constructor(isReadOnly: (tool: string) => boolean) {
    this.#isReadOnly = isReadOnly
  }

  /**
   * Adds the calls of one reply. The same call twice in one reply is one repetition, not two.
   *
   * They ran at the same time, so what a read-only tool saw beside a tool that may change something is already old.
   */
  add(batch: readonly KeyedResult[]): void {
    const mayHaveChanged = batch.some(({ result }) => !this.#isReadOnly(result.name) && wasExecuted(result))
    if (mayHaveChanged) {
      this.#reusable.clear()
      this.#timesRead.clear()
    }
    const asked = new Map<string, Map<string, number>>()
    for (const { result, key } of batch) {
      const isReadOnly = this.#isReadOnly(result.name)
      if (result.status === 'ok' || !askAgain.has(result.error.kind)) {
        asked.set(key, isReadOnly ? this.#timesRead : this.#timesAsked)
      }
      // A lost value can only be seen again by another call. A call that may change something is not made for that.
      const isOld = isReadOnly && (mayHaveChanged || isLost(result))
      if (result.servedFrom === undefined && !isOld && isReusable(result)) this.#reusable.set(key, result)
    }
    for (const [key, times] of asked) times.set(key, (times.get(key) ?? 0) + 1)
  }

  /** Puts another form of a result in its place, if identical calls get it. */
  replace({ key, result: before }: KeyedResult, result: ToolResult): void {
    if (this.#reusable.get(key) === before) this.#reusable.set(key, result)
  }

  /** The earlier result that an identical call gets; `undefined` if the call must be executed. */
  reusable(key: string): ToolResult | undefined {
    return this.#reusable.get(key)
  }

  /** Whether the model asked for the call in too many replies. */
  isRepeated({ key }: Pick<KeyedResult, 'key'>): boolean {
    return (this.#timesRead.get(key) ?? this.#timesAsked.get(key) ?? 0) >= maxIdentical
  }
}

function isReusable(result: ToolResult): boolean {
  return result.status === 'ok' || !(temporary.has(result.error.kind) || askAgain.has(result.error.kind))
}
