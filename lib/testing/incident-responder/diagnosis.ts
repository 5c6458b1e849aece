import type { FixAction, FixPlan } from '../../../tools/documents.ts'
import type { Evidence } from './lookup.ts'
import type { Observations } from './observations.ts'

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
