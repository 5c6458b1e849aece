// Saving a run: a copy of its state that keeps `limits.checkpointBytes`.
//
// A checkpoint is made twice a round, so its cost must not grow with the run. Messages, results and trace entries never
// change once they are in the state: the copy shares them, and the size of each is measured once.

import type { FinishedCall } from './call-history.ts'
import type { Checkpoint, RecordedResult } from './checkpoint.ts'
import type { SerializedMessage } from './model.ts'
import type { ActiveRun } from './run-state.ts'
import type { TraceEntry } from './trace.ts'

/**
 * Copies the state of a run. If the copy is too large, parts of it are dropped in this order until it fits:
 *
 * 1. full values of results, the largest first, if their tool is idempotent: it runs again on resume;
 * 2. what the model was shown of these results;
 * 3. the older half of the trace, repeatedly.
 *
 * @returns the checkpoint, or `undefined` if even this is not enough.
 */
export function createCheckpoint(run: ActiveRun): Checkpoint | undefined {
  const { state } = run
  state.elapsed_ms = Math.round(run.elapsedMs())
  const messages = [...state.messages]
  const results = [...state.results]
  let trace: readonly TraceEntry[] = [...state.trace]
  const rest = bytesOf({ ...state, messages: [], results: [], trace: [] })
  let excess = rest + listBytes(messages) + listBytes(results) + listBytes(trace) - run.limits.checkpointBytes
  for (const part of excess > 0 ? droppableParts(run) : []) {
    results[part.result] = part.record
    if (part.record.dropped === 'content') messages[part.message] = droppedMessage
    excess -= part.saves
    if (excess <= 0) break
  }
  const excessWithoutTrace = excess - listBytes(trace)
  for (let kept = trace; excessWithoutTrace + listBytes(trace) > 0; ) {
    if (kept.length === 0) return undefined
    kept = kept.slice(Math.ceil(kept.length / 2))
    trace = [omittedEntries(state.trace.length - kept.length, kept[0]), ...kept]
  }
  // The caller may change what it gets, and that must not change the run.
  return { ...state, pending: [...state.pending], usage: { ...state.usage }, messages, results, trace }
}

/** The entry that replaces the older part of a trace. */
function omittedEntries(count: number, next: TraceEntry | undefined): TraceEntry {
  const message = `${count} older entries were left out of a checkpoint to keep limits.checkpointBytes`
  return { type: 'warning', source: 'onCheckpoint', message, elapsed_ms: next?.elapsed_ms ?? 0 }
}

/** A finished call as the state keeps it, without the content that is in its message. */
export function toRecordedResult({ call, result, key }: FinishedCall): RecordedResult {
  return {
    key,
    call: { id: call.id, name: call.name, input: call.input },
    call_id: result.callId,
    status: result.status,
    // The content of a result that was not clipped is its value.
    ...(result.status === 'ok' && result.clipped && result.servedFrom === undefined ? { value: result.value } : {}),
    ...(result.status === 'error' ? { error: result.error } : {}),
    clipped: result.clipped,
    ...(result.attempts === undefined ? {} : { attempts: result.attempts }),
    ...(result.servedFrom === undefined ? {} : { served_from: result.servedFrom }),
    duration_ms: result.durationMs,
    repairs: result.repairs,
  }
}

/** The message of a result whose content was dropped. */
const droppedMessage: SerializedMessage = { role: 'tool', json: '' }

/** A part that can be dropped. */
interface DroppablePart {
  /** The result without the part. */
  readonly record: RecordedResult
  /** Index of the result in `results`. */
  readonly result: number
  /** Index of its message in `messages`. */
  readonly message: number
  /** Bytes that dropping it saves. */
  readonly saves: number
}

/** All parts that can be dropped: values, then contents, each from large to small. */
function droppableParts({ state, router }: ActiveRun): readonly DroppablePart[] {
  const values: DroppablePart[] = []
  const contents: DroppablePart[] = []
  let result = -1
  for (const [message, shown] of state.messages.entries()) {
    if (shown.role !== 'tool') continue
    const record = state.results[++result]
    if (record === undefined || !isRecomputable(record)) continue
    const { withoutValue, withoutContent } = droppedForms(record)
    const value = sizeOf(record) - sizeOf(withoutValue)
    const hasValue = 'value' in record && value > 0
    if (hasValue) values.push({ record: withoutValue, result, message, saves: value })
    const left = hasValue ? withoutValue : record
    const content = sizeOf(left) + sizeOf(shown) - sizeOf(withoutContent) - sizeOf(droppedMessage)
    if (content > 0) contents.push({ record: withoutContent, result, message, saves: content })
  }
  return [...values.sort(largestFirst), ...contents.sort(largestFirst)]

  /** Read-only is not enough: such a tool may read something else the next time. */
  function isRecomputable({ status, served_from, dropped, call }: RecordedResult): boolean {
    if (status === 'error' || served_from !== undefined || dropped !== undefined) return false
    return router.tools.get(call.name)?.annotations.idempotentHint === true
  }
}

function largestFirst(a: DroppablePart, b: DroppablePart): number {
  return b.saves - a.saves
}

interface DroppedForms {
  readonly withoutValue: RecordedResult
  readonly withoutContent: RecordedResult
}

const formsOf = new WeakMap<RecordedResult, DroppedForms>()

/** Both smaller forms of a result. They are made once, so that their sizes are measured once. */
function droppedForms(record: RecordedResult): DroppedForms {
  let forms = formsOf.get(record)
  if (forms === undefined) {
    const { value: _, ...rest } = record
    forms = { withoutValue: { ...rest, dropped: 'value' }, withoutContent: { ...rest, dropped: 'content' } }
    formsOf.set(record, forms)
  }
  return forms
}

const sizes = new WeakMap<object, number>()

/** Bytes of a part that never changes. */
function sizeOf(part: object): number {
  let size = sizes.get(part)
  if (size === undefined) {
    size = bytesOf(part)
    sizes.set(part, size)
  }
  return size
}

/** Bytes of the members of an array and of the commas between them. */
function listBytes(parts: readonly object[]): number {
  return parts.reduce((sum, part) => sum + sizeOf(part), Math.max(0, parts.length - 1))
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
