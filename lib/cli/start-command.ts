import { listScenarios, UnknownScenarioError } from '../../fixtures/load-scenario.ts'
import { startIncident } from '../../workflows/client.ts'
import { exitCode, UsageError } from './exit-code.ts'
import { follow } from './follow.ts'
import { withClient } from './with-client.ts'

export interface StartCommandOptions {
  readonly scenario: string
  /** Follow the workflow to its end. */
  readonly wait: boolean
}

/** `tenrounds start`: starts the incident workflow; a worker does the work. */
export function startCommand({ scenario, wait }: StartCommandOptions): Promise<number> {
  if (!listScenarios().includes(scenario)) throw new UsageError(new UnknownScenarioError(scenario).message)
  return withClient(async (client) => {
    const { handle } = await startIncident(scenario, { client })
    process.stdout.write(`${handle.workflowId}\n`)
    if (wait) return follow(handle)
    process.stderr.write(`started; see it with: tenrounds watch ${handle.workflowId}\n`)
    return exitCode.ok
  })
}
