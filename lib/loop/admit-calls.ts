// Decides which calls of a reply run now: calls of tools without `execute` and calls that the caller holds back wait for a
// decision, and calls about which there is a decision get what it says.

import { errorResult, type PreparedCall, prepareCopy, valueResult } from '../../router/dispatch.ts'
import { errorMessage } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'
import { excerpt, limitFeedback } from '../../router/text/clip.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import type { Tool } from '../../router/tool.ts'
import type { ToolError } from '../../router/tool-call.ts'
import type { PendingCall } from './checkpoint.ts'
import { type CurrentCall, type CurrentReply, callIdOf, newCallIdOf } from './current-reply.ts'
import { type Approval, type CallToApprove, type Denial, problemOfReason } from './decisions.ts'
import { ApprovalError } from './errors.ts'
import type { WaitReason } from './limits.ts'
import { denied } from './loop-prompts.ts'
import { untilAborted } from './run-deadline.ts'
import { type ActiveRun, mayHaveSideEffects } from './run-state.ts'

/** A call whose input is known. */
interface ReadyCall extends Extract<PreparedCall, { kind: 'ready' }> {
  /** Idempotency key of the call with this input. */
  readonly callId: string
}

/**
 * Returns the calls that can be executed now. The others wait, or have their results. A call that cannot be executed at all,
 * because its input is invalid, is returned too: it gets its error when it is executed. The result is a promise only if a
 * call needs a decision.
 *
 * @throws {ApprovalError} if `approve` throws, or returns anything other than an approval.
 */
export function admitCalls(
  run: ActiveRun,
  reply: CurrentReply,
  calls: readonly CurrentCall[],
): readonly CurrentCall[] | Promise<readonly CurrentCall[]> {
  // Most calls need no decision, and preparing a call twice costs time.
  return calls.some(({ call }) => needsDecision(run, call)) ? decideAll(run, reply, calls) : calls
}

async function decideAll(
  run: ActiveRun,
  reply: CurrentReply,
  calls: readonly CurrentCall[],
): Promise<readonly CurrentCall[]> {
  const admitted: CurrentCall[] = []
  for (const one of calls) {
    const tool = run.router.tools.get(one.call.name)
    if (tool === undefined || !needsDecision(run, one.call) || (await isAdmitted(run, reply, one, tool))) {
      admitted.push(one)
    }
  }
  return admitted
}

function needsDecision({ approve, router }: ActiveRun, { name, waits, approved }: PendingCall): boolean {
  if (approve !== undefined || waits !== undefined || approved !== undefined) return true
  const tool = router.tools.get(name)
  return tool !== undefined && tool.execute === undefined
}

async function isAdmitted(run: ActiveRun, reply: CurrentReply, one: CurrentCall, tool: Tool): Promise<boolean> {
  const ready = await prepareCall(run, reply, one)
  if (one.call.waits !== undefined) return decide(run, one, tool, ready)
  // It gets its error when it is executed.
  if (ready === undefined) return true
  if (one.call.approved === true) {
    // An approval is about one input. A value in it may be another one after a crash.
    return ready.callId === one.call.call_id || wait(run, one, ready, 'approve')
  }
  if (tool.execute === undefined) return wait(run, one, ready, 'no_execute')
  const approval = await askApproval(run, one, ready)
  if (approval === 'pause') return wait(run, one, ready, 'approve')
  if (approval !== 'run') return deny(run, one, approval)
  one.call = { ...one.call, approved: true, call_id: ready.callId }
  return true
}

/** The call with its input; `undefined` if it cannot be executed. */
async function prepareCall(run: ActiveRun, reply: CurrentReply, one: CurrentCall): Promise<ReadyCall | undefined> {
  const references = reply.references.targetsOf(one.index)
  try {
    const options = { tools: run.router.tools, references, inputBytes: run.limits.inputBytes, limitsWork: true }
    const { prepared, pins } = await prepareCopy(one.call, options)
    if (prepared.kind === 'refused') return undefined
    return { ...prepared, callId: newCallIdOf(run, one, prepared.input, pins) }
  } catch {
    // A validator throws for a value that nests too deep. Executing the call gives the same error.
    return undefined
  }
}

/** Applies the decision about a call that waited before. Without one it keeps waiting. */
function decide(run: ActiveRun, one: CurrentCall, tool: Tool, ready: ReadyCall | undefined): boolean {
  const { waits: reason = 'approve', call_id: callId = '', ...call } = one.call
  const decision = Object.hasOwn(run.decisions, callId) ? run.decisions[callId] : undefined
  const decided = { ...call, call_id: callId }
  if (decision !== undefined && decision !== 'run') {
    one.call = decided
    return 'deny' in decision ? deny(run, one, decision) : setValue(run, one, tool, ready, decision.value)
  }
  // A value that its input refers to was lost, so nobody can decide about it any more.
  if (ready === undefined) {
    one.call = decided
    return true
  }
  // A decision is about one input. If the input is another one now, somebody needs to decide again.
  if (decision === undefined || ready.callId !== callId) return wait(run, one, ready, reason)
  one.call = { ...decided, approved: true }
  return true
}

function wait(run: ActiveRun, one: CurrentCall, { callId, tool, input }: ReadyCall, reason: WaitReason): false {
  const { approved: _, ...call } = one.call
  one.call = { ...call, waits: reason, call_id: callId }
  one.waiting = { id: one.call.id, callId, tool: tool.name, input, reason }
  run.state.pending[one.index] = one.call
  return false
}

function deny(run: ActiveRun, one: CurrentCall, { deny: reason }: Denial): false {
  const { call } = one
  const error: ToolError = { kind: 'denied', message: limitFeedback(denied(reason)) }
  const options = { callId: callIdOf(run, one, call.input), now: run.now, resultBytes: run.limits.resultBytes }
  one.result = errorResult(call, options, error, call.repairs, run.now())
  return false
}

function setValue(run: ActiveRun, one: CurrentCall, tool: Tool, ready: ReadyCall | undefined, value: unknown): false {
  const { call } = one
  const { input, repairs } = ready ?? call
  const options = { callId: callIdOf(run, one, input), now: run.now, resultBytes: run.limits.resultBytes }
  one.result = valueResult(call, { kind: 'ready', tool, input, repairs }, value, options)
  // Somebody has done the work of the tool, and a run that starts again would ask for it again.
  run.state.has_side_effects ||= mayHaveSideEffects(run.router, tool.name)
  return false
}

/** Asks the caller. If the run ends meanwhile, the call counts as approved, and is not started because the run has ended. */
async function askApproval(run: ActiveRun, one: CurrentCall, { callId, tool, input }: ReadyCall): Promise<Approval> {
  const { approve, deadline, state } = run
  if (approve === undefined || deadline.interruption !== undefined) return 'run'
  const call: CallToApprove = {
    id: one.call.id,
    callId,
    tool: tool.name,
    // A copy: the tool gets what the model asked for, whatever is done with this one.
    input,
    annotations: tool.annotations,
    round: state.rounds,
  }
  try {
    return checkedApproval(await untilAborted(deadline.signal, Promise.resolve(approve(call))))
  } catch (error) {
    if (deadline.interruption !== undefined) return 'run'
    const what = `approve failed for ${describeOption(tool.name)}: ${excerpt(errorMessage(error), 300)}`
    const hint = "It must return 'run', 'pause' or { deny: 'reason' }, and must not throw."
    throw new ApprovalError(`${what}. ${hint}`, error)
  }
}

/** Callers without TypeScript can return anything. */
function checkedApproval(approval: Approval): Approval {
  if (approval === 'run' || approval === 'pause') return approval
  const returned = `it returned ${describeOption(approval)}`
  if (!isObject(approval) || !('deny' in approval)) throw new TypeError(returned)
  const more = Object.keys(approval).find((name) => name !== 'deny')
  if (more !== undefined) throw new TypeError(`${returned}, and a denial has no member ${describeOption(more)}`)
  const problem = problemOfReason(approval.deny)
  if (problem !== undefined) throw new TypeError(`${returned}: its member ${problem.slice(1).replace(/\.$/, '')}`)
  return approval
}
