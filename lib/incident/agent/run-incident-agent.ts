import type { ToolResult } from '../../../router/tool-call.ts'
import { incidentTools } from '../../../tools/index.ts'
import type { Telemetry } from '../../../tools/types.ts'
import type { RunOptions, RunView } from '../../loop/run.ts'
import { runLoop } from '../../loop/run-loop.ts'
import { minimax } from '../../minimax/minimax.ts'
import { type Answer, outcomeOf } from './agent-outcome.ts'
import { type AgentResult, answerSchema } from './agent-result.ts'
import { hasSimulated } from './fix-chain.ts'
import { groundingProblems } from './grounding.ts'
import { instructions, userPrompt } from './incident-prompt.ts'

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
    inputs: { pre_telemetry: input.pre_telemetry },
  })
  return outcomeOf(run, input.pre_telemetry)
}

/** Every quote has to be in a tool result, and a plan has to be one that was simulated, if any was. */
function check({ diagnosis, fix_plan: plan }: Answer, { results }: RunView): readonly string[] {
  return [
    ...evidenceProblems(diagnosis),
    ...groundingProblems(diagnosis.evidence, results),
    ...planProblems(plan, results),
  ]
}

function evidenceProblems({ evidence, confidence }: Answer['diagnosis']): readonly string[] {
  if (evidence.length > 0 || confidence === 'low') return []
  return [`diagnosis.evidence is empty: confidence "${confidence}" needs at least one quote of a tool result.`]
}

function planProblems(plan: Answer['fix_plan'], results: readonly ToolResult[]): readonly string[] {
  const simulated = results.some(({ name, status }) => name === 'apply_fix_simulation' && status === 'ok')
  if (!simulated || hasSimulated(plan.actions, results)) return []
  return [
    'fix_plan.actions: these actions were not simulated; answer with a plan you applied, or call apply_fix_simulation with these.',
  ]
}
