import { canonicalJson } from '../../router/canonical-json.ts'
import type { ToolResult } from '../../router/tool-call.ts'
import type { FixPlan, Telemetry } from '../../tools/documents.ts'
import { incidentTools } from '../../tools/index.ts'
import type { RunOptions, RunView } from '../loop/run.ts'
import { runLoop } from '../loop/run-loop.ts'
import { minimax } from '../minimax/minimax.ts'
import { type Answer, outcomeOf } from './agent-outcome.ts'
import type { AgentResult } from './agent-result.ts'
import { answerSchema } from './answer-schema.ts'
import { groundingProblems } from './grounding.ts'
import { instructions, userPrompt } from './prompt.ts'

/** Options of a run that make sense for the incident agent; without a `model` it is `minimax()`. */
export type IncidentAgentOptions = Partial<
  Pick<RunOptions, 'model' | 'signal' | 'onEvent' | 'limits' | 'resumeFrom' | 'onCheckpoint' | 'runId' | 'clock'>
>

export interface IncidentAgentInput {
  readonly scenario: string
  readonly pre_telemetry: Telemetry
}

/**
 * The agent step: diagnoses an incident, applies a fix to the simulation and validates it.
 *
 * Resolves for everything that can happen in a run; a failure is in `agent_trace.error` and `validation.status` is
 * `unknown` then.
 *
 * @throws {ModelError} `configuration` when no model is given and the environment holds no token.
 */
export async function runIncidentAgent(
  input: IncidentAgentInput,
  options: IncidentAgentOptions = {},
): Promise<AgentResult> {
  const run = await runLoop({
    ...options,
    model: options.model ?? minimax(),
    tools: incidentTools,
    instructions,
    prompt: userPrompt(input.scenario, input.pre_telemetry),
    answer: { schema: answerSchema, check },
    givens: { pre_telemetry: input.pre_telemetry },
  })
  return outcomeOf(run)
}

/** Every quote has to be in a tool result, and the plan has to be the one that was simulated last. */
function check(answer: Answer, run: RunView): readonly string[] {
  return [...groundingProblems(answer.diagnosis.evidence, run.results), ...planProblems(answer, run.results)]
}

function planProblems(answer: Answer, results: readonly ToolResult[]): readonly string[] {
  const applied = results.findLast(({ name, status }) => name === 'apply_fix_simulation' && status === 'ok')
  if (applied?.status !== 'ok') return []
  const { fix_plan } = applied.input as { readonly fix_plan: FixPlan }
  if (canonicalJson(fix_plan.actions) === canonicalJson(answer.fix_plan.actions)) return []
  return [
    'fix_plan.actions: these are not the actions you applied last with apply_fix_simulation; answer with those, or simulate these.',
  ]
}
