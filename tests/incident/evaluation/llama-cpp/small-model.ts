import { fileURLToPath } from 'node:url'
import {
  collectTelemetry,
  type EvaluationDocument,
  evaluate,
  runIncidentAgent,
} from '../../../../lib/incident/index.ts'
import type { Model } from '../../../../lib/loop/model.ts'

/** The recorded replies. README.md of this folder names the model and the commands. */
export const cassette = fileURLToPath(new URL('cassette.jsonl', import.meta.url))

/** Evaluates a small model as the arm `llama.cpp`, with few rounds, so that its cassette stays small. */
export function evaluateSmallModel(model: Model): Promise<EvaluationDocument> {
  return evaluate({
    scenarios: ['kv_cache_pressure'],
    subject: {
      name: 'llama.cpp',
      execute: async (scenario, { signal }) => {
        const pre_telemetry = await collectTelemetry(scenario)
        // A replay needs no time, so the time must not end the recording either.
        const limits = { rounds: 5, deadlineMs: 3_600_000 }
        return runIncidentAgent({ scenario, pre_telemetry }, { model, limits, signal })
      },
    },
  })
}
