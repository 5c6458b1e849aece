import type { Infer, Returnable } from '../../../router/schema.ts'
import { fixPlanSchema } from '../../../tools/schemas/fix-plan.ts'
import type { FixPlan, FixResult, Telemetry, Validation } from '../../../tools/types.ts'
import type { RunSummary } from '../../loop/run.ts'
import type { TraceEntry } from '../../loop/trace.ts'

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
  /** What happened, in order. */
  readonly agent_trace: readonly TraceEntry[]
  /** The facts about the run as a whole. */
  readonly run: RunSummary
}

const sentence = { type: 'string', minLength: 1 } as const
const sentences = { type: 'array', items: sentence } as const

/** Schema of the model's answer: its diagnosis and its plan. Everything else is taken from tool results. */
export const answerSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['diagnosis', 'fix_plan'],
  properties: {
    diagnosis: {
      type: 'object',
      additionalProperties: false,
      required: ['root_cause', 'summary', 'category', 'confidence', 'evidence', 'ruled_out', 'uncertainties'],
      properties: {
        root_cause: { ...sentence, description: 'The cause, not its symptoms, in one sentence.' },
        summary: { ...sentence, description: 'What happened and why, for the engineer on call.' },
        category: { ...sentence, description: 'The class of the cause in one or two words, e.g. "kv_cache".' },
        confidence: { enum: ['high', 'medium', 'low'] },
        evidence: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['tool', 'quote'],
            properties: {
              tool: { ...sentence, description: 'Name of the tool whose result is quoted.' },
              quote: { ...sentence, description: 'Copied from that result without changes.' },
            },
          },
        },
        ruled_out: { ...sentences, description: 'Other causes that were considered, with the reason against each.' },
        uncertainties: { ...sentences, description: 'Open questions that the data does not answer.' },
      },
    },
    fix_plan: fixPlanSchema,
  },
} as const

/** The model's answer, as {@link answerSchema} describes it. */
export type Answer = Returnable<Infer<typeof answerSchema>>

/** A piece of a tool result, as the model quotes it. */
export type Quote = Answer['diagnosis']['evidence'][number]
