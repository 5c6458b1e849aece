import { excerpt } from '../../router/clip.ts'
import { failure } from '../../router/dispatch.ts'
import { shownValue } from '../../router/shown-value.ts'
import type { ToolCall, ToolErrorKind, ToolResult } from '../../router/tool-call.ts'
import { wasExecuted } from './ledger.ts'
import type { RunState } from './run-state.ts'
import { earlierResult, noToolsNow, outcomeUnknown } from './wording.ts'

/** How often an identical call may be asked for before the model is asked for its answer instead. */
const maxIdentical = 3

interface Asked {
  readonly call: ToolCall
  readonly callId: string
  /** What the call is known by: equal for identical calls, and for no two calls of a polling tool. */
  readonly key: string
  /** The same without regard to polling. */
  readonly identity: string
}

/**
 * Gives every pending call its result, in order: executed, or served from an identical earlier call. After a resume
 * (`resumed`), a call that may already have had its effect is sealed instead of being run again.
 */
export async function runCalls(run: RunState, resumed: boolean): Promise<void> {
  const asked = identify(run, run.pending)
  const sealed = (call: ToolCall) => resumed && call.refusal === undefined && !mayRunAgain(run, call)
  const firstOf = new Map(asked.toReversed().map((one) => [one.key, one]))
  const executed = await execute(
    run,
    asked.filter((one) => firstOf.get(one.key) === one && !run.ledger.servable(one.key) && !sealed(one.call)),
  )
  const results = asked.map((one): ToolResult => {
    const fresh = executed.get(one)
    if (fresh !== undefined) return fresh
    if (sealed(one.call) && run.ledger.servable(one.key) === undefined)
      return refuse(run, one, 'outcome_unknown', outcomeUnknown)
    const first = firstOf.get(one.key)
    const earlier = run.ledger.servable(one.key) ?? (first && executed.get(first))
    if (earlier === undefined) throw new Error(`No result for call ${one.call.id}`) // each key has a first call
    const served = earlierResult(one.call, earlier, one.callId)
    emitEnd(run, one.call, served)
    return served
  })
  settle(run, asked, results)
}

/** Refuses every pending call: tools are off. */
export function refuseCalls(run: RunState): void {
  const asked = identify(run, run.pending)
  settle(
    run,
    asked,
    asked.map((one) => refuse(run, one, 'too_many_calls', noToolsNow)),
  )
}

function identify(run: RunState, calls: readonly ToolCall[]): readonly Asked[] {
  return calls.map((call, index) => {
    const callId = `${run.runId}/${run.rounds}/${index}`
    const polls = run.router.tools.get(call.name)?.annotations.idempotentHint === false
    const identity = run.ledger.keyOf(call)
    // A polling tool is asked the same again on purpose.
    return { call, callId, identity, key: polls ? `${identity} ${callId}` : identity }
  })
}

async function execute(run: RunState, asked: readonly Asked[]): Promise<ReadonlyMap<Asked, ToolResult>> {
  const { limits, ledger } = run
  const results = await run.router.dispatch(
    asked.map(({ call }) => call),
    {
      references: ledger,
      signal: run.scope.signal,
      timeoutMs: Math.max(1, run.scope.remainingMs()),
      concurrency: limits.concurrency,
      maxCalls: Math.max(0, Math.min(limits.callsPerRound, limits.calls - ledger.executed)),
      resultBytes: limits.resultBytes,
      callId: (_, index) => asked[index]?.callId ?? '',
      now: run.now,
      onStart: ({ id, name }, callId) => {
        run.recorder.emit({ type: 'tool-start', round: run.rounds, id, callId, tool: name })
      },
      onEnd: (result, call) => emitEnd(run, call, result),
    },
  )
  return new Map(asked.flatMap((one, index) => (results[index] ? [[one, results[index]]] : [])))
}

function settle(run: RunState, asked: readonly Asked[], results: readonly ToolResult[]): void {
  const batch = asked.flatMap(({ call, key, identity }, index) => {
    const result = results[index]
    // A call that no tool ever got is no poll, however often it is repeated.
    return result === undefined ? [] : [{ call, result, key: wasExecuted(result) ? key : identity }]
  })
  run.ledger.add(batch)
  if (batch.some(({ key }) => run.ledger.timesAsked(key) >= maxIdentical)) run.closing ??= 'repetition'
  run.transcript.results(results)
  run.pending = []
}

/** Read-only and idempotent tools may run twice; of any other nobody knows what the interrupted call did. */
function mayRunAgain(run: RunState, { name }: ToolCall): boolean {
  const annotations = run.router.tools.get(name)?.annotations
  return annotations === undefined || annotations.readOnlyHint === true || annotations.idempotentHint === true
}

function refuse(run: RunState, { call, callId }: Asked, kind: ToolErrorKind, message: string): ToolResult {
  const result = failure(call, { callId, now: run.now }, { kind, message }, call.repairs, run.now())
  emitEnd(run, call, result)
  return result
}

function emitEnd(run: RunState, call: ToolCall, result: ToolResult): void {
  const round = run.rounds
  const { id, status, content, clipped, durationMs, repairs, servedFrom } = result
  const tool = excerpt(result.name, 128)
  for (const repair of repairs) run.recorder.emit({ type: 'repair', round, id, tool, repair })
  run.recorder.emit({
    type: 'tool-end',
    round,
    id,
    tool,
    input: shownValue(call.input, 500),
    status,
    ...(result.status === 'error' ? { errorKind: result.error.kind } : {}),
    ...(servedFrom === undefined ? {} : { servedFrom }),
    result: excerpt(content, 1000),
    clipped,
    durationMs,
  })
}
