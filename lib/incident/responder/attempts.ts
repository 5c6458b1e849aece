import { isObject } from '../../../router/json/json.ts'
import type { FixPlan, ValidationStatus } from '../../../tools/types.ts'
import { type Conversation, type ToolResult, textAt } from './conversation.ts'
import { type Diagnosis, noChange } from './observations.ts'

/** A fix that can be tried, with the diagnosis behind it. */
export interface Candidate {
  readonly diagnosis: Diagnosis
  readonly plan: FixPlan
}

/** A fix that was tried, as far as it got. */
export interface Attempt extends Candidate {
  readonly applied: ToolResult
  readonly collected: ToolResult | undefined
  readonly validated: ToolResult | undefined
  readonly status: ValidationStatus
  /** It goes back to something better, after a fix that did harm. */
  readonly isReturn: boolean
}

export function candidatesOf(diagnoses: readonly Diagnosis[]): readonly Candidate[] {
  return diagnoses.flatMap((diagnosis) => diagnosis.plans.map((plan) => ({ diagnosis, plan })))
}

/**
 * Pairs the tried fixes with the candidates: the n-th call of `apply_fix_simulation` tried the n-th candidate, because
 * candidates follow from the first two rounds alone. Only the return is not one of them.
 */
export function attemptsOf({ results }: Conversation, candidates: readonly Candidate[]): readonly Attempt[] {
  const starts = results.flatMap(({ tool }, index) => (tool === 'apply_fix_simulation' ? [index] : []))
  const attempts: Attempt[] = []
  for (const [number, start] of starts.entries()) {
    const [applied, ...later] = results.slice(start, starts[number + 1])
    if (applied === undefined) continue
    const isReturn = isReturnCall(applied)
    const candidate = isReturn ? returnTarget(attempts) : candidates[number]
    if (candidate === undefined) continue
    const validated = later.find(({ tool }) => tool === 'validate_improvement')
    const collected = later.find(({ tool }) => tool === 'collect_post_telemetry')
    attempts.push({ ...candidate, applied, collected, validated, status: statusOf(validated), isReturn })
  }
  return attempts
}

/** What to go back to when the latest fix did harm: the best of the earlier ones, or no change at all. */
export function returnTarget(attempts: readonly Attempt[]): Candidate | undefined {
  const applied = attempts.filter((attempt) => !attempt.applied.failed)
  const latest = applied.at(-1)
  if (latest === undefined || latest.isReturn || latest.status !== 'regressed') return undefined
  const harmless = applied.filter(({ status }) => status !== 'regressed')
  const best = harmless.findLast(({ status }) => status === 'improved') ?? harmless.at(-1)
  const plan = best?.plan ?? noChange('Every fix that was tried made things worse.')
  return { diagnosis: (best ?? applied[0] ?? latest).diagnosis, plan: { ...plan, rationale: returnRationale } }
}

/** Makes the call differ from the earlier one with the same actions, so that it counts as a new one. */
const returnRationale = 'A later fix did harm in the simulation; this one did not.'

function isReturnCall({ input }: ToolResult): boolean {
  const plan = isObject(input) ? input['fix_plan'] : undefined
  return isObject(plan) && plan['rationale'] === returnRationale
}

const known: readonly ValidationStatus[] = ['improved', 'unchanged', 'unknown', 'regressed']

function statusOf(validated: ToolResult | undefined): ValidationStatus {
  if (validated === undefined || validated.failed) return 'unknown'
  const status = textAt(validated, ['status'])
  return known.find((name) => name === status) ?? 'unknown'
}
