import type { ToolResult } from '../../../router/tool-call.ts'
import type { FixPlan, Telemetry } from '../../../tools/types.ts'
import { missedObjectives } from '../../../tools/validation/objectives.ts'
import type { Answer } from './agent-result.ts'
import { fixChain, validatedChains } from './fix-chain.ts'
import type { Problem } from './grounding.ts'
import { type Sources, successes } from './grounding.ts'

/** Whether a plan changes nothing. */
export function isNoChange({ actions }: FixPlan): boolean {
  return actions.every(({ action }) => action === 'no_change')
}

/** The problems of a window, in words: missed objectives, and an engine that does not work. Empty: no incident is seen. */
export function unmetObjectives(telemetry: Telemetry): readonly string[] {
  const { engine_up, stuck_workers, no_progress_s } = telemetry.health
  return [
    ...(engine_up ? [] : ['engine down']),
    ...((stuck_workers ?? 0) > 0 ? ['stuck workers'] : []),
    ...(no_progress_s === undefined ? [] : ['no progress']),
    ...missedObjectives(telemetry),
  ]
}

/** Problems of the answer's plan, with the next step. @param results all of them: the chains of a fix are found by value. */
export function planProblems(
  plan: FixPlan,
  diagnosis: Answer['diagnosis'],
  { results, preTelemetry }: Sources & { readonly preTelemetry: Telemetry },
): readonly Problem[] {
  const better = betterPlanProblems(plan, results, preTelemetry)
  if (isNoChange(plan)) return [...better, ...noChangeProblems(plan, diagnosis, preTelemetry)]
  if (better.length > 0) return better
  const [missing] = missingCalls(plan, results, preTelemetry)
  if (missing === undefined) return uselessPlanProblems(plan, diagnosis, results, preTelemetry)
  const other = validatedChains(results, preTelemetry).at(-1)
  if (other === undefined) return [missing]
  const offer = `Or answer with the plan that you validated (${other.validation?.status}): {"$result":"${other.applyId}#/fix_plan"}.`
  return [{ ...missing, more: [...(missing.more ?? []), offer] }]
}

/** Statuses of a plan that leaves the incident as it is, or makes it worse, with words that state it. */
const notBetter: { readonly [status: string]: RegExp } = {
  unchanged:
    /\bunchanged\b|\bno (?:effect|change|improvement|difference)\b|\bnot (?:help|improve|change|resolve|solve)|\bineffective\b/i,
  regressed: /\bregress|\bwors(?:e|en)/i,
}

/** During an incident, a plan that does not help is refused while the run has one that was validated as an improvement. */
function betterPlanProblems(
  plan: FixPlan,
  results: readonly ToolResult[],
  preTelemetry: Telemetry,
): readonly Problem[] {
  if (unmetObjectives(preTelemetry).length === 0) return []
  const status = fixChain(results, preTelemetry, plan.actions)?.validation?.status
  if (!isNoChange(plan) && notBetter[status ?? ''] === undefined) return []
  const better = validatedChains(results, preTelemetry).findLast(
    (chain) => chain.validation?.status === 'improved' && !isNoChange(chain.plan),
  )
  if (better === undefined) return []
  const offered = isNoChange(plan) ? 'no_change leaves the incident as it is' : `this plan was validated as ${status}`
  return [
    {
      at: 'fix_plan',
      problem: `${offered}, but the plan of call ${better.applyId} was validated as improved.`,
      advice: `Answer with that plan: {"$result":"${better.applyId}#/fix_plan"}.`,
    },
  ]
}

/** A plan that does not help is accepted only if the answer says so: a reader must not take it for a solution. */
function uselessPlanProblems(
  plan: FixPlan,
  { summary, uncertainties }: Answer['diagnosis'],
  results: readonly ToolResult[],
  preTelemetry: Telemetry,
): readonly Problem[] {
  const status = fixChain(results, preTelemetry, plan.actions)?.validation?.status ?? ''
  const words = notBetter[status]
  const said = [summary, plan.summary, plan.rationale ?? '', ...(plan.risks ?? []), ...uncertainties].join(' ')
  if (words === undefined || words.test(said)) return []
  const effect = status === 'regressed' ? 'makes the service worse' : 'changes nothing for the better'
  return [
    {
      at: 'fix_plan',
      problem: `this plan was validated as ${status}: it ${effect}, and the answer does not say so.`,
      advice: `Answer with another plan or with no_change, or say in rationale that it is ${status} and why it is proposed.`,
    },
  ]
}

/** The words by which a reader recognises that an objective is explained. Others must be named as they are. */
const names: readonly (readonly [objective: RegExp, words: RegExp])[] = [
  [/first token/, /first[ -]token|ttft/i],
  [/inter-token/, /inter[ -]?token|\bitl\b|\btpot\b/i],
  [/served/, /served|unfinished|refused|failed/i],
  [/engine down/, /down|outage|not (?:up|running)|dead|died|crash/i],
  [/stuck/, /stuck|hang|hung/i],
  [/progress/, /progress|stall/i],
]

/** During an incident, doing nothing needs a reason that a person can check. */
function noChangeProblems(plan: FixPlan, diagnosis: Answer['diagnosis'], telemetry: Telemetry): readonly Problem[] {
  const unmet = unmetObjectives(telemetry)
  if (unmet.length === 0) return []
  const reasons = plan.actions.map((action) => (action.action === 'no_change' ? action.reason : ''))
  const explanation = [plan.rationale ?? '', ...reasons].join(' ')
  const unexplained = unmet.filter((objective) => {
    const words = names.find(([pattern]) => pattern.test(objective))?.[1]
    return words === undefined ? !explanation.includes(objective) : !words.test(explanation)
  })
  return [
    ...(unexplained.length === 0
      ? []
      : [
          {
            at: 'fix_plan',
            problem: 'no_change leaves the incident as it is.',
            advice: `Apply and validate a fix, or say in rationale why no action helps against each of: ${unexplained.join(', ')}.`,
          },
        ]),
    ...(diagnosis.uncertainties.length > 0
      ? []
      : [
          {
            at: 'diagnosis.uncertainties',
            problem: 'it is empty, although no_change leaves an incident as it is.',
            advice: 'Say what is not known and what to collect.',
          },
        ]),
  ]
}

/** The calls that lead from the plan to its validation and were not made, in order. */
function missingCalls(plan: FixPlan, results: readonly ToolResult[], preTelemetry: Telemetry): readonly Problem[] {
  const chain = fixChain(results, preTelemetry, plan.actions)
  // Where nothing can be predicted, there is nothing to validate.
  if (chain?.validation !== undefined || chain?.fixResult.not_predicted !== undefined) return []
  const next =
    chain === undefined
      ? 'apply_fix_simulation'
      : chain.postTelemetry === undefined
        ? 'collect_post_telemetry'
        : 'validate_improvement'
  if (failedAgain(next, results) || failedAgain('fetch_config', results)) return []
  const config = successes(results, 'fetch_config').length === 0 ? ' after fetch_config' : ''
  const calls = [
    `apply_fix_simulation${config}, with current_config {"$result":"fetch_config#/config"} and fix_plan`,
    `collect_post_telemetry, with updated_config {"$result":"${chain?.applyId ?? 'apply_fix_simulation'}#/updated_config"}`,
    `validate_improvement, with pre_telemetry {"$input":"pre_telemetry"} and post_telemetry {"$result":"${chain?.collectId ?? 'collect_post_telemetry'}#/post_telemetry"}`,
  ]
  const missing = calls.slice(calls.findIndex((call) => call.startsWith(next)))
  const tools = missing.map((call) => call.split(/[ ,]/)[0]).join(', ')
  return [
    {
      at: 'fix_plan',
      problem: 'the plan was not validated.',
      advice: `Make these calls in one reply, then answer: ${tools}.`,
      more: missing.map((call) => `Missing: ${call}.`),
    },
  ]
}

/** Kinds of errors that the model cannot correct in its call. */
const beyondTheModel: ReadonlySet<string> = new Set([
  'tool_failed',
  'timeout',
  'invalid_output',
  'denied',
  'unknown_tool',
])

/** Whether a tool failed twice and never succeeded, so that asking for it again is useless. */
function failedAgain(tool: string, results: readonly ToolResult[]): boolean {
  if (successes(results, tool).length > 0) return false
  return results.filter(({ name, ...result }) => name === tool && isBeyondTheModel(result)).length > 1
}

function isBeyondTheModel(
  result: Pick<ToolResult, 'status'> & { readonly error?: { readonly kind: string } },
): boolean {
  return result.error !== undefined && beyondTheModel.has(result.error.kind)
}
