import { errorResult } from '../../router/dispatch.ts'
import { excerpt } from '../../router/text/clip.ts'
import { shownValue } from '../../router/text/shown-value.ts'
import type { ToolCall, ToolErrorKind, ToolResult } from '../../router/tool-call.ts'
import type { FinishedCall } from './call-history.ts'
import { outcomeUnknown, toolsAreOff } from './loop-prompts.ts'
import { toolTimeoutMs } from './reached-limit.ts'
import { wasExecuted } from './repetition.ts'
import { type ActiveRun, shownTool } from './run-state.ts'
import { toRecordedResult } from './save-checkpoint.ts'

/** A call of the current reply. */
interface CurrentCall {
  readonly call: ToolCall
  /** Idempotency key. */
  readonly callId: string
  /** Calls with the same key get the same result. Calls of a polling tool never have the same key. */
  readonly key: string
  /** Equal for calls with the same tool and input, of polling tools too. */
  readonly identity: string
  result: ToolResult | undefined
}

/**
 * Gives every pending call its result, in order. A call is executed, or gets the result of an identical earlier call.
 *
 * @param isResumed whether another process may have started these calls. Then a call that may have had its effect is not
 *   repeated: its result says that the outcome is unknown.
 */
export async function runCalls(run: ActiveRun, isResumed: boolean): Promise<void> {
  const current = identify(run, run.state.pending)
  const firstOf = new Map<string, CurrentCall>()
  for (const one of current) if (!firstOf.has(one.key)) firstOf.set(one.key, one)
  const isUnknown = ({ key, call }: CurrentCall) =>
    isResumed && !isRepeatableAfterCrash(run, call) && run.history.repetition.reusable(key) === undefined
  const fresh = current.filter(
    (one) => firstOf.get(one.key) === one && run.history.repetition.reusable(one.key) === undefined && !isUnknown(one),
  )
  if (fresh.length > 0) await execute(run, fresh)
  for (const one of current) {
    if (one.result !== undefined) continue
    if (isUnknown(one)) refuse(run, one, 'outcome_unknown', outcomeUnknown)
    else reuse(run, one, run.history.repetition.reusable(one.key) ?? firstOf.get(one.key)?.result)
  }
  finishCalls(run, current)
}

/** Gives every pending call an error result, because tools are turned off. */
export function refuseCalls(run: ActiveRun): void {
  const current = identify(run, run.state.pending)
  for (const one of current) refuse(run, one, 'too_many_calls', toolsAreOff)
  finishCalls(run, current)
}

function identify(run: ActiveRun, calls: readonly ToolCall[]): readonly CurrentCall[] {
  const { run_id, rounds } = run.state
  return calls.map((call, index) => {
    const callId = `${run_id}/${rounds}/${index}`
    // `idempotentHint: false` marks a tool that is called with the same input on purpose, such as one that polls.
    const polls = run.router.tools.get(call.name)?.annotations.idempotentHint === false
    const identity = run.history.keyOf(call)
    return { call, callId, identity, key: polls ? `${identity} ${callId}` : identity, result: undefined }
  })
}

async function execute(run: ActiveRun, fresh: readonly CurrentCall[]): Promise<void> {
  const { limits, history } = run
  const results = await run.router.dispatch(
    fresh.map(({ call }) => call),
    {
      references: history,
      signal: run.deadline.signal,
      timeoutMs: Math.max(1, toolTimeoutMs(run)),
      concurrency: limits.concurrency,
      maxCalls: Math.max(0, Math.min(limits.callsPerRound, limits.calls - history.executed)),
      resultBytes: limits.resultBytes,
      callId: (_, index) => fresh[index]?.callId ?? '',
      now: run.now,
      onStart: ({ id, name }, callId) => {
        run.recorder.emit({ type: 'tool-start', round: run.state.rounds, id, callId, tool: name })
      },
      onEnd: (result, call) => emitEnd(run, call, result),
    },
  )
  for (const [index, one] of fresh.entries()) one.result = results[index]
}

function reuse(run: ActiveRun, one: CurrentCall, earlier: ToolResult | undefined): void {
  // Cannot happen: the first call of each key was executed.
  if (earlier === undefined) throw new Error(`No result for call ${one.call.id}`)
  one.result = reusedResult(one.call, earlier, one.callId)
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

function refuse(run: ActiveRun, one: CurrentCall, kind: ToolErrorKind, message: string): void {
  const { call, callId } = one
  one.result = errorResult(call, { callId, now: run.now }, { kind, message }, call.repairs, run.now())
  emitEnd(run, call, one.result)
}

/** Adds the results to history, state and messages. From now on no call is pending. */
function finishCalls(run: ActiveRun, current: readonly CurrentCall[]): void {
  const { state, history } = run
  const batch: FinishedCall[] = []
  for (const { call, key, identity, result } of current) {
    // A polling call that never reached its tool was not a poll. Repeating it is a repetition.
    if (result !== undefined) batch.push({ call, result, key: wasExecuted(result) ? key : identity })
  }
  history.add(batch)
  if (batch.some((finished) => history.repetition.isRepeated(finished))) state.limit_reached ??= 'repetition'
  for (const finished of batch) state.results.push(toRecordedResult(finished))
  run.messages.addResults(batch.map(({ result }) => result))
  state.pending = []
}

/** Read-only and idempotent tools can run twice. For any other tool it is unknown whether the call took effect. */
function isRepeatableAfterCrash(run: ActiveRun, { name, refusal }: ToolCall): boolean {
  const annotations = run.router.tools.get(name)?.annotations
  if (refusal !== undefined || annotations === undefined) return true
  return annotations.readOnlyHint === true || annotations.idempotentHint === true
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
