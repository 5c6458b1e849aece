import type { Infer, Returnable } from '../../router/schema.ts'
import { runErrorSchema } from './errors.ts'
import { limitReasons, stopReasons } from './limits.ts'
import { usageRecord, usageSchema } from './model.ts'
import type { Run } from './run.ts'

const text = { type: 'string' } as const
const count = { type: 'integer', minimum: 0 } as const

/** JSON Schema of a {@link RunSummary}. */
export const runSummarySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['run_id', 'model', 'provider', 'stop_reason', 'rounds', 'usage', 'duration_ms'],
  properties: {
    run_id: { ...text, description: 'Id of the run; the ids of its tool calls start with it.' },
    model: { ...text, description: 'Name of the model, as the `Model` gives it.' },
    provider: { ...text, description: "OpenTelemetry's name of the provider, for example `minimax`." },
    stop_reason: { enum: stopReasons, description: 'Why the run ended.' },
    limit: { enum: limitReasons, description: 'The limit that was reached; absent if none was.' },
    rounds: { ...count, description: 'Model replies of the run.' },
    usage: usageSchema,
    duration_ms: { ...count, description: 'Time of the run in milliseconds, earlier processes included.' },
    error: runErrorSchema,
  },
} as const

/** The facts about a run as a whole, as plain JSON. What happened step by step is in its trace. */
export type RunSummary = Returnable<Infer<typeof runSummarySchema>>

/** Summarises a run for a JSON document, such as a report. */
export function summarizeRun(run: Run<unknown>): RunSummary {
  const error = run.stopReason === 'answered' ? undefined : run.error
  return {
    run_id: run.runId,
    model: run.model,
    provider: run.provider,
    stop_reason: run.stopReason,
    ...(run.limit === undefined ? {} : { limit: run.limit }),
    rounds: run.rounds,
    usage: usageRecord(run.usage),
    duration_ms: Math.round(run.durationMs),
    ...(error === undefined ? {} : { error }),
  }
}
