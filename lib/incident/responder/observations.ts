import { isObject, parseJson } from '../../../router/json/json.ts'
import { jsonSpans } from '../../../router/json/json-scan.ts'
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
  /** Latest result of `fetch_vllm_logs`. */
  readonly vllmLogs: ToolMessage | undefined
  /** Latest result of `fetch_system_logs`. */
  readonly systemLogs: ToolMessage | undefined
  /** Kind of the hotspot that `analyze_metrics` found. */
  readonly hotspot: string | undefined
  /** Workers that make no progress, by `fetch_runtime_state`. */
  readonly stuckWorkers: number
  /** Log lines that may be a cause: system logs first, because hardware errors cause engine errors. */
  readonly candidates: readonly CauseCandidate[]
}

/** A log line that its tool classified as a possible cause. Its text is untrusted: the rules only quote known patterns. */
interface CauseCandidate {
  readonly result: ToolMessage
  readonly texts: readonly string[]
}

/** Collects the latest facts from a conversation. */
export function observe(conversation: Conversation): Observations {
  const analysis = latest(conversation, 'analyze_metrics')
  const runtime = latest(conversation, 'fetch_runtime_state')
  const vllmLogs = latest(conversation, 'fetch_vllm_logs')
  const systemLogs = latest(conversation, 'fetch_system_logs')
  return {
    conversation,
    config: latest(conversation, 'fetch_config'),
    runtime,
    analysis,
    vllmLogs,
    systemLogs,
    hotspot: textAt(analysis, ['hotspot', 'kind']),
    stuckWorkers: numberAt(runtime, ['worker_health', 'stuck']) ?? 0,
    candidates: [systemLogs, vllmLogs].flatMap((result) => (result === undefined ? [] : candidatesIn(result))),
  }
}

function candidatesIn(result: ToolMessage): readonly CauseCandidate[] {
  const errors = isObject(result.value) ? objectsOf(result.value['errors']) : completeObjects(result.text)
  return errors
    .filter(({ kind }) => typeof kind === 'string' && kind.startsWith('cause'))
    .map((error) => ({ result, texts: Object.values(error).filter((value) => typeof value === 'string') }))
}

/** The objects that a clipped text still contains completely, on their own or in an array. */
function completeObjects(text: string): readonly { readonly [key: string]: unknown }[] {
  return jsonSpans(text).flatMap(({ start, end }) => {
    const value = parseJson(text.slice(start, end))
    return isObject(value) ? [value] : objectsOf(value)
  })
}

/** An engine argument as a number. If it is not set, the effective value that `fetch_config` reports. */
export function engineNumber({ config }: Observations, name: string): number | undefined {
  return numberAt(config, ['config', 'engine_args', name]) ?? numberAt(config, ['runtime', name])
}

/** An engine argument as the configuration sets it. */
export function engineArgument({ config }: Observations, name: string): unknown {
  return valueAt(config, ['config', 'engine_args', name])
}

/** A cause candidate that matches a pattern. */
export interface CandidateMatch {
  /** Match of the pattern, with its groups. */
  readonly match: RegExpExecArray
  /** The matched part alone, so that nothing else of the line reaches the answer. */
  readonly evidence: readonly Quote[]
  /** The whole text that matched. */
  readonly text: string
}

/** Every cause candidate that matches, in order. */
export function matchAll({ candidates }: Observations, pattern: RegExp): readonly CandidateMatch[] {
  return candidates.flatMap(({ result, texts }) =>
    texts.flatMap((text) => {
      const match = pattern.exec(text)
      return match === null ? [] : [{ match, evidence: quoteText(result, match[0]), text }]
    }),
  )
}

/** The first cause candidate that matches. */
export function matchFirst(observed: Observations, pattern: RegExp): CandidateMatch | undefined {
  return matchAll(observed, pattern)[0]
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
}

/** Returns a hypothesis if the rule applies to the observations. */
export type Rule = (observed: Observations) => Hypothesis | undefined

/** Moves the engine to a spare node; `undefined` if the current node is not known. */
export function drainNode({ config }: Observations): FixPlan | undefined {
  const node = textAt(config, ['config', 'placement', 'node'])
  const drain: FixAction | undefined = node === undefined ? undefined : { action: 'drain_node', node }
  return plan('Drain the node and serve from another one.', [drain], ['The other node needs the same capacity.'])
}

/** Restarts the engine, as the last step of a plan or as the whole plan. */
export const restart = { action: 'restart_engine' } as const satisfies FixAction

/** A plan; `undefined` if a value is missing that one of its actions needs. */
export function plan(
  summary: string,
  actions: readonly (FixAction | undefined)[],
  risks: readonly string[] = [],
): FixPlan | undefined {
  const complete = actions.filter((action) => action !== undefined)
  return complete.length < actions.length ? undefined : { summary, actions: complete, risks }
}

/** The complete plans. If all are incomplete: change nothing, and let a person decide. */
export function completePlans(plans: readonly (FixPlan | undefined)[]): readonly FixPlan[] {
  const complete = plans.filter((candidate) => candidate !== undefined)
  return complete.length > 0
    ? complete
    : [noChange('A value that the fix needs is not known, so a person must decide.')]
}

/** A plan that changes nothing, with its reason. */
export function noChange(reason: string): FixPlan {
  return { summary: 'Change nothing.', actions: [{ action: 'no_change', reason }], risks: [] }
}
