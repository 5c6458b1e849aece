import { failure, prepare } from '../../router/dispatch.ts'
import { isObject } from '../../router/json/json.ts'
import { excerpt } from '../../router/text/clip.ts'
import type { ToolCall, ToolResult } from '../../router/tool-call.ts'
import type { LedgerEntry } from './call-history.ts'
import { type Checkpoint, invalid, type RecordedResult } from './checkpoint.ts'
import type { RunState } from './run-state.ts'

/**
 * Puts a run into the state that a checkpoint describes. Results that were shed are derived again, in order, so that
 * references lead where they led before; what cannot be derived is lost, and the run goes on without it.
 *
 * @returns what was lost, in words for the trace.
 * @throws {LoopError} `invalid_checkpoint` when a part of it is damaged.
 */
export async function restore(run: RunState, checkpoint: Checkpoint): Promise<readonly string[]> {
  const lost: string[] = []
  const records = checkpoint.results.values()
  let batch: LedgerEntry[] = []
  for (const message of checkpoint.messages) {
    const record = message.role === 'tool' ? records.next().value : undefined
    if (record === undefined) {
      // The results of one reply are entered together: its calls could not point at each other.
      run.ledger.add(batch)
      batch = []
      run.transcript.append(message)
      continue
    }
    const entry = await revive(run, record, message.json, batch)
    batch.push(entry)
    if (entry.isLost) lost.push(`The result of ${entry.call.id} (${entry.call.name}) could not be derived again.`)
    if (record.shed === 'content') run.transcript.results([entry.result])
    else run.transcript.append(message)
  }
  run.ledger.add(batch)
  return lost
}

async function revive(
  run: RunState,
  record: RecordedResult,
  json: string,
  batch: readonly LedgerEntry[],
): Promise<LedgerEntry> {
  const { key } = record
  const call: ToolCall = { ...record.call, repairs: [] }
  if (record.shed === undefined) return { call, key, result: stored(run, call, record, contentOf(json), batch) }
  const derived = await derive(run, call, record)
  if (derived?.status === 'ok') {
    if (record.shed === 'content') return { call, key, result: derived }
    return { call, key, result: stored(run, call, { ...record, value: derived.value }, contentOf(json), batch) }
  }
  const result =
    record.shed === 'value' ? stored(run, call, record, contentOf(json), batch) : gone(run, call, record, derived)
  return { call, key, result, isLost: true }
}

/** Undefined where the run is over before it went on. */
async function derive(run: RunState, call: ToolCall, record: RecordedResult): Promise<ToolResult | undefined> {
  if (run.scope.interruption !== undefined) return undefined
  const [result] = await run.router.dispatch([call], {
    references: run.ledger,
    signal: run.scope.signal,
    timeoutMs: Math.max(1, run.scope.remainingMs()),
    resultBytes: run.limits.resultBytes,
    callId: () => record.call_id,
    now: run.now,
  })
  return result && { ...result, durationMs: record.duration_ms, repairs: record.repairs }
}

/** In the place of a result of which nothing is left. */
function gone(run: RunState, call: ToolCall, record: RecordedResult, derived: ToolResult | undefined): ToolResult {
  const why = derived?.status === 'error' ? `: ${derived.error.message}` : ''
  const message = excerpt(`This result was left out of a checkpoint, and could not be derived again${why}`, 900)
  const options = { callId: record.call_id, now: run.now, resultBytes: run.limits.resultBytes }
  return failure(call, options, { kind: 'tool_failed', message }, record.repairs, run.now())
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

/** The input as the tool got it: references resolved, mended where that was needed. A tool that is gone leaves it as asked. */
function inputOf(run: RunState, call: ToolCall): unknown {
  const prepared = prepare(call, { tools: run.router.tools, references: run.ledger })
  return prepared.kind === 'ready' ? prepared.input : call.input
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
