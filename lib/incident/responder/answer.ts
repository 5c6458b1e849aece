import { lookUp } from '../../../router/json/json-pointer.ts'
import type { FixPlan } from '../../../tools/types.ts'
import { missedObjectives } from '../../../tools/validation/objectives.ts'
import type { Answer, Quote } from '../agent/agent-result.ts'
import { isNoChange } from '../agent/plan-check.ts'
import { type Alternatives, alternativesTo } from './alternatives.ts'
import { quoteFigure } from './conversation.ts'
import { loadHotspots } from './load-rules.ts'
import type { Attempt } from './next-calls.ts'
import { type Hypothesis, noChange, type Observations } from './observations.ts'

/**
 * The answer of the incident agent: the fix that was applied last, because its telemetry and validation are the ones that
 * count. If none could be applied, the fix of the most plausible hypothesis.
 */
export function answerOf(
  observed: Observations,
  hypotheses: readonly [Hypothesis, ...Hypothesis[]],
  attempts: readonly Attempt[],
): Answer {
  const last = attempts.findLast(({ applied }) => !applied.failed)
  const chosen = last?.hypothesis ?? hypotheses[0]
  const plan = last?.plan ?? chosen.plans[0] ?? noChange('No rule has a fix for this cause.')
  const alternatives = alternativesTo(observed, chosen)
  const isHealthy = chosen.category === 'none'
  return {
    diagnosis: {
      root_cause: chosen.rootCause,
      // The validation has the verdict of the simulation.
      summary: `${chosen.rootCause} ${plan.summary}`,
      category: chosen.category,
      confidence: confidenceOf(chosen, last),
      evidence: chosen.evidence.length > 0 ? chosen.evidence : anyEvidence(observed),
      ruled_out: ruledOut(chosen, hypotheses, attempts, alternatives),
      uncertainties: [
        ...chosen.uncertainties,
        ...alternatives.open,
        ...(last?.status === 'improved' || isHealthy ? [] : [verdict(last)]),
      ],
    },
    fix_plan: explained(plan, observed),
  }
}

/** A plan that changes nothing names what it leaves as it is. */
function explained(plan: FixPlan, { conversation }: Observations): FixPlan {
  const unmet = unmetIn(conversation.preTelemetry)
  if (unmet.length === 0 || !isNoChange(plan)) return plan
  const rationale = `No action is known that helps against: ${unmet.join(', ')}.`
  return { ...plan, rationale: [plan.rationale, rationale].filter((text) => text !== undefined).join(' ') }
}

/** The problems in the telemetry of the task, in the words that the agent uses for it. The task may lack any member. */
function unmetIn(telemetry: unknown): readonly string[] {
  const at = (...path: string[]) => {
    const found = lookUp(telemetry, path)
    return found.kind === 'found' ? found.value : undefined
  }
  const number = (...path: string[]) => {
    const value = at(...path)
    return typeof value === 'number' ? value : null
  }
  return [
    ...(at('health', 'engine_up') === false ? ['engine down'] : []),
    ...((number('health', 'stuck_workers') ?? 0) > 0 ? ['stuck workers'] : []),
    ...((number('health', 'no_progress_s') ?? 0) > 0 ? ['no progress'] : []),
    ...missedObjectives({
      slo: {
        ttft_p95_s: number('slo', 'ttft_p95_s') ?? Number.POSITIVE_INFINITY,
        inter_token_p99_s: number('slo', 'inter_token_p99_s') ?? Number.POSITIVE_INFINITY,
        served_ratio: number('slo', 'served_ratio') ?? 0,
      },
      latency: {
        ttft_s: { p95: number('latency', 'ttft_s', 'p95') },
        inter_token_s: { p99: number('latency', 'inter_token_s', 'p99') },
      },
      requests: { arrived: number('requests', 'arrived'), served: number('requests', 'served') },
    }),
  ]
}

/** Evidence if no rule has any: a figure of the load, or a limit of the engine, shows at least what was read. */
function anyEvidence({ conversation }: Observations): readonly Quote[] {
  return conversation.results
    .filter(({ failed }) => !failed)
    .flatMap((result) => quoteFigure(result, 'running|waiting|healthy|max_num_seqs|mem_used_gb|max_model_len'))
    .slice(0, 1)
}

/** The result of the last attempt, in one sentence. */
function verdict(last: Attempt | undefined): string {
  if (last === undefined) return 'No fix could be tried in the simulation.'
  if (last.validated === undefined) return 'The fix was not validated.'
  if (last.status === 'regressed') return 'In the simulation the fix makes the incident worse (regressed).'
  return `In the simulation the result is ${last.status}.`
}

/**
 * High only if the deciding fact was observed and the simulation confirms the fix: a simulation that assumes the cause cannot
 * prove it. A healthy engine cannot be improved, so there it is medium.
 */
function confidenceOf(chosen: Hypothesis, last: Attempt | undefined): 'high' | 'medium' | 'low' {
  if (chosen.category === 'unknown' || chosen.evidence.length === 0) return 'low'
  if (last?.status === 'improved') return chosen.isInferred ? 'medium' : 'high'
  return chosen.category === 'none' ? 'medium' : 'low'
}

/** The other hypotheses and the usual other causes, with the reason against each. */
function ruledOut(
  chosen: Hypothesis,
  hypotheses: readonly Hypothesis[],
  attempts: readonly Attempt[],
  { ruledOut: excluded }: Alternatives,
): readonly string[] {
  const tried = attempts
    .filter(({ hypothesis: { category }, status }) => category !== chosen.category && status !== 'improved')
    .map(({ hypothesis, status }) => `${hypothesis.category}: its fix was tried, and the result was ${status}.`)
  const why = loadHotspots.has(chosen.category)
    ? 'the engine works, and its figures explain the latency without it.'
    : 'it does not explain the failure as directly as the log lines of the evidence.'
  const untried = hypotheses
    .filter(({ category }) => category !== chosen.category)
    .filter((hypothesis) => !attempts.some((attempt) => attempt.hypothesis === hypothesis))
    .map(({ category }) => `${category}: ${why}`)
  return [...tried, ...untried, ...excluded]
}
