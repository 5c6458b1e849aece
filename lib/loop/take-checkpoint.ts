import { type Checkpoint, checkpointVersion, type RecordedResult } from './checkpoint.ts'
import type { LedgerEntry } from './ledger.ts'
import type { SerializedMessage } from './model.ts'
import { isRepeatable } from './run-calls.ts'
import type { RunState } from './run-state.ts'

/** A result and its tool message, whole and shed, with the bytes that shedding saves. */
interface Sheddable {
  readonly index: number
  readonly result: RecordedResult
  readonly message: SerializedMessage
  readonly saves: number
}

/**
 * The state of a run as plain JSON of at most `limits.checkpointBytes`. Results of repeatable tools are shed first, the
 * largest first; then the older half of the trace, again and again. Undefined where even that is not enough.
 */
export function takeCheckpoint(run: RunState): Checkpoint | undefined {
  const results = run.ledger.entries.map(recorded)
  const messages = [...run.transcript.messages]
  let checkpoint: Checkpoint = {
    version: checkpointVersion,
    run_id: run.runId,
    rounds: run.rounds,
    messages,
    pending: run.pending,
    results,
    usage: run.usage,
    last_tokens: run.lastTokens,
    fastest_ms: run.fastestMs,
    slowest_ms: run.slowestMs,
    elapsed_ms: Math.round(run.elapsedMs()),
    closing: run.closing ?? null,
    partial: run.partial ?? null,
    answer: run.answer ?? null,
    entries: [...run.recorder.entries],
  }
  let excess = bytesOf(checkpoint) - run.limits.checkpointBytes
  if (excess <= 0) return checkpoint
  for (const { index, result, message, saves } of sheddable(run, results, messages)) {
    results[resultIndex(messages, index)] = result
    messages[index] = message
    excess -= saves
    if (excess <= 0) return checkpoint
  }
  while (checkpoint.entries.length > 0) {
    checkpoint = { ...checkpoint, entries: checkpoint.entries.slice(Math.ceil(checkpoint.entries.length / 2)) }
    if (bytesOf(checkpoint) <= run.limits.checkpointBytes) return checkpoint
  }
  return undefined
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

function sheddable(
  run: RunState,
  results: readonly RecordedResult[],
  messages: readonly SerializedMessage[],
): Sheddable[] {
  const candidates: Sheddable[] = []
  let next = 0
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'tool') continue
    const result = results[next++]
    if (result === undefined || result.status === 'error' || result.served_from !== undefined) continue
    if (!isRepeatable(run, result.call)) continue
    const { value: _, ...rest } = result
    const shed = { result: { ...rest, shed: true as const }, message: { role: 'tool' as const, json: '' } }
    const saves = bytesOf(result) + bytesOf(message) - bytesOf(shed.result) - bytesOf(shed.message)
    candidates.push({ index, ...shed, saves })
  }
  return candidates.filter(({ saves }) => saves > 0).sort((a, b) => b.saves - a.saves)
}

/** Which result the tool message at `index` belongs to. */
function resultIndex(messages: readonly SerializedMessage[], index: number): number {
  return messages.slice(0, index).filter(({ role }) => role === 'tool').length
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
