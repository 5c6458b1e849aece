import { hash } from 'node:crypto'
import { errorResult } from '../../router/dispatch.ts'
import { canonicalJson } from '../../router/json/json.ts'
import { tooManyCalls } from '../../router/router.ts'
import { excerpt } from '../../router/text/clip.ts'
import { shownValue } from '../../router/text/shown-value.ts'
import type { ToolCall, ToolError, ToolResult } from '../../router/tool-call.ts'
import type { CallIdentity, FinishedCall } from './call-history.ts'
import type { PendingCall } from './checkpoint.ts'
import { endedProcess, notRecorded, outcomeUnknown, toolsAreOff } from './loop-prompts.ts'
import { toolTimeoutMs } from './reached-limit.ts'
import { wasExecuted } from './repetition.ts'
import { type ActiveRun, mayHaveSideEffects, shownTool } from './run-state.ts'
import { saveCheckpoint, saveLastCheckpoint, toRecordedResult } from './save-checkpoint.ts'

/** A call of the current reply. */
interface CurrentCall {
  readonly call: PendingCall
  /** Position in the reply. */
  readonly index: number
  /** Calls with the same key get the same result. Calls of a polling tool never have the same key. */
  readonly key: string
  /** Equal for calls with the same tool and input, of polling tools too. */
  readonly identity: CallIdentity
  /** Why the call is not executed; `undefined` if it is executed, or gets the result of an identical call. */
  refusal: ToolError | undefined
  result: ToolResult | undefined
}

/** Processes that may start a call. If both end while it runs, the call is probably the reason. */
const maxBegun = 2

/**
 * Gives every pending call its result, in order. A call is executed, or gets the result of an identical earlier call.
 *
 * Before that, a checkpoint is saved that says which calls are started. If it cannot be stored, calls with side effects
 * are refused. So after a crash the checkpoint tells which calls may have had their effect, and these are not repeated.
 */
export async function runCalls(run: ActiveRun): Promise<void> {
  const current = identify(run, run.state.pending)
  const firstOf = new Map<string, CurrentCall>()
  const fresh: CurrentCall[] = []
  for (const one of current) {
    const isFirst = !firstOf.has(one.key)
    if (isFirst) firstOf.set(one.key, one)
    if (!isFirst || run.history.repetition.reusable(one.key) !== undefined) continue
    one.refusal = refusalAfterCrash(run, one.call)
    if (one.refusal === undefined) fresh.push(one)
  }
  const hadSideEffects = run.state.has_side_effects
  const started = await executeAll(run, fresh)
  for (const one of current) {
    if (one.refusal !== undefined) refuse(run, one, one.refusal)
    else if (one.result === undefined)
      reuse(run, one, run.history.repetition.reusable(one.key) ?? firstOf.get(one.key)?.result)
  }
  const isInterrupted = run.deadline.interruption !== undefined
  const isCut = isInterrupted && current.some(isUnfinished)
  if (isCut) {
    takeBack(run, fresh, started)
    const hasActed = [...started].some(({ name }) => mayHaveSideEffects(run.router, name))
    run.state.has_side_effects = hadSideEffects || hasActed
    await saveLastCheckpoint(run)
  }
  finishCalls(run, current)
  if (isInterrupted && !isCut) await saveLastCheckpoint(run)
}

/**
 * Begins and executes calls: all together, or one after the other if an earlier process ended while some of them were
 * running. Then its end tells nothing about which call was the reason, and the next end does.
 *
 * @returns the calls whose tools were started.
 */
async function executeAll(run: ActiveRun, fresh: readonly CurrentCall[]): Promise<ReadonlySet<ToolCall>> {
  const { limits, history } = run
  const started = new Set<ToolCall>()
  const maxCalls = Math.max(0, Math.min(limits.callsPerRound, limits.calls - history.executed))
  const oneByOne = fresh.length > 1 && fresh.some(({ call }) => call.begun > 0)
  if (!oneByOne) {
    await beginAndExecute(run, fresh, maxCalls, started)
    return started
  }
  for (const [index, one] of fresh.entries()) {
    const isOver = index >= maxCalls && one.call.refusal?.kind !== 'too_many_calls'
    if (isOver) refuse(run, one, tooManyCalls(maxCalls))
    else await beginAndExecute(run, [one], 1, started)
    takeBack(run, [one], started)
  }
  return started
}

async function beginAndExecute(
  run: ActiveRun,
  batch: readonly CurrentCall[],
  maxCalls: number,
  started: Set<ToolCall>,
): Promise<void> {
  if (run.onCheckpoint !== undefined) await begin(run, batch)
  const accepted = batch.filter(({ refusal }) => refusal === undefined)
  await execute(run, accepted, maxCalls, started)
}

/** Whether a call has no result of its own, because the run was interrupted before. */
function isUnfinished({ result }: CurrentCall): boolean {
  return result?.status === 'error' && (result.error.kind === 'cancelled' || result.error.kind === 'not_recorded')
}

/**
 * Makes calls count as not begun by this process, because it did not end while they were running. Calls with side effects
 * that were started may have had their effect, so they stay begun.
 */
function takeBack(run: ActiveRun, calls: readonly CurrentCall[], started: ReadonlySet<ToolCall>): void {
  for (const { call, index } of calls) {
    const mayHaveActed = started.has(call) && mayHaveSideEffects(run.router, call.name)
    if (!mayHaveActed) run.state.pending[index] = call
  }
}

/** Gives every pending call an error result, because tools are turned off. */
export function refuseCalls(run: ActiveRun): void {
  const current = identify(run, run.state.pending)
  for (const one of current) refuse(run, one, { kind: 'too_many_calls', message: toolsAreOff })
  finishCalls(run, current)
}

function identify(run: ActiveRun, calls: readonly PendingCall[]): readonly CurrentCall[] {
  return calls.map((call, index) => {
    // `idempotentHint: false` marks a tool that is called with the same input on purpose, such as one that polls.
    const polls = run.router.tools.get(call.name)?.annotations.idempotentHint === false
    const identity = run.history.identify(call)
    const key = polls ? `${identity.key} ${run.state.rounds}/${index}` : identity.key
    return { call, index, identity, key, refusal: undefined, result: undefined }
  })
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

/** Saves a checkpoint in which the calls are begun. If it cannot be stored, those with side effects are refused. */
async function begin(run: ActiveRun, fresh: readonly CurrentCall[]): Promise<void> {
  const { state } = run
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
async function execute(
  run: ActiveRun,
  fresh: readonly CurrentCall[],
  maxCalls: number,
  started: Set<ToolCall>,
): Promise<void> {
  if (fresh.length === 0) return
  const { limits, history } = run
  const results = await run.router.dispatch(
    fresh.map(({ call }) => call),
    {
      references: history,
      signal: run.deadline.signal,
      timeoutMs: Math.max(1, toolTimeoutMs(run)),
      concurrency: limits.concurrency,
      maxCalls,
      resultBytes: limits.resultBytes,
      callId: (_, position, input) => callIdOf(run, fresh[position], input),
      now: run.now,
      onStart: (call, callId) => {
        started.add(call)
        const { id, name } = call
        run.recorder.emit({ type: 'tool-start', round: run.state.rounds, id, callId, tool: name })
      },
      onEnd: (result, call) => emitEnd(run, call, result),
    },
  )
  for (const [index, one] of fresh.entries()) one.result = results[index]
}

/**
 * The idempotency key of a call: `<run>/<round>/<index>/<hash of tool and input>`. After a resume the same input gives the
 * same key. If the model was asked again and replied with another input, the key is another one, so that nobody takes the
 * second call for the first.
 */
function callIdOf({ state }: ActiveRun, one: CurrentCall | undefined, input: unknown): string {
  // Cannot happen: every call that is dispatched is in the list.
  if (one === undefined) throw new Error('No such call')
  const { call, index, identity } = one
  if (call.call_id !== undefined) return call.call_id
  // Most inputs reach their tool as the model wrote them, and then their canonical JSON is known.
  const json = (input === call.input ? identity.inputJson : undefined) ?? canonicalJson(input)
  const digest = hash('sha256', `${call.name} ${json}`, 'hex').slice(0, 16)
  return `${state.run_id}/${state.rounds}/${index}/${digest}`
}

function reuse(run: ActiveRun, one: CurrentCall, earlier: ToolResult | undefined): void {
  // Cannot happen: the first call of each key was executed.
  if (earlier === undefined) throw new Error(`No result for call ${one.call.id}`)
  one.result = reusedResult(one.call, earlier, callIdOf(run, one, one.call.input))
  emitEnd(run, one.call, one.result)
}

/** The result of an identical earlier call, with a note that says so. */
function reusedResult(call: ToolCall, earlier: ToolResult, callId: string): ToolResult {
  const note = `[Same call as "${earlier.id}". This is its result; the tool was not run again. Do not repeat the call.]\n`
  const { attempts: _, ...result } = earlier
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
function finishCalls(run: ActiveRun, current: readonly CurrentCall[]): void {
  const { state, history } = run
  const batch: FinishedCall[] = []
  for (const { call, key, identity, result } of current) {
    // A polling call that never reached its tool was not a poll. Repeating it is a repetition.
    if (result !== undefined) batch.push({ call, result, key: wasExecuted(result) ? key : identity.key })
  }
  history.add(batch)
  if (batch.some((finished) => history.repetition.isRepeated(finished))) state.limit_reached ??= 'repetition'
  // Only checkpoints contain these.
  if (run.onCheckpoint !== undefined) for (const finished of batch) state.results.push(toRecordedResult(finished))
  run.messages.addResults(batch.map(({ result }) => result))
  state.pending = []
}

function emitEnd(run: ActiveRun, call: ToolCall, result: ToolResult): void {
  const round = run.state.rounds
  const { id, status, content, clipped, durationMs, repairs, attempts, servedFrom } = result
  const tool = shownTool(run, result.name)
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
    durationMs,
    ...(result.status === 'error' ? { errorKind: result.error.kind } : {}),
    ...(attempts === undefined ? {} : { attempts }),
    ...(servedFrom === undefined ? {} : { servedFrom }),
  })
}
