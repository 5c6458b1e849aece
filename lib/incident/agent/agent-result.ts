import type { Infer, Returnable } from '../../../router/schema.ts'
import type { ObjectSchema } from '../../../router/schema-object.ts'
import { fixPlanSchema, fixResultSchema } from '../../../tools/schemas/fix-plan.ts'
import { telemetrySchema } from '../../../tools/schemas/telemetry.ts'
import { validationSchema } from '../../../tools/schemas/validation.ts'
import { runSummarySchema } from '../../loop/run.ts'
import type { TraceEntry } from '../../loop/trace.ts'

// The documents of the incident agent. Each type is inferred from its schema, whose descriptions document the members.

const text = { type: 'string' } as const
const sentence = { type: 'string', minLength: 1 } as const
const sentences = { type: 'array', items: sentence } as const

const quoteSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tool', 'quote'],
  properties: {
    tool: { ...sentence, description: 'Name of the tool whose result is quoted, or pre_telemetry.' },
    quote: { ...sentence, description: 'Copied from that result without changes.' },
  },
} as const

/**
 * Schema of the model's answer: its diagnosis and its plan. Everything else is taken from tool results. The model may give
 * the plan as a reference, which is resolved before.
 */
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
        evidence: { type: 'array', items: quoteSchema },
        ruled_out: { ...sentences, description: 'Other causes that were considered, with the reason against each.' },
        uncertainties: { ...sentences, description: 'Open questions that the data does not answer.' },
      },
    },
    fix_plan: fixPlanSchema,
  },
} as const

/**
 * The part of {@link answerSchema} that the model is shown, without the format of a plan: the schema of
 * `apply_fix_simulation` states that. Answers are checked against the whole schema.
 */
export const shownAnswerSchema: ObjectSchema = {
  type: 'object',
  required: [...answerSchema.required],
  properties: {
    diagnosis: {
      type: 'object',
      required: [...answerSchema.properties.diagnosis.required],
      properties: {
        root_cause: text,
        summary: text,
        category: text,
        confidence: answerSchema.properties.diagnosis.properties.confidence,
        evidence: {
          type: 'array',
          items: { type: 'object', required: [...quoteSchema.required], properties: { tool: text, quote: text } },
        },
        ruled_out: { type: 'array', items: text },
        uncertainties: { type: 'array', items: text },
      },
    },
    fix_plan: { type: 'object' },
  },
}

/** Schema of a {@link Diagnosis}: the model's diagnosis, with every quote checked. */
export const diagnosisSchema = {
  ...answerSchema.properties.diagnosis,
  properties: {
    ...answerSchema.properties.diagnosis.properties,
    evidence: {
      type: 'array',
      items: {
        ...quoteSchema,
        required: ['tool', 'quote', 'grounded'],
        properties: {
          ...quoteSchema.properties,
          grounded: {
            type: 'boolean',
            description:
              'Whether a result of that tool contains the quote, and it is a log line, a figure or a setting.',
          },
          reason: { ...sentence, description: 'Why the quote is not grounded. Absent if it is.' },
        },
      },
    },
  },
} as const

const none = { type: 'null' } as const

/** Schema of an {@link Attempt}. */
const attemptSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['round', 'summary', 'actions', 'status', 'text', 'is_final'],
  properties: {
    round: { type: ['integer', 'null'], minimum: 1, description: 'Round of the call; null if it is not known.' },
    summary: { ...text, description: "The plan's summary." },
    actions: {
      ...fixPlanSchema.properties.actions,
      minItems: 0,
      description: 'Empty if the simulation could not read them.',
    },
    status: {
      enum: [...validationSchema.properties.status.enum, 'refused', 'not_validated'],
      description: 'Status of the validation. `refused`: the simulation did not accept the plan.',
    },
    text: { ...text, description: "The validation's summary, or why the plan has no validation." },
    is_final: { type: 'boolean', description: 'Whether it is the plan of the result.' },
  },
} as const

/**
 * Schema of an {@link AgentResult}.
 *
 * `diagnosis` and `fix_plan` come from the model. `fix_result`, `post_telemetry` and `validation` come from tool results,
 * never from the model's words. They are `null`, or `unknown`, if the tool was not called successfully for this fix. A plan
 * that changes nothing needs no call: its validation says whether a change is needed.
 */
export const agentResultSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'diagnosis',
    'fix_plan',
    'fix_result',
    'post_telemetry',
    'validation',
    'attempts',
    'violations',
    'agent_trace',
    'run',
  ],
  properties: {
    diagnosis: {
      ...diagnosisSchema,
      description: "The model's diagnosis; best effort if its answer was not accepted.",
    },
    fix_plan: {
      anyOf: [fixPlanSchema, none],
      description: "The answer's plan, else the plan that was simulated last.",
    },
    fix_result: { anyOf: [fixResultSchema, none], description: 'Result of applying the plan in the simulation.' },
    post_telemetry: { anyOf: [telemetrySchema, none], description: 'Telemetry of the simulation after the fix.' },
    validation: { ...validationSchema, description: 'The fix compared with no fix; `unknown` without an answer.' },
    attempts: {
      type: 'array',
      description:
        'Every plan that was tried in the simulation, in order, once each. Last a plan of the result that was not simulated.',
      items: attemptSchema,
    },
    violations: {
      type: 'array',
      description:
        'Rules that the result breaks, for example a quote that no tool result contains. Empty if it breaks none.',
      items: sentence,
    },
    agent_trace: {
      type: 'array',
      description: 'Replies, tool calls, repairs and limits, in order.',
      items: {
        type: 'object',
        required: ['type', 'elapsed_ms'],
        properties: {
          type: { type: 'string', description: 'Kind of entry; it determines the other members.' },
          elapsed_ms: { type: 'integer', minimum: 0, description: 'Milliseconds since the run began.' },
        },
      },
    },
    run: {
      ...runSummarySchema,
      description: 'Facts about the run as a whole.',
      properties: {
        ...runSummarySchema.properties,
        attempt: {
          type: 'integer',
          minimum: 1,
          description: 'The attempt of the Temporal activity that ended the run; absent outside Temporal.',
        },
      },
    },
  },
} as const

/** The model's answer. */
export type Answer = Returnable<Infer<typeof answerSchema>>

/** A piece of a tool result, as the model quotes it. */
export type Quote = Answer['diagnosis']['evidence'][number]

/** The cause of the incident, with evidence, as the model sees it. */
export type Diagnosis = Returnable<Infer<typeof diagnosisSchema>>

/** A quote, and whether a result of its tool contains it. */
export type Evidence = Diagnosis['evidence'][number]

/** A plan that was tried in the simulation. */
export type Attempt = Returnable<Infer<typeof attemptSchema>>

type ResultDocument = Returnable<Infer<typeof agentResultSchema>>

/** The outcome of one incident. */
export type AgentResult = Omit<ResultDocument, 'agent_trace'> & {
  /** Replies, tool calls, repairs and limits, in order. The type of an entry follows from the event that it records. */
  readonly agent_trace: readonly TraceEntry[]
}
