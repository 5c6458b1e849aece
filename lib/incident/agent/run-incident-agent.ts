import { createIncidentTools } from '../../../tools/index.ts'
import { neutralIncident } from '../../../tools/neutral-incident.ts'
import { builtInScenarios, type ScenarioSource } from '../../../tools/scenario-source.ts'
import type { Telemetry } from '../../../tools/types.ts'
import type { RunOptions } from '../../loop/run.ts'
import { runLoop } from '../../loop/run-loop.ts'
import { minimax } from '../../minimax/minimax.ts'
import { outcomeOf } from './agent-outcome.ts'
import { type AgentResult, shownAnswerSchema } from './agent-result.ts'
import { answerProblems } from './answer-check.ts'
import { instructions, userPrompt } from './incident-prompt.ts'

/** The options of `runLoop` that the incident agent does not set itself. `model` is `minimax()` by default. */
export type IncidentAgentOptions = Partial<
  Pick<
    RunOptions,
    'model' | 'signal' | 'onEvent' | 'limits' | 'resumeFrom' | 'onCheckpoint' | 'mayWait' | 'runId' | 'clock'
  >
> & {
  /** The incidents that the tools work on. @defaultValue the built-in scenarios */
  readonly scenarios?: ScenarioSource
}

/** The incident that the agent works on. */
export interface IncidentAgentInput {
  /** Id of the scenario, for the tools. */
  readonly scenario: string
  /** Telemetry of the incident's window, before any fix. */
  readonly pre_telemetry: Telemetry
}

/**
 * Diagnoses an incident, applies a fix to the simulation and validates it.
 *
 * It does not throw because of something that happens during the run. A failed run has its error in `run.error`, and its
 * `validation.status` is `unknown`.
 *
 * @throws {ModelError} `configuration` if no model is given and the environment has no token.
 */
export async function runIncidentAgent(
  input: IncidentAgentInput,
  options: IncidentAgentOptions = {},
): Promise<AgentResult> {
  const { scenarios = builtInScenarios, onEvent, ...runOptions } = options
  // The name of an incident can tell its cause. People read it in the events and in the result.
  const { id, source, hideName, showName } = neutralIncident(scenarios, input.scenario)
  const preTelemetry = hideName(input.pre_telemetry)
  const run = await runLoop({
    ...runOptions,
    model: options.model ?? minimax(),
    tools: createIncidentTools({ scenarios: source }),
    instructions,
    prompt: userPrompt(id, preTelemetry),
    answer: {
      schema: shownAnswerSchema,
      check: (answer, { results }) => answerProblems(answer, results, preTelemetry),
    },
    showRepliesLeft: true,
    inputs: { pre_telemetry: preTelemetry },
    onEvent: onEvent && ((event) => onEvent(showName(event))),
  })
  return showName(outcomeOf(run, preTelemetry))
}
