import { excerpt } from '../../router/clip.ts'
import { failure } from '../../router/dispatch.ts'
import type { ToolCall, ToolErrorKind, ToolResult } from '../../router/tool-call.ts'
import type { RunState } from './run-state.ts'
import { earlierResult } from './wording.ts'

/** How often an identical call may be asked for before the model is asked for its answer instead. */
const maxIdentical = 3

/**
 * Gives every pending call its result, in order: executed, or served from an identical earlier call. After a resume
 * (`resumed`), a call that may already have had its effect is sealed instead of being run again.
 */
export async function runCalls(run: RunState, resumed: boolean): Promise<void> {
  const calls = run.pending
  const callId = (index: number) => `${run.runId}/${run.rounds}/${index}`
  const results = new Array<ToolResult>(calls.length)
  const fresh: { readonly call: ToolCall; readonly index: number; readonly key: string }[] = []
  const repeats: typeof fresh = []
  const keys = new Set<string>()
  for (const [index, call] of calls.entries()) {
    const key = run.ledger.keyOf(call)
    const polls = run.router.tools.get(call.name)?.annotations.idempotentHint === false
    const seen = !polls && (keys.has(key) || run.ledger.has(key))
    keys.add(key)
    if (resumed && !isRepeatable(run, call)) results[index] = sealed(run, call, callId(index))
    else (seen ? repeats : fresh).push({ call, index, key: polls ? `${key} ${callId(index)}` : key })
  }
  const executed = await run.router.dispatch(
    fresh.map(({ call }) => call),
    {
      references: run.ledger,
      signal: run.scope.signal,
      timeoutMs: Math.max(1, run.scope.remainingMs()),
      concurrency: run.limits.concurrency,
      maxCalls: Math.max(0, Math.min(run.limits.callsPerRound, run.limits.calls - run.ledger.results.length)),
      resultBytes: run.limits.resultBytes,
      callId: (_, position) => callId(fresh[position]?.index ?? position),
      now: run.now,
      onStart: ({ id, name }, key) =>
        run.recorder.emit({ type: 'tool-start', round: run.rounds, id, callId: key, tool: name }),
      onEnd: (result, call) => emitEnd(run, call, result),
    },
  )
  for (const [position, { index, key }] of fresh.entries()) {
    const result = executed[position]
    if (result === undefined) continue
    results[index] = result
    record(run, result, key)
  }
  for (const { call, index, key } of repeats) {
    const earlier = run.ledger.repeated(key)
    // The call it repeats stood in the same reply and failed in a way that may pass: it gets the same error.
    const source = earlier?.result ?? results[calls.findIndex((other) => run.ledger.keyOf(other) === key)]
    if (source === undefined) continue
    results[index] = earlierResult(call, source, callId(index))
    emitEnd(run, call, results[index])
    if ((earlier?.times ?? 0) >= maxIdentical) run.closing ??= 'repetition'
  }
  run.pending = []
  run.transcript.results(results)
}

function record(run: RunState, result: ToolResult, key: string): void {
  run.ledger.add(result, key)
  run.recorded.push({ key, result })
}

/** Read-only and idempotent tools may run twice; of any other nobody knows what the interrupted call did. */
function isRepeatable(run: RunState, call: ToolCall): boolean {
  const annotations = run.router.tools.get(call.name)?.annotations
  return annotations === undefined || annotations.readOnlyHint === true || annotations.idempotentHint === true
}

function sealed(run: RunState, call: ToolCall, callId: string): ToolResult {
  const result = refuse(
    run,
    call,
    callId,
    'outcome_unknown',
    'The process stopped while this call was running: whether it took effect is unknown.',
  )
  record(run, result, `${run.ledger.keyOf(call)} ${callId}`)
  return result
}

export function refuse(
  run: RunState,
  call: ToolCall,
  callId: string,
  kind: ToolErrorKind,
  message: string,
): ToolResult {
  const result = failure(call, { callId, now: run.now }, { kind, message }, call.repairs, run.now())
  emitEnd(run, call, result)
  return result
}

function emitEnd(run: RunState, call: ToolCall, result: ToolResult): void {
  const { id, name: tool, status, content, clipped, durationMs, repairs } = result
  const round = run.rounds
  for (const repair of repairs) run.recorder.emit({ type: 'repair', round, id, tool, repair })
  run.recorder.emit({
    type: 'tool-end',
    round,
    id,
    tool,
    input: excerpt(JSON.stringify(call.input) ?? '{}', 500),
    status,
    ...(result.status === 'error' ? { errorKind: result.error.kind } : {}),
    result: excerpt(content, 1000),
    clipped,
    durationMs,
  })
}
