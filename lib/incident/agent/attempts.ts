import { canonicalJson, isObject, parseJson } from '../../../router/json/json.ts'
import type { ToolError, ToolErrorKind, ToolResult } from '../../../router/tool-call.ts'
import { compileQuick } from '../../../router/validation.ts'
import { fixPlanSchema } from '../../../tools/schemas/fix-plan.ts'
import type { FixPlan, Telemetry } from '../../../tools/types.ts'
import type { ChatMessage } from '../../loop/messages.ts'
import type { TraceEntry } from '../../loop/trace.ts'
import type { Attempt } from './agent-result.ts'
import { chainOf, referencedPlan } from './fix-chain.ts'
import { isNoChange } from './plan-check.ts'

/** The parts of a run that say which plans were tried. */
interface TriedRun {
  readonly results: readonly ToolResult[]
  readonly messages: readonly ChatMessage[]
  readonly trace: readonly TraceEntry[]
}

/** An attempt, and what makes two calls the same one. */
interface Tried extends Attempt {
  readonly key: string
}

/**
 * The plans that a run tried in the simulation, in the order of their first call. Calls with the same actions for the same
 * configuration are one attempt: a model often corrects a refused call, or asks again. The plan of the result is the last
 * attempt if nobody simulated it, as with a plan that changes nothing.
 *
 * @param final the plan of the result.
 */
export function attemptsOf(run: TriedRun, preTelemetry: Telemetry, final: FixPlan | null): Attempt[] {
  const calls = run.results.filter(({ name }) => name === 'apply_fix_simulation')
  const isFinal = ({ actions }: FixPlan) => final !== null && canonicalJson(actions) === canonicalJson(final.actions)
  // As in `fixChain`, the latest call counts.
  const applied = calls.findLast((call) => call.status === 'ok' && isFinal(chainOf(call, [], preTelemetry).plan))
  const byKey = new Map<string, Tried>()
  for (const call of calls) {
    const tried = triedBy(call, run, preTelemetry, call === applied)
    const earlier = byKey.get(tried.key)
    byKey.set(tried.key, earlier === undefined ? tried : merged(earlier, tried))
  }
  const attempts = [...byKey.values()].map(({ key: _, ...attempt }) => attempt)
  if (final === null || attempts.some(({ is_final }) => is_final)) return attempts
  const refused = attempts.findIndex(({ actions }) => canonicalJson(actions) === canonicalJson(final.actions))
  if (refused !== -1) return attempts.map((attempt, index) => ({ ...attempt, is_final: index === refused }))
  return [...attempts, notSimulated(final, run)]
}

/** A plan that was accepted counts more than the same plan when it was refused. */
function merged(earlier: Tried, later: Tried): Tried {
  const counts = wasApplied(later) || !wasApplied(earlier) ? later : earlier
  return { ...counts, round: earlier.round, is_final: earlier.is_final || later.is_final }
}

function wasApplied({ status }: Attempt): boolean {
  return status !== 'refused'
}

function triedBy(call: ToolResult, run: TriedRun, preTelemetry: Telemetry, isFinal: boolean): Tried {
  const round = roundOf(call, run)
  if (call.status === 'error') {
    const { summary, actions } = planIn(call, run)
    const key = actions.length === 0 ? `call ${call.callId}` : keyOf(actions, undefined)
    return { round, summary, actions, ...refusal(call.error), is_final: isFinal, key }
  }
  const { plan, fixResult, validation } = chainOf(call, run.results, preTelemetry)
  const reasons = fixResult.not_predicted ?? ['No telemetry of this plan was compared with that of the incident.']
  return {
    round,
    summary: plan.summary,
    actions: plan.actions,
    status: validation?.status ?? 'not_validated',
    text: validation?.summary ?? reasons.join(' '),
    is_final: isFinal,
    key: keyOf(plan.actions, call.input),
  }
}

/** Actions change the configuration that they are applied to, which can be that of an earlier plan. */
function keyOf(actions: Attempt['actions'], input: unknown): string {
  const config = isObject(input) ? input['current_config'] : undefined
  const id = isObject(config) ? String(config['config_id']) : ''
  return `${id.endsWith('/initial') ? '' : id} ${canonicalJson(actions)}`
}

/** Errors that say nothing about the plan: the call was not executed, or its tool did not end. */
const notExecuted: ReadonlySet<ToolErrorKind> = new Set<ToolErrorKind>([
  'truncated_call',
  'too_many_calls',
  'timeout',
  'cancelled',
  'outcome_unknown',
  'ended_process',
  'not_recorded',
  'denied',
  'no_execute',
])

function refusal({ kind, message }: ToolError): Pick<Attempt, 'status' | 'text'> {
  return { status: notExecuted.has(kind) ? 'not_validated' : 'refused', text: message }
}

const hasActions = compileQuick(fixPlanSchema.properties.actions)

function areActions(value: unknown): value is FixPlan['actions'] {
  return hasActions(value).length === 0
}

/** The plan in the arguments of a call that failed. Its result has no input. */
function planIn(call: ToolResult, { messages, results }: TriedRun): Pick<Attempt, 'summary' | 'actions'> {
  const calls = messages.flatMap(({ tool_calls }) => tool_calls ?? [])
  const written = sameCall(call, results, calls)?.function?.arguments
  const input = typeof written === 'string' ? parseJson(written) : undefined
  const plan = isObject(input) ? referencedPlan(input['fix_plan'], results) : undefined
  const { summary, actions } = isObject(plan) ? plan : {}
  return { summary: typeof summary === 'string' ? summary : '', actions: areActions(actions) ? actions : [] }
}

/** The plan of a result whose actions no call has. */
function notSimulated(plan: FixPlan, { trace }: TriedRun): Attempt {
  const why = isNoChange(plan) ? 'It changes nothing, so it needs no simulation.' : 'It was not simulated.'
  return {
    round: trace.flatMap((entry) => (entry.type === 'reply' ? [entry.round] : [])).at(-1) ?? null,
    summary: plan.summary,
    actions: plan.actions,
    status: 'not_validated',
    text: why,
    is_final: true,
  }
}

function roundOf(call: ToolResult, { results, trace }: TriedRun): number | null {
  const ends = trace.flatMap((entry) => (entry.type === 'tool-end' ? [entry] : []))
  return sameCall(call, results, ends)?.round ?? null
}

/**
 * The record of a call in another list of all calls. An id can occur in several replies, so its occurrences are counted:
 * from the end, because the start of a trace may be left out.
 */
function sameCall<Recorded extends { readonly id?: unknown }>(
  call: ToolResult,
  results: readonly ToolResult[],
  list: readonly Recorded[],
): Recorded | undefined {
  const later = results.slice(results.indexOf(call) + 1).filter(({ id }) => id === call.id).length
  return list.filter(({ id }) => id === call.id).at(-1 - later)
}
