import { prepare } from '../../router/dispatch.ts'
import { isObject } from '../../router/json.ts'
import type { ToolCall, ToolResult } from '../../router/tool-call.ts'
import { type Checkpoint, invalid, type RecordedResult } from './checkpoint.ts'
import type { LedgerEntry } from './ledger.ts'
import type { RunState } from './run-state.ts'

/**
 * Puts a run into the state that a checkpoint describes. Results that were shed are derived again, in order, so that
 * references lead where they led before.
 *
 * @throws {LoopError} `invalid_checkpoint` when a part of it is damaged.
 */
export async function restore(run: RunState, checkpoint: Checkpoint): Promise<void> {
  const records = checkpoint.results.values()
  let batch: LedgerEntry[] = []
  for (const message of checkpoint.messages) {
    const record = message.role === 'tool' ? records.next().value : undefined
    if (record === undefined) {
      enter(run, batch)
      batch = []
      run.transcript.append(message)
      continue
    }
    const call: ToolCall = { ...record.call, repairs: [] }
    const result = record.shed
      ? await derive(run, call, record)
      : stored(run, call, record, contentOf(message.json), batch)
    batch.push({ call, result, key: record.key })
    if (record.shed) run.transcript.results([result])
    else run.transcript.append(message)
  }
  enter(run, batch)
}

/** The results of one reply are entered together: its calls could not point at each other. */
function enter(run: RunState, batch: readonly LedgerEntry[]): void {
  for (const entry of batch) run.ledger.add(entry)
}

async function derive(run: RunState, call: ToolCall, record: RecordedResult): Promise<ToolResult> {
  const [result] = await run.router.dispatch([call], {
    references: run.ledger,
    signal: run.scope.signal,
    timeoutMs: Math.max(1, run.scope.remainingMs()),
    resultBytes: run.limits.resultBytes,
    callId: () => record.call_id,
    now: run.now,
  })
  if (result === undefined) throw invalid(`.results: ${record.call.id} cannot be derived again`)
  return { ...result, durationMs: record.duration_ms, repairs: record.repairs }
}

function stored(
  run: RunState,
  call: ToolCall,
  record: RecordedResult,
  content: string,
  batch: readonly LedgerEntry[],
): ToolResult {
  const { clipped, duration_ms: durationMs, repairs, error } = record
  const base = { id: call.id, name: call.name, callId: record.call_id, content, clipped, durationMs, repairs }
  const served = record.served_from === undefined ? {} : { servedFrom: record.served_from }
  if (record.status === 'error') {
    if (error === undefined) throw invalid(`.results: ${call.id} has no error`)
    return { ...base, ...served, status: 'error', error }
  }
  if (record.served_from !== undefined) {
    const before = [...run.ledger.entries, ...batch]
    const earlier = before.findLast(({ key, result }) => key === record.key && result.id === record.served_from)?.result
    if (earlier?.status !== 'ok') throw invalid(`.results: ${call.id} repeats a call that is not there`)
    return { ...base, ...served, status: 'ok', input: earlier.input, value: earlier.value }
  }
  return { ...base, status: 'ok', input: inputOf(run, call), value: clipped ? record.value : parse(content) }
}

/** The input as the tool got it: references resolved, mended where that was needed. */
function inputOf(run: RunState, call: ToolCall): unknown {
  const prepared = prepare(call, { tools: run.router.tools, references: run.ledger })
  if (prepared.kind === 'ready') return prepared.input
  throw invalid(`.results: the input of ${call.id} is no longer accepted`)
}

function contentOf(json: string): string {
  const message = parse(json)
  const content = isObject(message) ? message['content'] : undefined
  if (typeof content !== 'string') throw invalid('.messages: a tool message has no content')
  return content
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw invalid(': a part of it is not JSON')
  }
}
