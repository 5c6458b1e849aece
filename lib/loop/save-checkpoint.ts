// Saving a run: a copy of its state that keeps `limits.checkpointBytes`, handed to the caller.
//
// A checkpoint is made twice a round, so its cost must not grow with the run. Messages, results and trace entries never
// change once they are in the state: the copy shares them, and the size of each is measured once.

import { setTimeout as delay } from 'node:timers/promises'
import { errorMessage } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'
import { knownJsonBytes } from '../../router/json/large-json.ts'
import { excerpt } from '../../router/text/clip.ts'
import { isPartial, type ToolCall, type ToolResult } from '../../router/tool-call.ts'
import type { FinishedCall } from './call-history.ts'
import type { Checkpoint, PendingCall, PendingResult, RecordedResult } from './checkpoint.ts'
import type { CheckpointStep } from './run.ts'
import { untilAborted } from './run-deadline.ts'
import type { ActiveRun } from './run-state.ts'
import { shortenTrace } from './trace.ts'

/**
 * Hands a checkpoint to the caller and waits until it is stored. After an interruption or a failure it hands over none: a
 * resume continues from the one before, in which the interrupted step is still to do. For calls that an interruption cut
 * short see {@link saveLastCheckpoint}.
 *
 * @returns why the checkpoint was not stored; `undefined` if it was, if nobody wants one, or if the run is over.
 */
export async function saveCheckpoint(
  run: ActiveRun,
  step: Pick<CheckpointStep, 'sideEffects'>,
): Promise<string | undefined> {
  const { state, deadline, limits, recorder, onCheckpoint } = run
  if (onCheckpoint === undefined || deadline.interruption !== undefined || state.stop_reason === 'failed')
    return undefined
  try {
    const checkpoint = createCheckpoint(run)
    if (checkpoint === undefined) {
      throw new Error(`no checkpoint: it would be larger than limits.checkpointBytes (${limits.checkpointBytes})`)
    }
    const saving: unknown = onCheckpoint(checkpoint, { ...step, shrink: shrinkerOf(run, checkpoint) })
    if (isThenable(saving)) await untilAborted(deadline.signal, Promise.resolve(saving))
    return undefined
  } catch (error) {
    recorder.warn('onCheckpoint', error)
    return excerpt(errorMessage(error), 200)
  }
}

/** Longest wait for a store after an interruption, in milliseconds. A caller who aborts a run wants its end. */
const lastSaveMs = 1_000

/**
 * Hands over the checkpoint of calls that an interruption cut short. The process did not end because of them, so a resume
 * starts them again without counting this start.
 */
export async function saveLastCheckpoint(run: ActiveRun): Promise<void> {
  const { onCheckpoint, recorder } = run
  const checkpoint = onCheckpoint === undefined ? undefined : createCheckpoint(run)
  if (onCheckpoint === undefined || checkpoint === undefined) return
  const timer = new AbortController()
  try {
    const saving: unknown = onCheckpoint(checkpoint, { sideEffects: false, shrink: shrinkerOf(run, checkpoint) })
    if (isThenable(saving)) await Promise.race([saving, delay(lastSaveMs, undefined, { signal: timer.signal })])
  } catch (error) {
    recorder.warn('onCheckpoint', error)
  } finally {
    timer.abort()
  }
}

/** Query builders of databases are not promises, but they run when they are awaited. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/**
 * Copies the state of a run and makes the copy fit `limits.checkpointBytes`; see {@link shrinkCheckpoint}.
 *
 * @returns the checkpoint, or `undefined` if it cannot be made small enough.
 */
function createCheckpoint(run: ActiveRun): Checkpoint | undefined {
  return shrinkCheckpoint(copyOfState(run), run.limits.checkpointBytes, isRecomputable(run))
}

/**
 * The checkpoint of a run that pauses. The caller needs one to continue, so it is not left out: if it cannot be made small
 * enough, it is as small as possible, and the trace gets a warning.
 */
export function pausedCheckpoint(run: ActiveRun): Checkpoint {
  const { checkpointBytes } = run.limits
  const shrunk = shrinkAsFarAsPossible(copyOfState(run), checkpointBytes, isRecomputable(run))
  if (shrunk.excess <= 0) return shrunk.checkpoint
  const by = `${shrunk.excess} bytes larger than limits.checkpointBytes (${checkpointBytes})`
  run.recorder.warn('onCheckpoint', `run.checkpoint is ${by}`)
  return shrunk.checkpoint
}

/** The caller may change what it gets, and that must not change the run. */
function copyOfState(run: ActiveRun): Checkpoint {
  const { state, elapsedMs } = run
  state.elapsed_ms = Math.round(elapsedMs())
  return {
    ...state,
    messages: [...state.messages],
    pending: [...state.pending],
    results: [...state.results],
    usage: { ...state.usage },
    trace: [...state.trace],
  }
}

/** Read-only is not enough: such a tool may read something else the next time. */
function isRecomputable({ router }: ActiveRun): (tool: string) => boolean {
  return (tool) => router.tools.get(tool)?.annotations.idempotentHint === true
}

function shrinkerOf(run: ActiveRun, checkpoint: Checkpoint): CheckpointStep['shrink'] {
  return (maxBytes) => shrinkAsFarAsPossible(checkpoint, maxBytes, isRecomputable(run)).checkpoint
}

/**
 * Makes a checkpoint fit into a number of bytes of JSON. Parts are left out in this order until it fits:
 *
 * 1. full values of results that the model was shown a part of: those of idempotent tools first, because these tools run
 *    again on resume, then all others; of each kind the largest first;
 * 2. the oldest entries of the trace.
 *
 * Messages stay as they are, because the next request needs them.
 *
 * @param isRecomputable whether a tool may run again to get a value back.
 * @returns the checkpoint itself if it fits; `undefined` if even this is not enough.
 */
function shrinkCheckpoint(
  checkpoint: Checkpoint,
  maxBytes: number,
  isRecomputable: (tool: string) => boolean,
): Checkpoint | undefined {
  const shrunk = shrinkAsFarAsPossible(checkpoint, maxBytes, isRecomputable)
  return shrunk.excess > 0 ? undefined : shrunk.checkpoint
}

/**
 * Does the same for a caller who needs a checkpoint in any case.
 *
 * @returns the checkpoint, and the bytes by which it is still too large; 0 or less if it fits.
 */
export function shrinkAsFarAsPossible(
  checkpoint: Checkpoint,
  maxBytes: number,
  isRecomputable: (tool: string) => boolean,
): { readonly checkpoint: Checkpoint; readonly excess: number } {
  const { messages, trace } = checkpoint
  const rest = bytesOf({ ...checkpoint, messages: [], pending: [], results: [], trace: [] })
  const parts = [messages, checkpoint.pending, checkpoint.results, trace]
  let excess = parts.reduce((sum, part) => sum + listBytes(part), rest - maxBytes)
  if (excess <= 0) return { checkpoint, excess }
  const results = [...checkpoint.results]
  const pending = [...checkpoint.pending]
  for (const { drop, saves } of droppableValues(results, pending, isRecomputable)) {
    drop()
    excess -= saves
    if (excess <= 0) return { checkpoint: { ...checkpoint, results, pending }, excess }
  }
  const shortened = shortenTrace(trace, excess, sizeOf, (dropped) => ({
    source: 'onCheckpoint',
    message: `${dropped} older entries were left out of a checkpoint to make it fit`,
  }))
  excess += listBytes(shortened) - listBytes(trace)
  return { checkpoint: { ...checkpoint, results, pending, trace: shortened }, excess }
}

/** A finished call as the state keeps it, without the content that is in its message. */
export function toRecordedResult({ call, result, key }: FinishedCall): RecordedResult {
  return {
    key,
    call: toRecordedCall(call),
    call_id: result.callId,
    status: result.status,
    // Otherwise the content is the value.
    ...(result.status === 'ok' && isPartial(result) && result.servedFrom === undefined ? { value: result.value } : {}),
    ...(result.status === 'error' ? { error: result.error } : {}),
    clipped: isPartial(result),
    ...(result.status === 'ok' ? recordedView(result) : {}),
    ...(result.attempts === undefined ? {} : { attempts: result.attempts }),
    ...(result.servedFrom === undefined ? {} : { served_from: result.servedFrom }),
    duration_ms: result.durationMs,
    repairs: result.repairs,
  }
}

function recordedView({ isView, viewProblem, clipped }: Extract<ToolResult, { readonly status: 'ok' }>) {
  return {
    ...(isView === undefined ? {} : { view: clipped ? ('clipped' as const) : ('complete' as const) }),
    ...(viewProblem === undefined ? {} : { view_problem: viewProblem }),
  }
}

function toRecordedCall({ id, name, input, numbers }: ToolCall): RecordedResult['call'] {
  return numbers === undefined ? { id, name, input } : { id, name, input, numbers }
}

/** A finished call of a reply that is not finished, with the content that is in no message yet. */
export function toPendingResult(finished: FinishedCall): PendingResult {
  const { call: _, ...result } = toRecordedResult(finished)
  return { ...result, content: finished.result.content }
}

/** A value that can be left out. */
interface DroppableValue {
  /** Leaves it out of the list that it is in. */
  readonly drop: () => void
  /** Bytes that leaving it out saves. */
  readonly saves: number
  readonly isRecomputable: boolean
}

/** All values that can be left out, in the order in which they are left out. */
function droppableValues(
  results: RecordedResult[],
  pending: PendingCall[],
  isRecomputable: (tool: string) => boolean,
): readonly DroppableValue[] {
  const values: DroppableValue[] = []
  const add = (name: string, saves: number, drop: () => void) => {
    if (saves > 0) values.push({ drop, saves, isRecomputable: isRecomputable(name) })
  }
  for (const [index, record] of results.entries()) {
    if (record.value === undefined) continue
    const shorter = dropValue(record)
    add(record.call.name, sizeOf(record) - sizeOf(shorter), () => (results[index] = shorter))
  }
  for (const [index, call] of pending.entries()) {
    if (call.result?.value === undefined) continue
    const result = withoutValue(call.result)
    add(call.name, sizeOf(call.result) - sizeOf(result), () => (pending[index] = { ...call, result }))
  }
  return values.sort((a, b) => Number(b.isRecomputable) - Number(a.isRecomputable) || b.saves - a.saves)
}

const withoutValues = new WeakMap<RecordedResult, RecordedResult>()

/** A result without its value. It is made once, so that its size is measured once. */
function dropValue(record: RecordedResult): RecordedResult {
  let dropped = withoutValues.get(record)
  if (dropped === undefined) {
    dropped = withoutValue(record)
    withoutValues.set(record, dropped)
  }
  return dropped
}

function withoutValue<T extends Pick<RecordedResult, 'value' | 'dropped'>>(record: T) {
  const { value: _, ...rest } = record
  return { ...rest, dropped: 'value' } as const
}

const sizes = new WeakMap<object, number>()

/** Bytes of a part that never changes. */
function sizeOf(part: object): number {
  let size = sizes.get(part)
  if (size === undefined) {
    size = measured(part)
    sizes.set(part, size)
  }
  return size
}

/** Writing a large value takes long, so its size is taken from where it was written before. */
function measured(part: { readonly value?: unknown; readonly result?: unknown }): number {
  const value = knownJsonBytes(part.value)
  if (value !== undefined) return measured({ ...part, value: undefined }) + ',"value":'.length + value
  if (!isObject(part.result)) return bytesOf(part)
  return bytesOf({ ...part, result: undefined }) + ',"result":'.length + sizeOf(part.result)
}

/** Bytes of the members of an array and of the commas between them. */
function listBytes(parts: readonly object[]): number {
  return parts.reduce((sum, part) => sum + sizeOf(part), Math.max(0, parts.length - 1))
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
