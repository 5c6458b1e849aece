import { failure } from '../../router/dispatch.ts'
import { excerpt } from '../../router/text/clip.ts'
import { shownValue } from '../../router/text/shown-value.ts'
import type { ToolCall, ToolErrorKind, ToolResult } from '../../router/tool-call.ts'
import { type LedgerEntry, wasExecuted } from './call-history.ts'
import { earlierResult, noToolsNow, outcomeUnknown } from './loop-prompts.ts'
import { toolTimeMs } from './reached-limit.ts'
import { type RunState, shownTool } from './run-state.ts'

interface Asked {
  readonly call: ToolCall
  readonly callId: string
  /** What the call is known by: equal for identical calls, and for no two calls of a polling tool. */
  readonly key: string
  /** The same without regard to polling. */
  readonly identity: string
  result: ToolResult | undefined
}

/**
 * Gives every pending call its result, in order: executed, or served from an identical earlier call. After a resume
 * (`resumed`), a call that may already have had its effect is sealed instead of being run again.
 */
export async function runCalls(run: RunState, resumed: boolean): Promise<void> {
  const asked = identify(run, run.pending)
  const firstOf = new Map<string, Asked>()
  for (const one of asked) if (!firstOf.has(one.key)) firstOf.set(one.key, one)
  const isSealed = ({ key, call }: Asked) =>
    resumed && !mayRunAgain(run, call) && run.ledger.servable(key) === undefined
  const fresh = asked.filter(
    (one) => firstOf.get(one.key) === one && run.ledger.servable(one.key) === undefined && !isSealed(one),
  )
  if (fresh.length > 0) await execute(run, fresh)
  for (const one of asked) {
    if (one.result !== undefined) continue
    if (isSealed(one)) refuse(run, one, 'outcome_unknown', outcomeUnknown)
    else serve(run, one, run.ledger.servable(one.key) ?? firstOf.get(one.key)?.result)
  }
  settle(run, asked)
}

/** Refuses every pending call: tools are off. */
export function refuseCalls(run: RunState): void {
  const asked = identify(run, run.pending)
  for (const one of asked) refuse(run, one, 'too_many_calls', noToolsNow)
  settle(run, asked)
}

function identify(run: RunState, calls: readonly ToolCall[]): readonly Asked[] {
  return calls.map((call, index) => {
    const callId = `${run.runId}/${run.rounds}/${index}`
    const polls = run.router.tools.get(call.name)?.annotations.idempotentHint === false
    const identity = run.ledger.keyOf(call)
    // A polling tool is asked the same again on purpose.
    return { call, callId, identity, key: polls ? `${identity} ${callId}` : identity, result: undefined }
  })
}

async function execute(run: RunState, fresh: readonly Asked[]): Promise<void> {
  const { limits, ledger } = run
  const results = await run.router.dispatch(
    fresh.map(({ call }) => call),
    {
      references: ledger,
      signal: run.scope.signal,
      timeoutMs: Math.max(1, toolTimeMs(run)),
      concurrency: limits.concurrency,
      maxCalls: Math.max(0, Math.min(limits.callsPerRound, limits.calls - ledger.executed)),
      resultBytes: limits.resultBytes,
      callId: (_, index) => fresh[index]?.callId ?? '',
      now: run.now,
      onStart: ({ id, name }, callId) => {
        run.recorder.emit({ type: 'tool-start', round: run.rounds, id, callId, tool: name })
      },
      onEnd: (result, call) => emitEnd(run, call, result),
    },
  )
  for (const [index, one] of fresh.entries()) one.result = results[index]
}

/** Answers a call with the result of an identical one. */
function serve(run: RunState, one: Asked, earlier: ToolResult | undefined): void {
  if (earlier === undefined) throw new Error(`No result for call ${one.call.id}`) // each key has a first call
  one.result = earlierResult(one.call, earlier, one.callId)
  emitEnd(run, one.call, one.result)
}

function refuse(run: RunState, one: Asked, kind: ToolErrorKind, message: string): void {
  const { call, callId } = one
  one.result = failure(call, { callId, now: run.now }, { kind, message }, call.repairs, run.now())
  emitEnd(run, call, one.result)
}

function settle(run: RunState, asked: readonly Asked[]): void {
  const batch: LedgerEntry[] = []
  for (const { call, key, identity, result } of asked) {
    // A call that no tool ever got is no poll, however often it is repeated.
    if (result !== undefined) batch.push({ call, result, key: wasExecuted(result) ? key : identity })
  }
  run.ledger.add(batch)
  if (batch.some((entry) => run.ledger.isRepeated(entry))) run.closing ??= 'repetition'
  run.transcript.results(batch.map(({ result }) => result))
  run.pending = []
}

/** Read-only and idempotent tools may run twice; of any other nobody knows what the interrupted call did. */
function mayRunAgain(run: RunState, { name, refusal }: ToolCall): boolean {
  const annotations = run.router.tools.get(name)?.annotations
  if (refusal !== undefined || annotations === undefined) return true
  return annotations.readOnlyHint === true || annotations.idempotentHint === true
}

function emitEnd(run: RunState, call: ToolCall, result: ToolResult): void {
  const round = run.rounds
  const { id, status, content, clipped, durationMs, repairs, servedFrom } = result
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
    ...(servedFrom === undefined ? {} : { servedFrom }),
  })
}
