// Calls that wait for a decision: what the caller is asked, and what the caller answers.

import { checkedOutput } from '../../router/dispatch.ts'
import { errorMessage } from '../../router/errors.ts'
import { findUnserializable, isObject } from '../../router/json/json.ts'
import type { Router } from '../../router/router.ts'
import { excerpt } from '../../router/text/clip.ts'
import { closest, suggestName } from '../../router/text/closest.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import type { ToolAnnotations } from '../../router/tool.ts'
import type { Checkpoint, PendingCall } from './checkpoint.ts'
import { LoopError } from './errors.ts'
import type { WaitReason } from './limits.ts'

/** A call that `approve` decides about. */
export interface CallToApprove {
  /** Id of the call in the messages. */
  readonly id: string
  /** Idempotency key that the tool gets: unique, and the same after a resume. It is also the key in `decisions`. */
  readonly callId: string
  /** Name of the tool. */
  readonly tool: string
  /** The validated input with its references resolved, as the tool gets it. */
  readonly input: unknown
  /** The hints of the tool. */
  readonly annotations: ToolAnnotations
  /** Number of the round, from 1. */
  readonly round: number
}

/**
 * Answer of `approve`.
 *
 * - `run`: the call is executed.
 * - `pause`: the call waits. The other calls of the reply are executed, then the run ends as `paused`.
 * - `deny`: the call is not executed. The model gets an error of the kind `denied` with the reason.
 */
export type Approval = 'run' | 'pause' | Denial

/** Refuses a call. */
export interface Denial {
  /** The reason, for the model. */
  readonly deny: string
}

/** A call that waits for a decision. */
export interface WaitingCall {
  /** Id of the call in the messages. */
  readonly id: string
  /** Key of the decision in `decisions`, and idempotency key of the call. */
  readonly callId: string
  /** Name of the tool. */
  readonly tool: string
  /** The validated input with its references resolved. */
  readonly input: unknown
  /** Why it waits. */
  readonly reason: WaitReason
}

/**
 * A decision about a call that waits.
 *
 * - `run`: the tool is executed. A tool without `execute` cannot be.
 * - `deny`: the model gets an error of the kind `denied` with the reason.
 * - `value`: the call was done elsewhere, and this is its result. It must fit the tool's `outputSchema`.
 */
export type Decision = 'run' | Denial | { readonly value: unknown }

/**
 * Checks the form of `decisions`. Whether they fit the calls that wait is checked with the checkpoint.
 *
 * @throws {LoopError} `invalid_option` that names the decision and its value.
 */
export function checkDecisions(decisions: Readonly<Record<string, unknown>>): void {
  for (const [callId, decision] of Object.entries(decisions)) {
    const problem = problemOf(decision)
    if (problem !== undefined) throw invalidDecision(callId, problem)
  }
}

/**
 * Checks decisions against the calls of a checkpoint. A decision about a call that has been decided about is not used, but it
 * is not wrong: after a crash the caller gives the same decisions again.
 *
 * @throws {LoopError} `invalid_option` that names the decision, if it is about a call that the run never had, or if the call
 *   cannot get it; that names the call, if the tool of a call that waits is missing.
 */
export function assertFits(
  decisions: Readonly<Record<string, Decision>>,
  { run_id, pending, results }: Checkpoint,
  { tools }: Router,
): void {
  const ofReply = pending.flatMap(({ result }) => result?.call_id ?? [])
  for (const { name, call_id, waits, result } of pending) {
    if (waits === undefined || result !== undefined || tools.has(name)) continue
    const decision = decisions[call_id ?? '']
    if (isObject(decision) && 'deny' in decision) continue
    const [id, tool] = [call_id, name].map(describeOption)
    throw new LoopError(
      'invalid_option',
      `The call ${id} waits for the tool ${tool}, which is not in tools. Pass it again.`,
    )
  }
  const finished = new Set([...results.map(({ call_id }) => call_id), ...ofReply])
  for (const [callId, decision] of Object.entries(decisions)) {
    const call = pending.find(({ call_id }) => call_id === callId)
    if (call === undefined && finished.has(callId)) continue
    if (call === undefined) throw invalidDecision(callId, unknownCall(callId, run_id, pending))
    const tool = call.waits === undefined ? undefined : tools.get(call.name)
    if (tool === undefined) continue
    if (decision === 'run' && tool.execute === undefined) {
      const advice = "pass { value: … } with its result, or { deny: 'reason' }"
      throw invalidDecision(callId, ` is "run", but "${tool.name}" has no execute; ${advice}.`)
    }
    if (!isObject(decision) || !('value' in decision)) continue
    const output = checkedOutput(tool, decision.value)
    if (output.kind === 'invalid') throw invalidDecision(callId, `.value: ${output.error.message}`)
  }
}

/** The id of a run, of a key that is made by callIdOf. */
const runOfKey = /^(.+)\/\d+\/\d+\/[0-9a-f]{16}$/s

function unknownCall(callId: string, runId: string, pending: readonly PendingCall[]): string {
  const otherRun = runOfKey.exec(callId)?.[1]
  if (otherRun !== undefined && otherRun !== runId) {
    const [one, other] = [otherRun, runId].map((id) => describeOption(excerpt(id, 128)))
    return ` is about a call of the run ${one}, but resumeFrom is a checkpoint of the run ${other}.`
  }
  const sameId = pending.find(({ id, call_id }) => id === callId && call_id !== undefined)
  if (sameId !== undefined) return ` has the id of a call; use its callId ${describeOption(sameId.call_id)}.`
  const waiting = pending.flatMap(({ call_id, waits }) => (waits === undefined || call_id === undefined ? [] : call_id))
  const hint = waiting.length === 0 ? 'No call waits.' : suggestName(callId, waiting, 'The calls that wait are')
  return ` is about a call that this run never had. ${hint}`
}

/**
 * The error for a decision that cannot be used.
 *
 * @param problem a predicate, such as `is "no"; it must be …`.
 */
function invalidDecision(callId: string, problem: string): LoopError {
  return new LoopError('invalid_option', `decisions[${describeOption(callId)}]${problem}`)
}

const forms = "it must be 'run', { deny: 'reason' } or { value: … }"

/** The problem of a decision, as the end of a sentence that begins with its name; `undefined` if it has none. */
function problemOf(decision: unknown): string | undefined {
  if (decision === 'run') return undefined
  if (decision === 'pause') return ' is "pause"; leave the call out of decisions to keep it waiting.'
  if (typeof decision === 'string') {
    const similar =
      decision === 'deny' || decision === 'value' ? undefined : closest(decision, ['run', 'deny', 'value'])
    return ` is ${describeOption(decision)}; ${forms}.${similar === undefined ? '' : ` Did you mean "${similar}"?`}`
  }
  if (!isObject(decision)) return ` is ${describeOption(decision)}; ${forms}.`
  const [name, ...more] = Object.keys(decision)
  if (name === undefined || more.length > 0) return ` is ${describeOption(decision)}; ${forms}.`
  if (name === 'deny') return problemOfReason(decision['deny'])
  if (name !== 'value')
    return `.${name} is not a decision. ${suggestName(name, ['deny', 'value'], 'Decisions are run,')}`
  return problemOfValue(decision['value'])
}

/** The problem of the reason of a denial, for `decisions` and `approve`. */
export function problemOfReason(reason: unknown): string | undefined {
  if (typeof reason === 'string' && reason.trim() !== '') return undefined
  return `.deny is ${describeOption(reason)}; it must be a text that tells the model the reason.`
}

function problemOfValue(value: unknown): string | undefined {
  if (value === undefined) return '.value is undefined; for a tool that returns nothing, pass null.'
  try {
    const problem = findUnserializable(value)
    return problem === undefined ? undefined : `.value contains ${problem}.`
  } catch (error) {
    // A getter throws.
    return `.value cannot be read: ${excerpt(errorMessage(error), 200)}.`
  }
}
