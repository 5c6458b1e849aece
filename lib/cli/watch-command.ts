import { follow } from './follow.ts'
import { withClient } from './with-client.ts'

/** `tenrounds watch`: shows the rounds of a running workflow, then its verdict. It may be called at any time and any number of times. */
export function watchCommand(workflowId: string): Promise<number> {
  return withClient((client) => follow(client.workflow.getHandle(workflowId)))
}
