import type { Infer } from '../../router/schema.ts'
import type { ToolResult } from '../../router/tool-call.ts'
import type { FixPlan, FixResult, Telemetry, Validation } from '../../tools/documents.ts'
import type { Run } from '../loop/run.ts'
import type { AgentResult, Diagnosis } from './agent-result.ts'
import type { answerSchema } from './answer-schema.ts'
import { isGrounded } from './grounding.ts'

export type Answer = Infer<typeof answerSchema>

/** Puts the result together: the model's words from its answer, every figure from a tool result. */
export function outcomeOf(run: Run<Answer>): AgentResult {
  const applied = latest(run.results, 'apply_fix_simulation')
  const collected = after(applied, latest(run.results, 'collect_post_telemetry'), run.results)
  const validated = after(collected, latest(run.results, 'validate_improvement'), run.results)
  return {
    diagnosis: run.stopReason === 'answered' ? grounded(run.answer.diagnosis, run.results) : bestEffort(run),
    fix_plan: planOf(run, applied),
    fix_result: (applied?.value as FixResult | undefined) ?? null,
    post_telemetry: (collected?.value as { readonly post_telemetry: Telemetry } | undefined)?.post_telemetry ?? null,
    validation: validationOf(run, validated),
    agent_trace: run.trace,
  }
}

/** The plan that was simulated last; one that was only proposed where none was. */
function planOf(run: Run<Answer>, applied: Success | undefined): FixPlan | null {
  if (applied !== undefined) return (applied.input as { readonly fix_plan: FixPlan }).fix_plan
  return run.stopReason === 'answered' ? run.answer.fix_plan : null
}

type Success = Extract<ToolResult, { status: 'ok' }>

function latest(results: readonly ToolResult[], name: string): Success | undefined {
  return results.findLast((result): result is Success => result.status === 'ok' && result.name === name)
}

/** A later step counts only if it followed the earlier one: telemetry of a fix that was replaced proves nothing. */
function after(
  earlier: Success | undefined,
  later: Success | undefined,
  results: readonly ToolResult[],
): Success | undefined {
  if (earlier === undefined || later === undefined) return undefined
  return results.indexOf(later) > results.indexOf(earlier) ? later : undefined
}

/** Only an accepted answer carries a validation: at a limit nobody has said that the last attempt was the final one. */
function validationOf(run: Run<Answer>, validated: Success | undefined): Validation {
  const validation = validated?.value as Validation | undefined
  if (run.stopReason !== 'answered') {
    const deltas = validation?.deltas ?? []
    return {
      status: 'unknown',
      deltas,
      summary: `The run ended without an accepted answer (${run.stopReason}), so nothing is confirmed.`,
    }
  }
  return validation ?? { status: 'unknown', deltas: [], summary: 'No fix was applied and validated in the simulation.' }
}

function grounded(diagnosis: Answer['diagnosis'], results: readonly ToolResult[]): Diagnosis {
  return {
    ...diagnosis,
    evidence: diagnosis.evidence.map((item) => ({ ...item, grounded: isGrounded(item, results) })),
  }
}

/** What can be said without an accepted answer: the rejected one where it has the form, else that there is none. */
function bestEffort(run: Exclude<Run<Answer>, { stopReason: 'answered' }>): AgentResult['diagnosis'] {
  const why = run.error === undefined ? `The run ended at its limit (${run.stopReason}).` : run.error.message
  const value = run.partial?.value as Partial<Answer> | string | null | undefined
  const partial = typeof value === 'object' ? value?.diagnosis : undefined
  const text = typeof value === 'string' && value !== '' ? [`The model's last words: ${value}`] : []
  return {
    root_cause: typeof partial?.root_cause === 'string' ? partial.root_cause : 'unknown',
    summary: typeof partial?.summary === 'string' ? partial.summary : why,
    category: typeof partial?.category === 'string' ? partial.category : 'unknown',
    confidence: 'low',
    evidence: evidenceOf(partial?.evidence, run.results),
    ruled_out: [],
    uncertainties: [why, ...(run.partial?.problems ?? []), ...text],
  }
}

function evidenceOf(evidence: unknown, results: readonly ToolResult[]): Diagnosis['evidence'] {
  if (!Array.isArray(evidence)) return []
  return evidence.flatMap((item: { readonly tool?: unknown; readonly quote?: unknown } | null) => {
    if (typeof item?.tool !== 'string' || typeof item.quote !== 'string') return []
    const quote = { tool: item.tool, quote: item.quote }
    return [{ ...quote, grounded: isGrounded(quote, results) }]
  })
}
