import { prepare } from '../../router/dispatch.ts'
import { isObject, parseJson, unparsable } from '../../router/json/json.ts'
import { type ReferenceTargets, referencesIn } from '../../router/references.ts'
import type { ToolCall, ToolResult } from '../../router/tool-call.ts'
import { type FinishedCall, setOrigin } from './call-history.ts'
import type { Checkpoint, PendingResult, RecordedResult } from './checkpoint.ts'
import { resultInMessage } from './messages.ts'
import { invalidCheckpoint, openingLength } from './read-checkpoint.ts'
import { isLost } from './repetition.ts'
import { ReplyReferences } from './reply-references.ts'
import type { ActiveRun } from './run-state.ts'
import { toRecordedResult } from './save-checkpoint.ts'

/**
 * Fills a run with the messages and results of a checkpoint, and indexes its finished calls.
 *
 * Values that were left out of the checkpoint are computed by running their tools again, in order, so that references have
 * the same targets as before. Only idempotent tools run again. Any other value is lost, and so is one whose tool fails now:
 * the run continues without it, and a reference to it is a tool error that says so.
 *
 * @returns a sentence about the lost values, for the trace; `undefined` without any.
 * @throws {LoopError} `invalid_checkpoint` if a part of the checkpoint is damaged.
 */
export async function restore(run: ActiveRun, checkpoint: Checkpoint): Promise<string | undefined> {
  const { state, history, messages } = run
  checkPending(checkpoint)
  const lost: string[] = []
  const records = checkpoint.results.values()
  let batch: FinishedCall[] = []
  const opening = openingLength(checkpoint)
  for (const [index, message] of checkpoint.messages.entries()) {
    const record = message.role === 'tool' && index >= opening ? records.next().value : undefined
    if (record === undefined) {
      // The results of one reply are added together, because most of them ran at the same time.
      history.add(batch)
      batch = []
      messages.add(message)
      continue
    }
    const finished = await restoreResult(run, record, message.json, batch)
    batch.push({ ...finished, result: resultInMessage(finished.result, message.json) })
    messages.add(message)
    const isValueLost = record.dropped === 'value' && isLost(finished.result)
    if (isValueLost) lost.push(`${finished.call.id} (${finished.call.name})`)
    // A lost value stays dropped: the next resume tries again to compute it.
    state.results.push(isValueLost ? record : toRecordedResult(finished))
  }
  history.add(batch)
  return lost.length === 0 ? undefined : lostValues(lost)
}

/** The warning about values that were left out of a checkpoint. @param calls the calls whose values they were. */
export function lostValues(calls: readonly string[]): string {
  return `Values were left out of the checkpoint and could not be computed again. They are lost: ${calls.join(', ')}`
}

/**
 * The result of a pending call that an earlier process finished. A value that was left out is computed again, as `restore`
 * does it.
 *
 * @param finished the calls before it in the same reply that have results. It can refer to these only: a call that failed
 *   and has no result now, because it is read again, was passed over.
 */
export async function restorePending(
  run: ActiveRun,
  call: ToolCall,
  record: PendingResult,
  finished: readonly FinishedCall[],
): Promise<ToolResult> {
  const references = targetsIn(run, call, finished)
  const value = record.dropped === undefined ? record.value : await valueAgain(run, call, record, references)
  return storedResult(run, call, { ...record, value }, record.content, references, finished)
}

/** Checks the results of the reply that is not finished. They are restored later, when it is too late to refuse them. */
function checkPending({ pending }: Checkpoint): void {
  for (const { id, result } of pending) {
    if (result?.status === 'error') errorOf(id, result)
    else if (result !== undefined && isInContent(result)) parsed(result.content)
  }
}

type StoredRecord = Omit<RecordedResult, 'call'>

function errorOf(id: string, { error }: StoredRecord): NonNullable<RecordedResult['error']> {
  if (error === undefined) throw invalidCheckpoint(`has a failed call ${id} without an error`)
  return error
}

/** Whether the value of a result is not stored, because its content has all of it. */
function isInContent({ clipped, served_from }: StoredRecord): boolean {
  return !clipped && served_from === undefined
}

async function restoreResult(
  run: ActiveRun,
  record: RecordedResult,
  json: string,
  batch: readonly FinishedCall[],
): Promise<FinishedCall> {
  const { key } = record
  const call: ToolCall = { ...record.call, repairs: [] }
  const references = targetsIn(run, call, batch)
  const value = record.dropped === undefined ? record.value : await valueAgain(run, call, record, references)
  return { call, key, result: storedResult(run, call, { ...record, value }, contentOf(json), references, batch) }
}

/** The targets of the references in a call that comes after the calls of `batch` in the same reply. */
function targetsIn({ history }: ActiveRun, call: ToolCall, batch: readonly FinishedCall[]): ReferenceTargets {
  if (referencesIn(call.input, 0).length === 0) return history
  return new ReplyReferences([...batch, { call, result: undefined }], history).targetsOf(batch.length)
}

async function valueAgain(
  run: ActiveRun,
  call: ToolCall,
  record: StoredRecord,
  references: ReferenceTargets,
): Promise<unknown> {
  const again = await runAgain(run, call, record, references)
  return again?.status === 'ok' ? again.value : undefined
}

/** Runs the tool of a dropped result again; `undefined` if it must not, or if the run was interrupted before. */
async function runAgain(
  run: ActiveRun,
  call: ToolCall,
  record: StoredRecord,
  references: ReferenceTargets,
): Promise<ToolResult | undefined> {
  if (run.router.tools.get(call.name)?.annotations.idempotentHint !== true) return undefined
  if (run.deadline.interruption !== undefined) return undefined
  const [result] = await run.router.dispatch([call], {
    references,
    signal: run.deadline.signal,
    timeoutMs: Math.max(1, run.deadline.remainingMs()),
    resultBytes: run.limits.resultBytes,
    inputBytes: run.limits.inputBytes,
    callId: () => record.call_id,
    now: run.now,
  })
  return result && { ...result, durationMs: record.duration_ms, repairs: record.repairs }
}

function storedResult(
  run: ActiveRun,
  call: ToolCall,
  record: StoredRecord,
  content: string,
  references: ReferenceTargets,
  batch: readonly FinishedCall[],
): ToolResult {
  const { view, view_problem: viewProblem, duration_ms: durationMs, repairs, served_from: servedFrom } = record
  const clipped = view === undefined ? record.clipped : view === 'clipped'
  const base = { id: call.id, name: call.name, callId: record.call_id, content, clipped, durationMs, repairs }
  const served = {
    ...(record.attempts === undefined ? {} : { attempts: record.attempts }),
    ...(servedFrom === undefined ? {} : { servedFrom }),
  }
  const shown = {
    ...(view === undefined ? {} : { isView: true as const }),
    ...(viewProblem === undefined ? {} : { viewProblem }),
  }
  if (record.status === 'error') return { ...base, ...served, status: 'error', error: errorOf(call.id, record) }
  if (servedFrom !== undefined) {
    const before = [...run.history.finished, ...batch]
    const earlier = before.findLast(({ key, result }) => key === record.key && result.id === servedFrom)?.result
    if (earlier?.status !== 'ok')
      throw invalidCheckpoint(`has a call ${call.id} that repeats a call that does not exist`)
    const reused: ToolResult = {
      ...base,
      ...served,
      ...shown,
      status: 'ok',
      input: earlier.input,
      value: earlier.value,
    }
    setOrigin(reused, earlier)
    return reused
  }
  return {
    ...base,
    ...served,
    ...shown,
    status: 'ok',
    input: resolvedInput(run, call, references),
    value: isInContent(record) ? parsed(content) : record.value,
  }
}

/** The input that the tool got: references resolved, values coerced. If the tool no longer exists, the input as asked. */
function resolvedInput(run: ActiveRun, call: ToolCall, references: ReferenceTargets): unknown {
  const prepared = prepare(call, {
    tools: run.router.tools,
    references,
    inputBytes: run.limits.inputBytes,
    limitsWork: true,
  })
  return prepared.kind === 'ready' ? prepared.input : call.input
}

function contentOf(json: string): string {
  const message = parsed(json)
  const content = isObject(message) ? message['content'] : undefined
  if (typeof content !== 'string') throw invalidCheckpoint('has a tool message without content')
  return content
}

function parsed(json: string): unknown {
  // The value is a tool's, not a model's, so it may nest to any depth.
  const value = parseJson(json, { anyDepth: true })
  if (value === unparsable) throw invalidCheckpoint('has a tool message that is not JSON')
  return value
}
