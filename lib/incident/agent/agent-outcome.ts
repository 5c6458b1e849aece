import type { ToolResult } from '../../../router/tool-call.ts'
import type { Telemetry, Validation } from '../../../tools/types.ts'
import { type Run, summarizeRun } from '../../loop/run.ts'
import type { AgentResult, Answer, Diagnosis } from './agent-result.ts'
import { type FixChain, fixChain } from './fix-chain.ts'
import { hotspotEvidence, isGrounded } from './grounding.ts'

/** Turns a run into the agent's result: the words come from the model's answer, every figure from a tool result. */
export function outcomeOf(run: Run<Answer>, preTelemetry: Telemetry): AgentResult {
  // Without an accepted answer the fix that was simulated last counts.
  const answer = run.stopReason === 'answered' ? run.answer : undefined
  const chain = fixChain(run.results, preTelemetry, answer?.fix_plan.actions)
  return {
    diagnosis: run.stopReason === 'answered' ? withGrounding(run.answer.diagnosis, run.results) : bestEffort(run),
    fix_plan: chain?.plan ?? answer?.fix_plan ?? null,
    fix_result: chain?.fixResult ?? null,
    post_telemetry: chain?.postTelemetry ?? null,
    validation: validationOf(run, chain),
    agent_trace: run.trace,
    run: summarizeRun(run),
  }
}

/**
 * The validation of the fix that counts.
 *
 * Without an accepted answer nobody has said that the last attempt was the final one, so its status is not reported.
 */
function validationOf(run: Run<Answer>, chain: FixChain | undefined): Validation {
  if (run.stopReason !== 'answered') {
    const summary = `The run ended without an accepted answer (${run.stopReason}), so nothing is confirmed.`
    return { status: 'unknown', deltas: chain?.validation?.deltas ?? [], summary }
  }
  const reasons = chain?.fixResult.not_predicted ?? []
  const summary = ["The answer's fix was not validated in the simulation.", ...reasons].join(' ')
  return chain?.validation ?? { status: 'unknown', deltas: [], summary }
}

/** Marks each quote, so that a reader of the result does not have to search for it. */
function withGrounding(diagnosis: Answer['diagnosis'], results: readonly ToolResult[]): Diagnosis {
  return {
    ...diagnosis,
    evidence: diagnosis.evidence.map((item) => ({ ...item, grounded: isGrounded(item, results) })),
  }
}

/** The diagnosis of a run without an accepted answer. It keeps those parts of a rejected answer that have the right type. */
function bestEffort(run: Exclude<Run<Answer>, { stopReason: 'answered' }>): Diagnosis {
  const why = `The run ended without an accepted answer (${run.stopReason}).`
  const value = run.partial?.value as Partial<Answer> | string | null | undefined
  const partial = typeof value === 'object' ? value?.diagnosis : undefined
  const text = typeof value === 'string' && value !== '' ? [`The model's last words: ${value}`] : []
  return {
    root_cause: textOr(partial?.root_cause, 'unknown'),
    summary: textOr(partial?.summary, why),
    category: textOr(partial?.category, 'unknown'),
    confidence: 'low',
    evidence: evidenceOf(partial?.evidence, run.results),
    ruled_out: [],
    uncertainties: [...(run.partial?.problems ?? []), ...text],
  }
}

/** A rejected answer can have a value of any type in any place. An empty text is as good as a missing one. */
function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback
}

/** Quotes of a rejected answer that have the right type. Without any list of quotes: the hotspot of the analysis. */
function evidenceOf(evidence: unknown, results: readonly ToolResult[]): Diagnosis['evidence'] {
  if (!Array.isArray(evidence)) return hotspotEvidence(results)
  return evidence.flatMap((item: { readonly tool?: unknown; readonly quote?: unknown } | null) => {
    const quote = { tool: textOr(item?.tool, ''), quote: textOr(item?.quote, '') }
    if (quote.tool === '' || quote.quote === '') return []
    return [{ ...quote, grounded: isGrounded(quote, results) }]
  })
}
