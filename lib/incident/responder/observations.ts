import { isObject } from '../../../router/json/json.ts'
import type { FixAction, FixPlan } from '../../../tools/types.ts'
import { objectsOf } from '../../testing/mock-server/request.ts'
import {
  type Conversation,
  type Evidence,
  latest,
  lookUp,
  numberAt,
  quoteText,
  type ToolResult,
  textAt,
} from './conversation.ts'

/** What the tools said so far, by the names under which the rules ask for it. */
export interface Observations {
  readonly conversation: Conversation
  readonly config: ToolResult | undefined
  readonly runtime: ToolResult | undefined
  readonly analysis: ToolResult | undefined
  readonly vllmLogs: ToolResult | undefined
  readonly systemLogs: ToolResult | undefined
  /** Kind of the hotspot that `analyze_metrics` named. */
  readonly hotspot: string | undefined
  readonly stuckWorkers: number
  readonly causes: readonly Cause[]
}

/** One log line that its tool takes for a possible cause. Its texts are untrusted: only matched patterns leave it. */
interface Cause {
  readonly result: ToolResult
  readonly texts: readonly string[]
}

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
    hotspot: hotspotOf(analysis),
    stuckWorkers: numberAt(runtime, ['worker_health', 'stuck']) ?? 0,
    causes: [systemLogs, vllmLogs].flatMap((result) => (result === undefined ? [] : causesOf(result))),
  }
}

/** An engine argument as a number; where it is not set, the effective value that `fetch_config` reports. */
export function engineNumber({ config }: Observations, name: string): number | undefined {
  return numberAt(config, ['config', 'engine_args', name]) ?? numberAt(config, ['runtime', name])
}

export function engineArgument({ config }: Observations, name: string): unknown {
  return lookUp(config, ['config', 'engine_args', name])
}

export function placementNode({ config }: Observations): string | undefined {
  return textAt(config, ['config', 'placement', 'node'])
}

/** Finds the first cause with a text that matches; the evidence quotes the matched part alone. */
export function matchCause(
  { causes }: Observations,
  pattern: RegExp,
): { readonly match: RegExpExecArray; readonly evidence: readonly Evidence[]; readonly text: string } | undefined {
  for (const { result, texts } of causes) {
    for (const text of texts) {
      const match = pattern.exec(text)
      if (match !== null) return { match, evidence: quoteText(result, match[0]), text }
    }
  }
  return undefined
}

function hotspotOf(analysis: ToolResult | undefined): string | undefined {
  if (analysis?.value !== undefined) return textAt(analysis, ['hotspot', 'kind'])
  return /"hotspot"\s*:\s*\{\s*"kind"\s*:\s*"(\w+)"/.exec(analysis?.text ?? '')?.[1]
}

function causesOf(result: ToolResult): readonly Cause[] {
  const errors = isObject(result.value) ? objectsOf(result.value['errors']) : survivors(result.text)
  return errors
    .filter(({ kind }) => typeof kind === 'string' && kind.startsWith('cause'))
    .map((error) => ({ result, texts: Object.values(error).filter((value) => typeof value === 'string') }))
}

/** The flat objects that a clipped text still holds whole. */
function survivors(text: string): readonly { readonly [key: string]: unknown }[] {
  return [...text.matchAll(/\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}/g)].flatMap(([object]) => {
    try {
      const value: unknown = JSON.parse(object)
      return isObject(value) ? [value] : []
    } catch {
      return []
    }
  })
}

/** What one rule makes of the observations. */
export interface Diagnosis {
  readonly category: string
  readonly rootCause: string
  readonly evidence: readonly Evidence[]
  /** What to try, best first. */
  readonly plans: readonly FixPlan[]
  readonly uncertainties: readonly string[]
}

/** Gives a diagnosis where the rule applies. */
export type Rule = (observed: Observations) => Diagnosis | undefined

/** Writes a plan down; `undefined` where an action cannot be stated for want of a value. */
export function plan(
  summary: string,
  actions: readonly (FixAction | undefined)[],
  risks: readonly string[] = [],
): FixPlan | undefined {
  const stated = actions.filter((action) => action !== undefined)
  return stated.length < actions.length ? undefined : { summary, actions: stated, risks }
}

/** The plans that could be stated; where there is none, the plan to change nothing and to ask a person. */
export function statedPlans(plans: readonly (FixPlan | undefined)[]): readonly FixPlan[] {
  const stated = plans.filter((candidate) => candidate !== undefined)
  return stated.length > 0 ? stated : [noChange('A value that the fix needs is not known; a person has to decide.')]
}

export function noChange(reason: string): FixPlan {
  return { summary: 'Change nothing.', actions: [{ action: 'no_change', reason }], risks: [] }
}
