import { isObject } from '../../../router/json/json.ts'
import type { Telemetry, Validation } from '../../../tools/types.ts'
import { type Run, summarizeRun } from '../../loop/run.ts'
import type { AgentResult, Answer, Diagnosis, Evidence, Quote } from './agent-result.ts'
import { answerViolations, readAnswer } from './answer-check.ts'
import { attemptsOf } from './attempts.ts'
import { checkInputs, type FixChain, fixChain } from './fix-chain.ts'
import { exactQuote, hotspotEvidence, type Sources, ungroundedReason } from './grounding.ts'
import { isNoChange, unmetObjectives } from './plan-check.ts'

/** A run whose answer the check has accepted, or has sent back. */
type IncidentRun = Run<{ readonly [name: string]: unknown }>

/**
 * Turns a run into the agent's result: the words come from the model's answer, every figure from a tool result.
 *
 * @param preTelemetry telemetry of the task.
 */
export function outcomeOf(run: IncidentRun, preTelemetry: Telemetry): AgentResult {
  const read = readAnswer(run.stopReason === 'answered' ? run.answer : run.partial?.value, run.results)
  const written = read.kind === 'answer' ? read.answer : undefined
  const answer = run.stopReason === 'answered' ? written : undefined
  // Without an accepted answer the fix that was simulated last counts.
  const chain = fixChain(run.results, preTelemetry, answer?.fix_plan.actions)
  const sources = { results: checkInputs(run.results, preTelemetry).trusted, preTelemetry }
  const plan = answer?.fix_plan ?? chain?.plan ?? written?.fix_plan ?? null
  return {
    diagnosis: answer === undefined ? bestEffort(run, sources) : withGrounding(answer.diagnosis, sources),
    fix_plan: plan,
    fix_result: chain?.fixResult ?? null,
    post_telemetry: chain?.postTelemetry ?? null,
    validation: answer === undefined ? notConfirmed(run, chain) : validationOf(answer, chain, preTelemetry),
    attempts: attemptsOf(run, preTelemetry, plan),
    violations: violationsOf(run, preTelemetry),
    agent_trace: run.trace,
    run: summarizeRun(run),
  }
}

/**
 * The rules that the answer breaks, also one that was not accepted. An answer that is not JSON has only the problems of
 * its form.
 */
function violationsOf(run: IncidentRun, preTelemetry: Telemetry): readonly string[] {
  const answer = run.stopReason === 'answered' ? run.answer : run.partial?.value
  const violations = answerViolations(isObject(answer) ? answer : undefined, run.results, preTelemetry)
  return [...(isObject(answer) ? [] : (run.partial?.problems ?? [])), ...violations]
}

/** Without an accepted answer nobody has said that the last attempt was the final one, so its status is not reported. */
function notConfirmed({ stopReason }: IncidentRun, chain: FixChain | undefined): Validation {
  const summary = `The run ended without an accepted answer (${stopReason}), so nothing is confirmed.`
  return { status: 'unknown', deltas: chain?.validation?.deltas ?? [], summary }
}

/** The validation of the answer's fix. */
function validationOf({ fix_plan: plan }: Answer, chain: FixChain | undefined, preTelemetry: Telemetry): Validation {
  if (isNoChange(plan)) return withoutChange(chain, preTelemetry)
  const reasons = chain?.fixResult.not_predicted ?? []
  const summary = ["The answer's fix was not validated in the simulation.", ...reasons].join(' ')
  return chain?.validation ?? { status: 'unknown', deltas: [], summary }
}

/** A plan that changes nothing needs no simulation: the figures stay what they are. */
function withoutChange(chain: FixChain | undefined, preTelemetry: Telemetry): Validation {
  const deltas = chain?.validation?.deltas ?? []
  const unmet = unmetObjectives(preTelemetry)
  if (unmet.length > 0) {
    const summary = `No change was made, so the incident continues: ${unmet.join(', ')}.`
    return chain?.validation ?? { status: 'unchanged', deltas, summary }
  }
  const missing = preTelemetry.missing ?? []
  if (missing.length > 0) {
    const summary = `No change was made. Whether one is needed is not known, because these were not observed: ${missing.join(', ')}.`
    return chain?.validation ?? { status: 'unknown', deltas, summary }
  }
  return { status: 'unchanged', deltas, summary: 'No change needed: every objective is met.' }
}

/** Marks each quote, and gives it as its source has it, so that a reader finds it there. */
function withGrounding(diagnosis: Answer['diagnosis'], sources: Sources): Diagnosis {
  return { ...diagnosis, evidence: diagnosis.evidence.map((quote) => checkedQuote(quote, sources)) }
}

function checkedQuote({ tool, quote }: Quote, sources: Sources): Evidence {
  const exact = exactQuote({ tool, quote }, sources)
  const reason = ungroundedReason({ tool, quote }, sources)
  return { tool, quote: exact ?? quote, grounded: reason === undefined, ...(reason === undefined ? {} : { reason }) }
}

/** The diagnosis of a run without an accepted answer. It keeps those parts of a rejected answer that have the right type. */
function bestEffort(run: IncidentRun, sources: Sources): Diagnosis {
  const why = `The run ended without an accepted answer (${run.stopReason}).`
  const value = run.partial?.value as Partial<Answer> | string | null | undefined
  const partial = typeof value === 'object' ? value?.diagnosis : undefined
  const text = typeof value === 'string' && value !== '' ? [`The model's last words: ${value}`] : []
  return {
    root_cause: textOr(partial?.root_cause, 'unknown'),
    summary: textOr(partial?.summary, why),
    category: textOr(partial?.category, 'unknown'),
    confidence: 'low',
    evidence: evidenceOf(partial?.evidence, sources),
    ruled_out: [],
    uncertainties: [...(run.partial?.problems ?? []), ...text],
  }
}

/** A rejected answer can have a value of any type in any place. An empty text is as good as a missing one. */
function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback
}

/** Quotes of a rejected answer that have the right type. Without any list of quotes: the hotspot of the analysis. */
function evidenceOf(evidence: unknown, sources: Sources): Diagnosis['evidence'] {
  if (!Array.isArray(evidence)) return hotspotEvidence(sources.results)
  return evidence.flatMap((item: { readonly tool?: unknown; readonly quote?: unknown } | null) => {
    const quote = { tool: textOr(item?.tool, ''), quote: textOr(item?.quote, '') }
    if (quote.tool === '' || quote.quote === '') return []
    return [checkedQuote(quote, sources)]
  })
}
