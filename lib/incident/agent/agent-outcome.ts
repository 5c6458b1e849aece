import type { Infer } from '../../../router/schema.ts'
import type { ToolResult } from '../../../router/tool-call.ts'
import type { Telemetry, Validation } from '../../../tools/types.ts'
import type { Run } from '../../loop/run.ts'
import type { AgentResult, answerSchema, Diagnosis } from './agent-result.ts'
import { type FixChain, fixChain } from './fix-chain.ts'
import { hotspotEvidence, isGrounded } from './grounding.ts'

export type Answer = Infer<typeof answerSchema>

/** Puts the result together: the model's words from its answer, every figure from a tool result. */
export function outcomeOf(run: Run<Answer>, preTelemetry: Telemetry): AgentResult {
  const answered = run.stopReason === 'answered' ? run.answer : undefined
  const chain = fixChain(run.results, preTelemetry, answered?.fix_plan.actions)
  return {
    diagnosis: run.stopReason === 'answered' ? grounded(run.answer.diagnosis, run.results) : bestEffort(run),
    fix_plan: chain?.plan ?? answered?.fix_plan ?? null,
    fix_result: chain?.fixResult ?? null,
    post_telemetry: chain?.postTelemetry ?? null,
    validation: validationOf(run, chain),
    agent_trace: run.trace,
  }
}

/** Only an accepted answer carries a validation: at a limit nobody has said that the last attempt was the final one. */
function validationOf(run: Run<Answer>, chain: FixChain | undefined): Validation {
  if (run.stopReason !== 'answered') {
    const summary = `The run ended without an accepted answer (${run.stopReason}), so nothing is confirmed.`
    return { status: 'unknown', deltas: chain?.validation?.deltas ?? [], summary }
  }
  const summary = 'The fix of the answer was not validated in the simulation.'
  return chain?.validation ?? { status: 'unknown', deltas: [], summary }
}

function grounded(diagnosis: Answer['diagnosis'], results: readonly ToolResult[]): Diagnosis {
  return {
    ...diagnosis,
    evidence: diagnosis.evidence.map((item) => ({ ...item, grounded: isGrounded(item, results) })),
  }
}

/** What can be said without an accepted answer: the rejected one where it has the form, else that there is none. */
function bestEffort(run: Exclude<Run<Answer>, { stopReason: 'answered' }>): AgentResult['diagnosis'] {
  const why = `The run ended without an accepted answer (${run.stopReason}).`
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
    uncertainties: [...(run.partial?.problems ?? []), ...text],
  }
}

function evidenceOf(evidence: unknown, results: readonly ToolResult[]): Diagnosis['evidence'] {
  if (!Array.isArray(evidence)) return hotspotEvidence(results)
  return evidence.flatMap((item: { readonly tool?: unknown; readonly quote?: unknown } | null) => {
    if (typeof item?.tool !== 'string' || typeof item.quote !== 'string') return []
    const quote = { tool: item.tool, quote: item.quote }
    return [{ ...quote, grounded: isGrounded(quote, results) }]
  })
}
