import { isObject, type Json, type JsonObject } from '../../../router/json/json.ts'
import type { FixPlan, ValidationStatus } from '../../../tools/types.ts'
import { defaultLimits } from '../../loop/limits.ts'
import type { ToolCallDraft } from '../../testing/mock-server/completion.ts'
import type { WireTool } from '../../testing/mock-server/request.ts'
import { type Conversation, latest, type ToolMessage, textAt } from './conversation.ts'
import { type Hypothesis, noChange } from './observations.ts'

// The calls of an incident run: all fetch tools and analyze_metrics in one reply, and for each fix to try
// apply_fix_simulation, collect_post_telemetry and validate_improvement in one reply. A call may refer to results of calls
// before it in the same reply, so each of these costs one round only.

/** Returns the metrics page that `analyze_metrics` takes. */
const metricsTool = 'fetch_prometheus_metrics'

/** Tools that only need the scenario, so that all of them can be called in the first round. */
const fetchTools: readonly string[] = [
  'fetch_vllm_logs',
  'fetch_system_logs',
  metricsTool,
  'fetch_config',
  'fetch_runtime_state',
  'fetch_gpu_stats',
]

/** Reference to the run's input, so that the telemetry is not written into the call. */
const preTelemetry = { $input: 'pre_telemetry' } as const

/**
 * The calls that gather facts and were not made yet. A failed call is not repeated, except that an analysis whose metrics
 * page could not be fetched is made again without a page.
 */
export function gatheringCalls(conversation: Conversation, tools: readonly WireTool[]): readonly ToolCallDraft[] {
  const { scenario, results } = conversation
  if (scenario === undefined) return []
  const isOpen = ({ name }: WireTool): boolean => !results.some(({ tool }) => tool === name)
  const fetches = tools.filter((tool) => fetchTools.includes(tool.name) && isOpen(tool))
  const calls = fetches.map((tool) => ({ name: tool.name, input: fetchInput(tool, scenario) }))
  const analysisTool = tools.find(({ name }) => name === 'analyze_metrics')
  if (analysisTool === undefined) return calls
  const willHavePage = fetches.some(({ name }) => name === metricsTool)
  const hasPage = latest(conversation, metricsTool) !== undefined
  if (isOpen(analysisTool)) return [...calls, analyzeCall(willHavePage || hasPage)]
  const analyses = results.filter(({ tool }) => tool === analysisTool.name)
  return analyses.length === 1 && analyses[0]?.failed && !hasPage ? [...calls, analyzeCall(false)] : calls
}

/** Analyses the metrics page of the same reply or of an earlier one. Without a page the telemetry alone is analysed. */
function analyzeCall(hasPage: boolean): ToolCallDraft {
  const samples = hasPage ? { $result: `${metricsTool}#/samples` } : []
  return { name: 'analyze_metrics', input: { pre_telemetry: preTelemetry, prometheus_samples: samples } }
}

/** The input of a fetch tool: the scenario, and a value for each other input that the tool requires. */
function fetchInput({ parameters }: WireTool, scenario: string): JsonObject {
  const properties = isObject(parameters['properties']) ? parameters['properties'] : {}
  const required = Array.isArray(parameters['required']) ? parameters['required'].map(String) : []
  const others = required.filter((name) => name !== 'scenario' && name !== 'config_id')
  return { scenario, ...Object.fromEntries(others.flatMap((name) => inputEntry(name, properties[name]))) }
}

/** Values for required inputs whose schema has neither a default nor a list of values. */
const usualInputs: JsonObject = {
  window: '15m',
  limit: 200,
  level: 'WARNING',
  topics: [],
  sources: ['dmesg', 'journal'],
  endpoint: '/metrics',
}

/** The schema's own default, or its first allowed value, or the usual one. */
function inputEntry(name: string, schema: unknown): readonly [string, Json][] {
  const choices = isObject(schema) && Array.isArray(schema['enum']) ? schema['enum'] : []
  const value: unknown = (isObject(schema) ? schema['default'] : undefined) ?? choices[0] ?? usualInputs[name]
  return value === undefined ? [] : [[name, value as Json]]
}

/** A fix that can be tried, with the hypothesis that it follows from. */
interface FixToTry {
  /** Explains why the fix may help. */
  readonly hypothesis: Hypothesis
  /** The fix. */
  readonly plan: FixPlan
}

/** A fix that was tried, with the results of its three calls as far as they were made. */
export interface Attempt extends FixToTry {
  /** Result of `apply_fix_simulation`. */
  readonly applied: ToolMessage
  /** Result of `collect_post_telemetry`. */
  readonly collected: ToolMessage | undefined
  /** Result of `validate_improvement`. */
  readonly validated: ToolMessage | undefined
  /** Verdict of the validation; `unknown` without one. */
  readonly status: ValidationStatus
  /** Whether this attempt returns to a better state, after a fix made the incident worse. */
  readonly isReturn: boolean
}

/** Every plan of every hypothesis, in the order in which they are tried. */
export function fixesOf(hypotheses: readonly Hypothesis[]): readonly FixToTry[] {
  return hypotheses.flatMap((hypothesis) => hypothesis.plans.map((plan) => ({ hypothesis, plan })))
}

/**
 * Pairs the calls of `apply_fix_simulation` with the fixes.
 *
 * The fixes follow from the first two rounds alone, so the n-th call tried the n-th fix. The only exception is the return
 * to an earlier state.
 */
export function attemptsOf({ results }: Conversation, fixes: readonly FixToTry[]): readonly Attempt[] {
  const starts = results.flatMap(({ tool }, index) => (tool === 'apply_fix_simulation' ? [index] : []))
  const attempts: Attempt[] = []
  for (const [number, start] of starts.entries()) {
    const [applied, ...later] = results.slice(start, starts[number + 1])
    if (applied === undefined) continue
    const isReturn = isReturnCall(applied)
    const fix = isReturn ? returnTarget(attempts) : fixes[number]
    if (fix === undefined) continue
    const validated = later.find(({ tool }) => tool === 'validate_improvement')
    const collected = later.find(({ tool }) => tool === 'collect_post_telemetry')
    attempts.push({ ...fix, applied, collected, validated, status: statusOf(validated), isReturn })
  }
  return attempts
}

/** A status that is not in this list, for example in a clipped result, counts as `unknown`. */
const statuses: readonly ValidationStatus[] = ['improved', 'unchanged', 'unknown', 'regressed']

function statusOf(validated: ToolMessage | undefined): ValidationStatus {
  if (validated === undefined || validated.failed) return 'unknown'
  const status = textAt(validated, ['status'])
  return statuses.find((name) => name === status) ?? 'unknown'
}

/** Makes the return differ from the earlier call with the same actions, so that it is not a repeated call. */
const returnRationale = 'A later fix made the incident worse in the simulation; this one did not.'

/** The state to return to when the latest fix made the incident worse: the best earlier fix, or no change at all. */
function returnTarget(attempts: readonly Attempt[]): FixToTry | undefined {
  const applied = attempts.filter((attempt) => !attempt.applied.failed)
  const last = applied.at(-1)
  if (last === undefined || last.isReturn || last.status !== 'regressed') return undefined
  const harmless = applied.filter(({ status }) => status !== 'regressed')
  const best = harmless.findLast(({ status }) => status === 'improved') ?? harmless.at(-1)
  const plan = best?.plan ?? noChange('Every fix that was tried made the incident worse.')
  return { hypothesis: (best ?? applied[0] ?? last).hypothesis, plan: { ...plan, rationale: returnRationale } }
}

/** Recognises the return by its rationale, because the responder keeps no state between requests. */
function isReturnCall({ input }: ToolMessage): boolean {
  const plan = isObject(input) ? input['fix_plan'] : undefined
  return isObject(plan) && plan['rationale'] === returnRationale
}

/** Another fix is tried only while rounds remain to try it, to return to an earlier state, and to answer. */
const roundsPerAttempt = 3

/** The next calls of trying fixes. Empty when a fix improved the incident, or when nothing is left to try. */
export function fixingCalls(
  conversation: Conversation,
  fixes: readonly FixToTry[],
  attempts: readonly Attempt[],
): readonly ToolCallDraft[] {
  if (latest(conversation, 'fetch_config') === undefined) return []
  const attempt = attempts.at(-1)
  if (attempt !== undefined && !attempt.applied.failed) {
    const isJudged = attempt.validated !== undefined && !attempt.validated.failed
    if (!isJudged || attempt.status === 'improved' || attempt.isReturn) return []
  }
  const next = fixes[attempts.length]
  const hasTime = conversation.rounds + roundsPerAttempt <= defaultLimits.rounds
  if (next !== undefined && hasTime) return attemptCalls(conversation, next.plan)
  // The answer reports the fix that was applied last, so that must not be a harmful one.
  const target = returnTarget(attempts)
  return target === undefined ? [] : attemptCalls(conversation, target.plan)
}

/**
 * Applies a plan, collects telemetry and validates, in one reply. The model writes neither configuration nor telemetry: they
 * are references, and a tool's name means its nearest earlier call.
 */
export function attemptCalls({ scenario }: Pick<Conversation, 'scenario'>, plan: FixPlan): readonly ToolCallDraft[] {
  return [
    {
      name: 'apply_fix_simulation',
      input: { current_config: { $result: 'fetch_config#/config' }, fix_plan: toJson(plan) },
    },
    {
      name: 'collect_post_telemetry',
      input: { scenario: scenario ?? null, updated_config: { $result: 'apply_fix_simulation#/updated_config' } },
    },
    {
      name: 'validate_improvement',
      input: {
        pre_telemetry: preTelemetry,
        post_telemetry: { $result: 'collect_post_telemetry#/post_telemetry' },
      },
    },
  ]
}

/** A plan without members that are `undefined`, which JSON cannot represent. */
function toJson(plan: FixPlan): JsonObject {
  return JSON.parse(JSON.stringify(plan))
}
