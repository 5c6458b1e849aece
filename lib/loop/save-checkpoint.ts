import type { LedgerEntry } from './call-history.ts'
import { type Checkpoint, checkpointVersion, type RecordedResult } from './checkpoint.ts'
import type { SerializedMessage } from './model.ts'
import type { RunState } from './run-state.ts'
import type { TraceEntry } from './trace.ts'

/**
 * The state of a run as plain JSON of at most `limits.checkpointBytes`. Of results of idempotent tools the full values are
 * shed first, then what the model was shown of them, the largest first; then the older half of the trace, again and again.
 * Undefined where even that is not enough.
 *
 * It is taken twice a round, of parts that never change: each part is recorded and measured once in a run.
 */
export function takeCheckpoint(run: RunState): Checkpoint | undefined {
  const results = run.ledger.entries.map((entry) => recordOf(entry).whole)
  const messages = [...run.transcript.messages]
  let entries: readonly TraceEntry[] = [...run.recorder.entries]
  const empty: Checkpoint = {
    version: checkpointVersion,
    run_id: run.runId,
    rounds: run.rounds,
    pending: [...run.pending],
    usage: { ...run.usage },
    last_tokens: run.lastTokens,
    fastest_ms: run.fastestMs,
    slowest_ms: run.slowestMs,
    elapsed_ms: Math.round(run.elapsedMs()),
    closing: run.closing ?? null,
    announced: run.announced,
    unjudged: run.unjudged ?? null,
    stop: run.stop ?? null,
    partial: run.partial ?? null,
    answer: run.answer ?? null,
    messages: [],
    results: [],
    entries: [],
  }
  const fixed = bytesOf(empty) + listBytes(results)
  let excess = fixed + listBytes(messages) + listBytes(entries) - run.limits.checkpointBytes
  for (const { message, result, record, saves } of excess > 0 ? sheddable(run, messages) : []) {
    results[result] = record
    if (record.shed === 'content') messages[message] = shedMessage
    excess -= saves
    if (excess <= 0) break
  }
  const withoutEntries = excess - listBytes(entries)
  for (let kept = entries; withoutEntries + listBytes(entries) > 0; ) {
    if (kept.length === 0) return undefined
    kept = kept.slice(Math.ceil(kept.length / 2))
    entries = [leftOut(run.recorder.entries.length - kept.length, kept[0]), ...kept]
  }
  return { ...empty, messages, results, entries }
}

/** Stands for the older part of a trace. */
function leftOut(count: number, next: TraceEntry | undefined): TraceEntry {
  const message = `${count} older entries were left out of a checkpoint, to keep to limits.checkpointBytes`
  return { type: 'warning', source: 'onCheckpoint', message, elapsed_ms: next?.elapsed_ms ?? 0 }
}

/** What one call leaves in a checkpoint: whole, without its full value, and without what the model was shown, too. */
interface Recorded {
  readonly whole: RecordedResult
  readonly withoutValue: RecordedResult
  readonly withoutContent: RecordedResult
}

const records = new WeakMap<LedgerEntry, Recorded>()

function recordOf(entry: LedgerEntry): Recorded {
  const known = records.get(entry)
  if (known !== undefined) return known
  const whole = recorded(entry)
  const { value: _, ...rest } = whole
  const record = {
    whole,
    withoutValue: { ...rest, shed: 'value' as const },
    withoutContent: { ...rest, shed: 'content' as const },
  }
  records.set(entry, record)
  return record
}

function recorded({ call, result, key }: LedgerEntry): RecordedResult {
  return {
    key,
    call: { id: call.id, name: call.name, input: call.input },
    call_id: result.callId,
    status: result.status,
    ...(result.status === 'ok' && result.clipped && result.servedFrom === undefined ? { value: result.value } : {}),
    ...(result.status === 'error' ? { error: result.error } : {}),
    clipped: result.clipped,
    ...(result.servedFrom === undefined ? {} : { served_from: result.servedFrom }),
    duration_ms: result.durationMs,
    repairs: result.repairs,
  }
}

const shedMessage: SerializedMessage = { role: 'tool', json: '' }

/** A part that can be shed: the record that is left, where it and its message stand, and the bytes that it saves. */
interface Sheddable {
  readonly record: RecordedResult
  readonly message: number
  readonly result: number
  readonly saves: number
}

/** Values, then contents; of each the largest first. The n-th tool message belongs to the n-th result. */
function sheddable(run: RunState, messages: readonly SerializedMessage[]): readonly Sheddable[] {
  const values: Sheddable[] = []
  const contents: Sheddable[] = []
  let result = -1
  for (const [message, { role }] of messages.entries()) {
    if (role !== 'tool') continue
    const entry = run.ledger.entries[++result]
    const shown = messages[message]
    if (entry === undefined || shown === undefined || !isDerivable(run, entry)) continue
    const { whole, withoutValue, withoutContent } = recordOf(entry)
    const value = sizeOf(whole) - sizeOf(withoutValue)
    if ('value' in whole && value > 0) values.push({ record: withoutValue, message, result, saves: value })
    const left = 'value' in whole && value > 0 ? withoutValue : whole
    const content = sizeOf(left) + sizeOf(shown) - sizeOf(withoutContent) - sizeOf(shedMessage)
    if (content > 0) contents.push({ record: withoutContent, message, result, saves: content })
  }
  const largestFirst = (a: Sheddable, b: Sheddable) => b.saves - a.saves
  return [...values.sort(largestFirst), ...contents.sort(largestFirst)]
}

/** Whether running the tool again gives the result again: a read-only tool may read something else the next time. */
function isDerivable(run: RunState, { result, isLost }: LedgerEntry): boolean {
  if (result.status === 'error' || result.servedFrom !== undefined || isLost) return false
  return run.router.tools.get(result.name)?.annotations.idempotentHint === true
}

const sizes = new WeakMap<object, number>()

/** Bytes of a part that never changes. */
function sizeOf(part: object): number {
  const known = sizes.get(part)
  if (known !== undefined) return known
  const size = bytesOf(part)
  sizes.set(part, size)
  return size
}

/** Bytes of the members of a list, and of the commas between them. */
function listBytes(parts: readonly object[]): number {
  return parts.reduce((sum, part) => sum + sizeOf(part), Math.max(0, parts.length - 1))
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
