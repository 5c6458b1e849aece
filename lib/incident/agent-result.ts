import type { FixPlan, FixResult, Telemetry, Validation } from '../../tools/documents.ts'
import type { Trace } from '../loop/trace.ts'

/** What the model concluded. */
export interface Diagnosis {
  readonly root_cause: string
  readonly summary: string
  /** The class of the cause, in a word or two, e.g. `kv_cache`, `xid`, `none`, `unknown`. */
  readonly category: string
  readonly confidence: 'high' | 'medium' | 'low'
  readonly evidence: readonly Evidence[]
  /** Causes that were considered and set aside, with the reason. */
  readonly ruled_out: readonly string[]
  readonly uncertainties: readonly string[]
}

/** A piece of a tool result that supports the diagnosis. */
export interface Evidence {
  /** The tool whose result is quoted. */
  readonly tool: string
  /** Verbatim piece of that result. */
  readonly quote: string
  /** Whether a result of that tool really contains the quote; checked, not claimed. */
  readonly grounded: boolean
}

/**
 * The outcome of one incident.
 *
 * `diagnosis` and `fix_plan` are the model's. `fix_result`, `post_telemetry` and `validation` are taken from tool results
 * and never from the model's retelling; `null` where the tool was not called with success.
 */
export interface AgentResult {
  readonly diagnosis: Diagnosis
  readonly fix_plan: FixPlan | null
  readonly fix_result: FixResult | null
  readonly post_telemetry: Telemetry | null
  readonly validation: Validation
  readonly agent_trace: Trace
}
