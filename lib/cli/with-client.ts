import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import { connectClient } from '../../workflows/client.ts'
import { TemporalConnectionError } from '../../workflows/connection.ts'
import { UsageError } from './exit-code.ts'

/** @throws {UsageError} where there is no server, no such namespace or no such workflow. */
export async function withClient(work: (client: Client) => Promise<number>): Promise<number> {
  const client = await connectClient().catch((error: unknown) => {
    throw error instanceof TemporalConnectionError ? new UsageError(error.message) : error
  })
  try {
    return await work(client)
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error
    const { namespace } = client.options
    throw new UsageError(`There is no workflow "${error.workflowId}" in the namespace "${namespace}".`)
  } finally {
    await client.connection.close()
  }
}
