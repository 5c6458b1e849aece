import { type Checkpoint, checkpointVersion, type RecordedResult } from './checkpoint.ts'
import type { LedgerEntry } from './ledger.ts'
import type { SerializedMessage } from './model.ts'
import { isRepeatable } from './run-calls.ts'
import type { RunState } from './run-state.ts'

/**
 * The state of a run as plain JSON of at most `limits.checkpointBytes`. Results of repeatable tools are shed first, the
 * largest first; then the older half of the trace, again and again. Undefined where even that is not enough.
 *
 * It is taken twice a round, of parts that never change: each part is recorded and measured once in a run.
 */
export function takeCheckpoint(run: RunState): Checkpoint | undefined {
  const results = run.ledger.entries.map((entry) => recordOf(entry).whole)
  const messages = [...run.transcript.messages]
  let entries = [...run.recorder.entries]
  const empty: Checkpoint = {
    version: checkpointVersion,
    run_id: run.runId,
    rounds: run.rounds,
    pending: run.pending,
    usage: run.usage,
    last_tokens: run.lastTokens,
    fastest_ms: run.fastestMs,
    slowest_ms: run.slowestMs,
    elapsed_ms: Math.round(run.elapsedMs()),
    closing: run.closing ?? null,
    partial: run.partial ?? null,
    answer: run.answer ?? null,
    messages: [],
    results: [],
    entries: [],
  }
  const fixed = bytesOf(empty) + listBytes(results)
  let excess = fixed + listBytes(messages) + listBytes(entries) - run.limits.checkpointBytes
  for (const { message, result, entry, saves } of excess > 0 ? sheddable(run, messages) : []) {
    results[result] = recordOf(entry).shed
    messages[message] = shedMessage
    excess -= saves
    if (excess <= 0) break
  }
  while (excess > 0) {
    if (entries.length === 0) return undefined
    const before = listBytes(entries)
    entries = entries.slice(Math.ceil(entries.length / 2))
    excess -= before - listBytes(entries)
  }
  return { ...empty, messages, results, entries }
}

/** What one call leaves in a checkpoint: whole, and without what its tool can derive again. */
interface Recorded {
  readonly whole: RecordedResult
  readonly shed: RecordedResult
}

const records = new WeakMap<LedgerEntry, Recorded>()

function recordOf(entry: LedgerEntry): Recorded {
  const known = records.get(entry)
  if (known !== undefined) return known
  const whole = recorded(entry)
  const { value: _, ...rest } = whole
  const record = { whole, shed: { ...rest, shed: true as const } }
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

/** A result that can be shed, where it stands among messages and results, and the bytes that it saves. */
interface Sheddable {
  readonly entry: LedgerEntry
  readonly message: number
  readonly result: number
  readonly saves: number
}

/** The largest first. The n-th tool message belongs to the n-th result. */
function sheddable(run: RunState, messages: readonly SerializedMessage[]): Sheddable[] {
  const candidates: Sheddable[] = []
  let result = -1
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'tool') continue
    const entry = run.ledger.entries[++result]
    if (entry === undefined || entry.result.status === 'error' || entry.result.servedFrom !== undefined) continue
    if (!isRepeatable(run, entry.call)) continue
    const { whole, shed } = recordOf(entry)
    const saves = sizeOf(whole) + sizeOf(message) - sizeOf(shed) - sizeOf(shedMessage)
    if (saves > 0) candidates.push({ entry, message: index, result, saves })
  }
  return candidates.sort((a, b) => b.saves - a.saves)
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
