import { errorResult } from '../../router/dispatch.ts'
import { Pauses } from '../../router/pauses.ts'
import { tooManyCalls } from '../../router/router.ts'
import { excerpt } from '../../router/text/clip.ts'
import { shownValue } from '../../router/text/shown-value.ts'
import type { ToolCall, ToolError, ToolResult } from '../../router/tool-call.ts'
import { admitCalls } from './admit-calls.ts'
import { type FinishedCall, setOrigin } from './call-history.ts'
import type { PendingCall } from './checkpoint.ts'
import {
  type CurrentCall,
  type CurrentReply,
  callIdOf,
  finishedCall,
  identify,
  openReply,
  readyCalls,
} from './current-reply.ts'
import { ApprovalError, toRunError } from './errors.ts'
import { endedBefore, endedProcess, notRecorded, outcomeUnknown, toolsAreOff } from './loop-prompts.ts'
import { toolTimeoutMs } from './reached-limit.ts'
import { type Repetition, wasExecuted } from './repetition.ts'
import { type ActiveRun, mayHaveSideEffects, shownTool } from './run-state.ts'
import { saveCheckpoint, saveLastCheckpoint, toPendingResult, toRecordedResult } from './save-checkpoint.ts'

/** Processes that may start a call. If both end while it runs, the call is probably the reason. */
const maxBegun = 2

/**
 * Gives every pending call its result, in order. A call is executed, or gets the result of an identical earlier call.
 *
 * The calls run in waves: all calls of a wave run at the same time, and the next wave refers to their results. Before each
 * wave, a checkpoint is saved that has the results so far and says which calls are started. If it cannot be stored, calls
 * with side effects are refused. So after a crash the checkpoint tells which calls may have had their effect, and these are
 * not repeated.
 */
export async function runCalls(run: ActiveRun): Promise<void> {
  const hadSideEffects = run.state.has_side_effects
  const opened = openReply(run)
  const reply = opened instanceof Promise ? await opened : opened
  try {
    for (let ready = readyCalls(reply); ready.length > 0; ready = readyCalls(reply)) {
      const reusable = mayHaveChanged(run, reply) ? undefined : run.history.repetition
      const identifying = identifyAll(run, reply, ready)
      if (identifying !== undefined) await identifying
      const toExecute = callsToExecute(run, reply, ready, reusable)
      if (toExecute.length > 0) await executeAll(run, reply, toExecute)
      finishWave(run, reply, ready, reusable)
    }
  } catch (error) {
    if (!(error instanceof ApprovalError)) throw error
    run.state.stop_reason = 'failed'
    run.error = toRunError(error)
  }
  const isInterrupted = run.deadline.interruption !== undefined
  const unfinished = reply.calls.filter(({ result }) => result === undefined)
  if (unfinished.length > 0 && !isInterrupted && run.error === undefined) return pause(run, reply)
  for (const one of unfinished) refuse(run, one, { kind: 'cancelled', message: endedBefore })
  const isCut = isInterrupted && reply.calls.some(isUnfinished)
  if (isCut) {
    takeBack(run, reply.calls.filter(isFresh), reply.started)
    // A value that was given for a call counts, too.
    const done = reply.calls.flatMap(({ call, result }) => (result?.status === 'ok' ? call : []))
    const hasActed = [...reply.started, ...done].some(({ name }) => mayHaveSideEffects(run.router, name))
    run.state.has_side_effects = hadSideEffects || hasActed
    await saveLastCheckpoint(run)
  }
  finishCalls(run, reply)
  if (isInterrupted && !isCut) await saveLastCheckpoint(run)
}

/**
 * Ends the run as paused. The state has the results of the calls that are finished, so these are not executed again, and no
 * result is in the messages yet.
 */
function pause(run: ActiveRun, { calls }: CurrentReply): void {
  const { state, recorder } = run
  for (const one of calls) {
    const finished = finishedCall(one)
    state.pending[one.index] = finished === undefined ? one.call : { ...one.call, result: toPendingResult(finished) }
  }
  // Without `onCheckpoint` the state has no results so far.
  for (const finished of run.history.finished.slice(state.results.length))
    state.results.push(toRecordedResult(finished))
  state.stop_reason = 'paused'
  run.waiting = calls.flatMap(({ waiting }) => waiting ?? [])
  run.besideWaiting = calls.flatMap(({ result }) => result ?? [])
  for (const { input: _, ...waiting } of run.waiting) {
    recorder.emit({ type: 'tool-waiting', round: state.rounds, ...waiting })
  }
}

/**
 * Identifies the calls of a wave. It returns a promise only if that takes long: the inputs of many calls can have megabytes,
 * and a promise costs time.
 */
function identifyAll(
  run: ActiveRun,
  reply: CurrentReply,
  wave: readonly CurrentCall[],
  first = 0,
  pauses = new Pauses(),
): Promise<void> | undefined {
  for (let index = first; index < wave.length; index++) {
    if (index > first && pauses.isDue) {
      const next = index
      return pauses.pause().then(() => identifyAll(run, reply, wave, next, pauses))
    }
    const one = wave[index]
    if (one !== undefined) identify(run, reply, one)
  }
  return undefined
}

/**
 * The calls of a wave that must be executed: those that repeat no earlier call.
 *
 * @param reusable the results of earlier replies, if they can be used again.
 */
function callsToExecute(
  run: ActiveRun,
  reply: CurrentReply,
  wave: readonly CurrentCall[],
  reusable: Repetition | undefined,
): readonly CurrentCall[] {
  const { firstOf } = reply
  for (const one of wave) {
    const isFirst = !firstOf.has(one.key)
    if (isFirst) firstOf.set(one.key, one)
    if (!isFirst || reusable?.reusable(one.key) !== undefined) continue
    one.refusal = refusalAfterCrash(run, one.call)
    one.isFresh = one.refusal === undefined
  }
  return wave.every(isFresh) ? wave : wave.filter(isFresh)
}

function isFresh(one: CurrentCall): boolean {
  return one.isFresh
}

/** Gives every call of a wave its result. A call that waits for a decision, or repeats one that does, gets none. */
function finishWave(
  run: ActiveRun,
  { firstOf }: CurrentReply,
  wave: readonly CurrentCall[],
  reusable: Repetition | undefined,
): void {
  for (const one of wave) {
    const first = firstOf.get(one.key)
    if (one.refusal !== undefined) refuse(run, one, one.refusal)
    else if (one.result === undefined && first?.waiting === undefined)
      reuse(run, one, reusable?.reusable(one.key) ?? first?.result, (first?.index ?? 0) > one.index)
  }
}

/** Whether an earlier wave may have changed something. Then the results of earlier replies are not used again. */
function mayHaveChanged({ router }: ActiveRun, { calls }: CurrentReply): boolean {
  for (const { result } of calls) {
    if (result === undefined || !wasExecuted(result)) continue
    if (router.tools.get(result.name)?.annotations.readOnlyHint !== true) return true
  }
  return false
}

/**
 * Begins and executes calls: all together, or one after the other if an earlier process ended while some of them were
 * running. Then its end tells nothing about which call was the reason, and the next end does.
 */
async function executeAll(run: ActiveRun, reply: CurrentReply, wave: readonly CurrentCall[]): Promise<void> {
  const admitted = admitCalls(run, reply, withinLimits(run, reply, wave))
  // A wait for something that is not a promise costs a promise, too.
  const accepted = admitted instanceof Promise ? await admitted : admitted
  for (const { call, result } of wave) if (result !== undefined) emitEnd(run, call, result)
  const oneByOne = accepted.length > 1 && accepted.some(({ call }) => call.begun > 0)
  for (const batch of oneByOne ? accepted.map((one) => [one]) : [accepted]) {
    if (run.onCheckpoint !== undefined && batch.length > 0) await begin(run, reply, batch)
    const begun = batch.some(({ refusal }) => refusal !== undefined)
      ? batch.filter(({ refusal }) => refusal === undefined)
      : batch
    const results = begun.length === 0 ? [] : await execute(run, reply, begun)
    for (let position = 0; position < results.length; position++) {
      const one = begun[position]
      if (one !== undefined) one.result = results[position]
    }
    if (oneByOne) takeBack(run, batch, reply.started)
  }
}

/** The calls that the limits allow. The others are refused. The call that reports calls that were not read is not counted. */
function withinLimits(run: ActiveRun, reply: CurrentReply, wave: readonly CurrentCall[]): readonly CurrentCall[] {
  const { limits, history } = run
  const maxCalls = Math.max(0, Math.min(limits.callsPerRound, limits.calls - history.executed))
  // Most replies have few calls.
  if (reply.calls.length <= maxCalls) return wave
  const before = reply.calls.filter(
    ({ waiting, result }) => waiting !== undefined || (result !== undefined && isCounted(result)),
  ).length
  return wave.filter((one, index) => {
    if (before + index < maxCalls || one.call.refusal?.kind === 'too_many_calls') return true
    one.refusal = tooManyCalls(maxCalls, limits.calls - history.executed <= limits.callsPerRound)
    return false
  })
}

/** Whether a result counts for the limit on the calls of a reply: the call was given to its tool, or refused by it. */
function isCounted(result: ToolResult): boolean {
  return result.servedFrom === undefined && (result.status === 'ok' || result.error.kind !== 'too_many_calls')
}

/** Whether a call has no result of its own, because the run was interrupted before. */
function isUnfinished({ result }: CurrentCall): boolean {
  return result?.status === 'error' && (result.error.kind === 'cancelled' || result.error.kind === 'not_recorded')
}

/** Whether a call was executed, or somebody has decided that it is not. Other calls are read again by a resumed run. */
function isFinal(result: ToolResult): boolean {
  return wasExecuted(result) || (result.status === 'error' && result.error.kind === 'denied')
}

/**
 * Makes calls count as not begun by this process, because it did not end while they were running. Calls that are finished
 * keep their results. Calls with side effects that were started may have had their effect, so they stay begun.
 */
function takeBack(run: ActiveRun, calls: readonly CurrentCall[], started: ReadonlySet<ToolCall>): void {
  for (const one of calls) {
    const { call, index, result } = one
    if (result !== undefined && isFinal(result) && !isUnfinished(one)) {
      recordResult(run, one)
      continue
    }
    const mayHaveActed = started.has(call) && mayHaveSideEffects(run.router, call.name)
    if (!mayHaveActed) run.state.pending[index] = call
  }
}

/**
 * Writes the result of a call into the state, beside the calls of the reply that have none. A call that the end of the run
 * cut short has no result for a resumed run.
 */
function recordResult(run: ActiveRun, one: CurrentCall): void {
  const finished = finishedCall(one)
  if (finished === undefined || run.onCheckpoint === undefined) return
  const { result } = finished
  if (result.status === 'error' && result.error.kind === 'cancelled') return
  run.state.pending[one.index] = { ...one.call, result: toPendingResult(finished) }
}

/** Gives every pending call an error result, because tools are turned off. */
export async function refuseCalls(run: ActiveRun): Promise<void> {
  const reply = await openReply(run)
  for (const one of reply.calls) {
    if (one.result !== undefined) continue
    identify(run, reply, one)
    refuse(run, one, { kind: 'too_many_calls', message: toolsAreOff })
  }
  finishCalls(run, reply)
}

/** The error of a call that must not be started again, because an earlier process ended while it was running. */
function refusalAfterCrash(run: ActiveRun, call: PendingCall): ToolError | undefined {
  if (call.begun === 0 || !isRunnable(run, call)) return undefined
  if (mayHaveSideEffects(run.router, call.name)) return { kind: 'outcome_unknown', message: outcomeUnknown }
  return call.begun >= maxBegun ? { kind: 'ended_process', message: endedProcess } : undefined
}

function isRunnable({ router }: ActiveRun, { name, refusal }: ToolCall): boolean {
  return refusal === undefined && router.tools.has(name)
}

/**
 * Saves a checkpoint in which the calls are begun, and which has the results of the calls before them. If it cannot be
 * stored, those with side effects are refused.
 */
async function begin(run: ActiveRun, { calls }: CurrentReply, fresh: readonly CurrentCall[]): Promise<void> {
  const { state } = run
  for (const one of calls) if (state.pending[one.index]?.result === undefined) recordResult(run, one)
  for (const { call, index } of fresh) state.pending[index] = { ...call, begun: call.begun + 1 }
  const unsafe = fresh.filter(({ call }) => isRunnable(run, call) && mayHaveSideEffects(run.router, call.name))
  const before = state.has_side_effects
  state.has_side_effects ||= unsafe.length > 0
  const problem = await saveCheckpoint(run, { sideEffects: unsafe.length > 0 })
  if (problem === undefined) return
  state.has_side_effects = before
  for (const one of unsafe) one.refusal = { kind: 'not_recorded', message: notRecorded(problem) }
}

/** Executes calls, and adds those whose tools were started to `started`. */
function execute(run: ActiveRun, reply: CurrentReply, batch: readonly CurrentCall[]): Promise<readonly ToolResult[]> {
  const { limits } = run
  const at = (position: number): CurrentCall => {
    const one = batch[position]
    // Cannot happen: every call that is dispatched is in the list.
    if (one === undefined) throw new Error('No such call')
    return one
  }
  return run.router.dispatch(
    batch.map(({ call }) => call),
    {
      references: (_, position) => reply.references.targetsOf(at(position).index),
      signal: run.deadline.signal,
      timeoutMs: Math.max(1, toolTimeoutMs(run)),
      concurrency: limits.concurrency,
      resultBytes: limits.resultBytes,
      inputBytes: limits.inputBytes,
      limitsWork: true,
      callId: (_, position, input, pins) => callIdOf(run, at(position), input, pins),
      now: run.now,
      onStart: (call, callId) => {
        reply.started.add(call)
        const { id, name } = call
        // `begin` has said so before, but only with `onCheckpoint`. A paused run has a checkpoint without it, too.
        if (mayHaveSideEffects(run.router, name)) run.state.has_side_effects = true
        run.recorder.emit({ type: 'tool-start', round: run.state.rounds, id, callId, tool: name })
      },
      onEnd: (result, call) => emitEnd(run, call, result),
    },
  )
}

function reuse(run: ActiveRun, one: CurrentCall, earlier: ToolResult | undefined, isAhead: boolean): void {
  // Cannot happen: the first call of each key was executed.
  if (earlier === undefined) throw new Error(`No result for call ${one.call.id}`)
  one.result = reusedResult(one.call, earlier, callIdOf(run, one, one.call.input), isAhead)
  setOrigin(one.result, earlier)
  emitEnd(run, one.call, one.result)
}

/**
 * The result of an identical call that was executed earlier, with a note that says so. A call ahead of that one in the reply
 * gets the result as its own, because a checkpoint is read in order.
 */
function reusedResult(call: ToolCall, earlier: ToolResult, callId: string, isAhead: boolean): ToolResult {
  const note = `[Same call as "${earlier.id}". This is its result; the tool was not run again. Do not repeat the call.]\n`
  const { attempts: _, ...result } = earlier
  if (isAhead) return { ...result, id: call.id, callId, durationMs: 0, repairs: call.repairs }
  return {
    ...result,
    id: call.id,
    callId,
    content: note + earlier.content,
    durationMs: 0,
    repairs: call.repairs,
    servedFrom: earlier.id,
  }
}

function refuse(run: ActiveRun, one: CurrentCall, error: ToolError): void {
  const { call } = one
  const callId = callIdOf(run, one, call.input)
  one.result = errorResult(call, { callId, now: run.now }, error, call.repairs, run.now())
  emitEnd(run, call, one.result)
}

/** Adds the results to history, state and messages. From now on no call is pending. */
function finishCalls(run: ActiveRun, { calls }: CurrentReply): void {
  const { state, history } = run
  const batch: FinishedCall[] = []
  for (const one of calls) {
    const finished = finishedCall(one)
    if (finished !== undefined) batch.push({ ...finished, result: run.messages.addResult(finished.result) })
  }
  history.add(batch)
  if (batch.some((finished) => history.repetition.isRepeated(finished))) state.limit_reached ??= 'repetition'
  // Only checkpoints contain these.
  if (run.onCheckpoint !== undefined) for (const finished of batch) state.results.push(toRecordedResult(finished))
  state.pending = []
}

function emitEnd(run: ActiveRun, call: ToolCall, result: ToolResult): void {
  const round = run.state.rounds
  const { id, status, content, clipped, durationMs, repairs, attempts, servedFrom } = result
  const tool = shownTool(run, result.name)
  if (result.status === 'ok' && result.viewProblem !== undefined && servedFrom === undefined) {
    run.recorder.warn('toContent', result.viewProblem)
  }
  for (const repair of repairs) run.recorder.emit({ type: 'repair', round, id, tool, repair })
  run.recorder.emit({
    type: 'tool-end',
    round,
    id,
    tool,
    input: shownValue(call.input, 500),
    status,
    result: excerpt(content, 1000),
    clipped,
    ...(result.status === 'ok' && result.isView ? { isView: true } : {}),
    durationMs,
    ...(result.status === 'error' ? { errorKind: result.error.kind } : {}),
    ...(attempts === undefined ? {} : { attempts }),
    ...(servedFrom === undefined ? {} : { servedFrom }),
  })
}
