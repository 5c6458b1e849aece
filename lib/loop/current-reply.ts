// The calls of the last reply while they get their results. Calls that refer to results of other calls of the reply run
// after these, so the calls run in waves.

import { canonicalJson } from '../../router/json/json.ts'
import type { ToolCall, ToolError, ToolResult } from '../../router/tool-call.ts'
import type { CallIdentity, FinishedCall } from './call-history.ts'
import type { PendingCall } from './checkpoint.ts'
import type { WaitingCall } from './decisions.ts'
import { digest } from './digest.ts'
import { isLost, wasExecuted } from './repetition.ts'
import { ReplyReferences } from './reply-references.ts'
import { lostValues, restorePending } from './restore-checkpoint.ts'
import type { ActiveRun } from './run-state.ts'

/** A call of the current reply. */
export interface CurrentCall {
  /** The call as the state had it when the reply was opened, and what has been decided about it since. */
  call: PendingCall
  /** Position in the reply. */
  readonly index: number
  /** Indexes of the calls of the reply that it refers to. Each is lower than its own. */
  dependencies: readonly number[]
  /** Calls with the same key get the same result. Calls of a polling tool never have the same key. */
  key: string
  /** Equal for calls with the same tool and input, of polling tools too. It is made when the call is ready to run. */
  identity: CallIdentity
  /** Whether it was given to its tool, or was about to be. */
  isFresh: boolean
  /** Why the call is not executed; `undefined` if it is executed, or gets the result of an identical call. */
  refusal: ToolError | undefined
  /** Set if it waits for a decision. Then it gets no result in this process. */
  waiting: WaitingCall | undefined
  /** Its result; `undefined` while it has none. */
  result: ToolResult | undefined
}

/** The calls of the current reply, and what is known about them while they run. */
export interface CurrentReply {
  /** All calls in order. */
  readonly calls: readonly CurrentCall[]
  /** The targets of their references. */
  readonly references: ReplyReferences
  /** The first call of each key. Identical calls get its result. */
  readonly firstOf: Map<string, CurrentCall>
  /** Calls whose tools were started by this process. */
  readonly started: Set<ToolCall>
}

/** Opens the pending calls of the state. Those that an earlier process finished have their results. */
export function openReply(run: ActiveRun): CurrentReply | Promise<CurrentReply> {
  const calls = run.state.pending.map(
    (call, index): CurrentCall => ({
      call,
      index,
      dependencies: [],
      key: '',
      identity: unknownIdentity,
      isFresh: false,
      refusal: undefined,
      waiting: undefined,
      result: undefined,
    }),
  )
  const references = new ReplyReferences(calls, run.history)
  for (const one of calls) one.dependencies = references.dependenciesOf(one.index)
  const reply: CurrentReply = { calls, references, firstOf: new Map(), started: new Set() }
  // Only a resumed run has such calls, and a promise costs time.
  return calls.some(({ call }) => call.result !== undefined) ? withResults(run, reply) : reply
}

const unknownIdentity: CallIdentity = { key: '' }

/** Restores the results of an earlier process. */
async function withResults(run: ActiveRun, reply: CurrentReply): Promise<CurrentReply> {
  const { calls, firstOf } = reply
  // In order, because a call needs the results that it refers to or repeats, and both come before it.
  const lost: string[] = []
  for (const one of calls) {
    const { call, index } = one
    if (call.result === undefined) continue
    one.key = call.result.key
    one.identity = { key: one.key }
    one.result = await restorePending(run, call, call.result, finishedCalls(calls.slice(0, index)))
    if (call.result.dropped === 'value' && isLost(one.result)) lost.push(`${call.id} (${call.name})`)
    if (!firstOf.has(one.key)) firstOf.set(one.key, one)
  }
  if (lost.length > 0) run.recorder.warn('resumeFrom', lostValues(lost))
  return reply
}

/**
 * The calls that can run now: they have no result, and the calls that they refer to have one. A call that waits for a
 * decision gets no result, so the calls that refer to it or repeat it wait, too.
 */
export function readyCalls({ calls, firstOf, references }: CurrentReply): readonly CurrentCall[] {
  const isFinished = (index: number) => calls[index]?.result !== undefined
  const isFailed = (index: number) => calls[index]?.result?.status === 'error'
  const hasSources = (one: CurrentCall) => {
    if (!one.dependencies.every(isFinished)) return false
    if (!one.dependencies.some(isFailed)) return true
    one.dependencies = references.dependenciesOf(one.index)
    return one.dependencies.every(isFinished)
  }
  const isReady = (one: CurrentCall) =>
    one.result === undefined &&
    one.waiting === undefined &&
    firstOf.get(one.key)?.waiting === undefined &&
    hasSources(one)
  // Mostly all are ready, and another list costs more than this test.
  return calls.every(isReady) ? calls : calls.filter(isReady)
}

/** Sets the identity of a call, which depends on the results that it refers to. */
export function identify(run: ActiveRun, { references }: CurrentReply, one: CurrentCall): void {
  const { call, index } = one
  // `idempotentHint: false` marks a tool that is called with the same input on purpose, such as one that polls.
  const polls = run.router.tools.get(call.name)?.annotations.idempotentHint === false
  one.identity = run.history.identify(call, (nameOrId) => references.resultOf(nameOrId, index))
  one.key = polls ? `${one.identity.key} ${run.state.rounds}/${index}` : one.identity.key
}

/**
 * The idempotency key of a call: `<run>/<round>/<index>/<hash of tool and input>`. After a resume the same input gives the
 * same key. If the model was asked again and replied with another input, the key is another one, so that nobody takes the
 * second call for the first.
 *
 * @param pins short texts for large values in the input. Writing these as JSON would block the process.
 */
export function callIdOf(
  run: ActiveRun,
  one: CurrentCall,
  input: unknown,
  pins?: ReadonlyMap<unknown, string>,
): string {
  return one.call.call_id ?? newCallIdOf(run, one, input, pins)
}

/** The idempotency key of a call with this input, whatever the key was that somebody has decided about. */
export function newCallIdOf(
  { state }: ActiveRun,
  { call, index, identity }: CurrentCall,
  input: unknown,
  pins?: ReadonlyMap<unknown, string>,
): string {
  // Most inputs reach their tool as the model wrote them, and then their canonical JSON is known.
  const known = input === call.input ? identity.inputJson : undefined
  const json = known ?? canonicalJson(input, pins && ((value) => pins.get(value)))
  return `${state.run_id}/${state.rounds}/${index}/${digest(`${call.name} ${json}`)}`
}

/** The calls that have a result, in order. */
export function finishedCalls(calls: readonly CurrentCall[]): readonly FinishedCall[] {
  return calls.flatMap((one) => finishedCall(one) ?? [])
}

/** A call with its result; `undefined` while it has none. */
export function finishedCall({ call, key, identity, result }: CurrentCall): FinishedCall | undefined {
  // A polling call that never reached its tool was not a poll. Repeating it is a repetition.
  return result && { call, result, key: wasExecuted(result) ? key : identity.key }
}
