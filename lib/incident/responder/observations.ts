import { isObject, parseJson, type UnknownObject } from '../../../router/json/json.ts'
import { jsonSpans } from '../../../router/json/json-scan.ts'
import { matchedPart } from '../../../tools/logs/log-rules.ts'
import { unknown } from '../../../tools/scenario-source.ts'
import type { FixAction, FixPlan } from '../../../tools/types.ts'
import { objectsOf } from '../../testing/mock-server/request.ts'
import type { Quote } from '../agent/agent-result.ts'
import { type Conversation, latest, numberAt, quoteText, type ToolMessage, textAt, valueAt } from './conversation.ts'

/** The facts that the tools have returned so far, under the names that the rules use. */
export interface Observations {
  /** The conversation that the facts come from. */
  readonly conversation: Conversation
  /** Latest result of `fetch_config`. */
  readonly config: ToolMessage | undefined
  /** Latest result of `fetch_runtime_state`. */
  readonly runtime: ToolMessage | undefined
  /** Latest result of `analyze_metrics`. */
  readonly analysis: ToolMessage | undefined
  /** Latest result of `fetch_system_logs`. */
  readonly systemLogs: ToolMessage | undefined
  /** Latest result of `fetch_prometheus_metrics`. */
  readonly page: ToolMessage | undefined
  /** Latest result of `fetch_vllm_logs`. */
  readonly vllmLogs: ToolMessage | undefined
  /** Kind of the hotspot that `analyze_metrics` found. */
  readonly hotspot: string | undefined
  /** Workers that make no progress, by `fetch_runtime_state`. */
  readonly stuckWorkers: number
  /** Failures in the logs: system logs first, because hardware errors cause engine errors. */
  readonly failures: readonly Failure[]
  /** Those failures that the log tools consider possible causes. */
  readonly causes: readonly Failure[]
}

/** An entry of `findings` in the result of a log tool: lines with the same message. */
interface Failure {
  /** The result that contains it. */
  readonly result: ToolMessage
  /** Its role, as in the result, for example `cause_candidate`. */
  readonly kind: unknown
  /** Class of the failure, for example `linux_oom_kill`. */
  readonly class: string
  /** Its message and its first line. They are untrusted: rules quote only parts that match a known pattern. */
  readonly texts: readonly string[]
  /** Number of lines. */
  readonly count: number
  /** Whether all lines are from before the incident. */
  readonly isEarlier: boolean
}

/** Collects the latest facts from a conversation. */
export function observe(conversation: Conversation): Observations {
  const analysis = latest(conversation, 'analyze_metrics')
  const runtime = latest(conversation, 'fetch_runtime_state')
  const systemLogs = latest(conversation, 'fetch_system_logs')
  const vllmLogs = latest(conversation, 'fetch_vllm_logs')
  const failures = [systemLogs, vllmLogs].flatMap((result) => (result === undefined ? [] : failuresIn(result)))
  return {
    conversation,
    config: latest(conversation, 'fetch_config'),
    runtime,
    analysis,
    systemLogs,
    vllmLogs,
    page: latest(conversation, 'fetch_prometheus_metrics'),
    hotspot: textAt(analysis, ['hotspot', 'kind']),
    stuckWorkers: numberAt(runtime, ['worker_health', 'stuck']) ?? 0,
    failures,
    causes: failures.filter(({ kind }) => kind === 'cause_candidate'),
  }
}

function failuresIn(result: ToolMessage): readonly Failure[] {
  const errors = isObject(result.value) ? objectsOf(result.value['findings']) : completeObjects(result.text)
  return errors.map((error) => ({
    result,
    kind: error['kind'],
    class: String(error['class']),
    texts: [error['message'], error['line'], error['last_line']].filter((text) => typeof text === 'string'),
    count: typeof error['count'] === 'number' ? error['count'] : 1,
    isEarlier: error['is_earlier'] === true,
  }))
}

/** The objects that a clipped text still contains completely, on their own or in an array. */
function completeObjects(text: string): readonly UnknownObject[] {
  return jsonSpans(text).flatMap(({ start, end }) => {
    const value = parseJson(text.slice(start, end))
    return isObject(value) ? [value] : objectsOf(value)
  })
}

/** An engine argument as a number. If it is not set, the effective value that `fetch_config` reports. */
export function engineNumber(observed: Observations, name: string): number | undefined {
  const set = engineArgument(observed, name)
  return typeof set === 'number' ? set : numberAt(observed.config, ['runtime', name])
}

/** An engine argument as the configuration sets it, or as the metrics page of the engine states it. */
export function engineArgument({ config }: Observations, name: string): unknown {
  return valueAt(config, ['config', 'engine_args', name]) ?? valueAt(config, ['cache_config', name])
}

/** A failure that a rule applies to. */
interface FoundFailure {
  /** Match of the rule's pattern, with its groups; `undefined` if the lines of the class do not match it. */
  readonly match: RegExpExecArray | undefined
  /** The matched part alone, so that nothing else of the line reaches the answer. */
  readonly evidence: readonly Quote[]
  /** The text that the match is in. */
  readonly text: string
}

/**
 * The first failure of one of the classes. One whose text matches the pattern takes precedence.
 *
 * @param pattern the part to quote, with groups for its numbers. Without a match, the quote is the part by which the log
 * tool recognised the class.
 */
export function findFailure(
  failures: readonly Failure[],
  classes: readonly string[],
  pattern?: RegExp,
): FoundFailure | undefined {
  const found = failures.filter((failure) => classes.includes(failure.class)).map((failure) => quoted(failure, pattern))
  return found.find(({ match }) => match !== undefined) ?? found[0]
}

/** A recognised part contains text between its words in a few patterns. More of it is not needed as evidence. */
const maxQuoteLength = 80

function quoted({ result, class: name, texts }: Failure, pattern: RegExp | undefined): FoundFailure {
  for (const text of texts) {
    const match = pattern?.exec(text)
    if (match) return { match, evidence: quoteText(result, match[0]), text }
  }
  const text = texts[0] ?? ''
  const part = matchedPart(text, name)?.slice(0, maxQuoteLength) ?? ''
  return { match: undefined, evidence: quoteText(result, part), text }
}

/** A possible explanation of the incident, with the fixes that follow from it. */
export interface Hypothesis {
  /** The class of the cause, for example `kv_cache`. */
  readonly category: string
  /** The cause, in one sentence. */
  readonly rootCause: string
  /** Quotes from tool results that support it. */
  readonly evidence: readonly Quote[]
  /** Fixes to try, best first. */
  readonly plans: readonly FixPlan[]
  /** Facts that the data does not show. */
  readonly uncertainties: readonly string[]
  /** Whether the deciding fact was not observed, so that the cause is only the most likely one. @defaultValue false */
  readonly isInferred?: boolean
}

/** Returns a hypothesis if the rule applies to the observations. */
export type Rule = (observed: Observations) => Hypothesis | undefined

/** Moves the engine to a spare node; `undefined` if the current node is not known, or no file states a spare one. */
export function drainNode({ config }: Observations): FixPlan | undefined {
  const spare = valueAt(config, ['config', 'placement', 'spare_nodes'])
  const next = objectsOf(spare)[0]?.['node']
  const node = textAt(config, ['config', 'placement', 'node'])
  const isKnown = node !== undefined && node !== unknown && !isNotStated(config, 'placement.node')
  const drain: FixAction | undefined = isKnown ? { action: 'drain_node', node } : undefined
  const risks = ['The other node needs the same capacity.']
  const rationale =
    typeof next === 'string' ? `${next} is the first spare node of the configuration (fetch_config, spare_nodes).` : ''
  return plan('Drain the node and serve from another one.', [drain], risks, rationale)
}

/** Restarts the engine, as the last step of a plan or as the whole plan. */
export const restart = { action: 'restart_engine' } as const satisfies FixAction

/**
 * A plan; `undefined` if a value is missing that one of its actions needs.
 *
 * @param rationale where its values come from, in one sentence; empty if that is clear.
 */
export function plan(
  summary: string,
  actions: readonly (FixAction | undefined)[],
  risks: readonly string[] = [],
  rationale = '',
): FixPlan | undefined {
  const complete = actions.filter((action) => action !== undefined)
  if (complete.length < actions.length) return undefined
  return { summary, actions: complete, risks, ...(rationale === '' ? {} : { rationale }) }
}

/** Whether no file of the incident states a member of the configuration. */
export function isNotStated(config: ToolMessage | undefined, path: string): boolean {
  const paths = valueAt(config, ['not_stated'])
  return Array.isArray(paths) && paths.includes(path)
}

/**
 * The complete plans. If all are incomplete, a person must decide.
 *
 * @param advice what that person should do, in one sentence.
 */
export function completePlans(plans: readonly (FixPlan | undefined)[], advice?: string): readonly FixPlan[] {
  const complete = plans.filter((one) => one !== undefined)
  return complete.length > 0 ? complete : [personDecides(advice)]
}

/** A plan without a change, because its values are not known. */
function personDecides(advice?: string): FixPlan {
  const reason = 'A value that the fix needs is not known, so a person must decide.'
  const actions: FixAction[] = [{ action: 'no_change', reason: advice === undefined ? reason : `${reason} ${advice}` }]
  return { summary: `A person must decide.${advice === undefined ? '' : ` ${advice}`}`, actions, risks: [] }
}

/** A plan that changes nothing, with its reason. */
export function noChange(reason: string): FixPlan {
  return { summary: 'Change nothing.', actions: [{ action: 'no_change', reason }], risks: [] }
}
