import type { FixPlan } from '../../../tools/types.ts'
import type { Attempt } from './attempts.ts'
import { type Evidence, quoteField } from './conversation.ts'
import { type Diagnosis, noChange, type Observations } from './observations.ts'

/** The answer of the incident agent: what its answer schema asks for. */
export interface IncidentAnswer {
  readonly diagnosis: {
    readonly root_cause: string
    readonly summary: string
    readonly category: string
    readonly confidence: 'high' | 'medium' | 'low'
    readonly evidence: readonly Evidence[]
    readonly ruled_out: readonly string[]
    readonly uncertainties: readonly string[]
  }
  readonly fix_plan: FixPlan
}

/** Sums up: the fix that was applied last, or, where none could be applied, the most plausible one. */
export function answerOf(
  observed: Observations,
  diagnoses: readonly [Diagnosis, ...Diagnosis[]],
  attempts: readonly Attempt[],
): IncidentAnswer {
  const last = attempts.findLast(({ applied }) => !applied.failed)
  const diagnosis = last?.diagnosis ?? diagnoses[0]
  const plan = last?.plan ?? diagnosis.plans[0] ?? noChange('No rule gives a fix for this cause.')
  return {
    diagnosis: {
      root_cause: diagnosis.rootCause,
      summary: `${diagnosis.rootCause} ${plan.summary} ${verdict(last)}`,
      category: diagnosis.category,
      confidence: confidenceOf(diagnosis, last),
      evidence: diagnosis.evidence.length > 0 ? diagnosis.evidence : anyEvidence(observed),
      ruled_out: ruledOut(observed, diagnosis, diagnoses, attempts),
      uncertainties: [...diagnosis.uncertainties, ...(last?.status === 'improved' ? [] : [verdict(last)])],
    },
    fix_plan: plan,
  }
}

/** An answer needs a quote: where no rule has one, a field of the first result says what was looked at. */
function anyEvidence({ conversation }: Observations): readonly Evidence[] {
  return conversation.results
    .filter(({ failed }) => !failed)
    .flatMap((result) => quoteField(result, '\\w+'))
    .slice(0, 1)
}

function verdict(last: Attempt | undefined): string {
  if (last === undefined) return 'No fix could be tried in the simulation.'
  if (last.validated === undefined) return 'The fix was not validated.'
  if (last.status === 'regressed') return 'The simulation calls the result regressed: this fix does harm.'
  return `The simulation calls the result ${last.status}.`
}

function confidenceOf(diagnosis: Diagnosis, last: Attempt | undefined): 'high' | 'medium' | 'low' {
  if (diagnosis.category === 'unknown' || diagnosis.evidence.length === 0) return 'low'
  if (last?.status === 'improved') return 'high'
  return diagnosis.category === 'none' ? 'medium' : 'low'
}

function ruledOut(
  { systemLogs, causes }: Observations,
  chosen: Diagnosis,
  diagnoses: readonly Diagnosis[],
  attempts: readonly Attempt[],
): readonly string[] {
  const tried = attempts
    .filter(({ diagnosis, status }) => diagnosis !== chosen && status !== 'improved')
    .map(({ diagnosis, status }) => `${diagnosis.category}: its fix was tried and the result was ${status}.`)
  const untried = diagnoses
    .filter((diagnosis) => diagnosis !== chosen && !attempts.some((attempt) => attempt.diagnosis === diagnosis))
    .map(({ category }) => `${category}: less plausible by the hotspot and the state of the workers.`)
  const quietKernel = systemLogs !== undefined && !causes.some(({ result }) => result === systemLogs)
  const kernel = quietKernel ? ['kernel and hardware: the system logs hold no candidate for a cause.'] : []
  return [...tried, ...untried, ...kernel]
}
