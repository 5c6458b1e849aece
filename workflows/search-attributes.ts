import { Context } from '@temporalio/activity'

/**
 * Names of search attributes. One that is not registered in the namespace, or has another type, is not set, and the worker
 * logs a warning: Temporal would retry the workflow task until it is registered.
 */
export interface IncidentSearchAttributes {
  /** Name of an attribute of type Keyword for the stop reason. */
  readonly stop_reason?: string
  /** Name of an attribute of type Int for the number of rounds. */
  readonly rounds?: string
}

/** gRPC's enum of the types of search attributes. */
const keywordType = 2
const intType = 3

/** Longest time for a question to the server, in milliseconds. */
const questionMs = 5_000

/**
 * Leaves out the names that the namespace does not have, or has with another type. A server that does not answer this question, perhaps
 * because the worker may not ask, is taken to have all of them.
 */
export async function usableSearchAttributes(names: IncidentSearchAttributes): Promise<IncidentSearchAttributes> {
  const { client, info, log } = Context.current()
  const { namespace } = info
  let types: { readonly [name: string]: number }
  try {
    const { operatorService } = client.connection
    const listed = await client.withDeadline(Date.now() + questionMs, () =>
      operatorService.listSearchAttributes({ namespace }),
    )
    types = listed.customAttributes ?? {}
  } catch (error) {
    log.warn('The search attributes of the namespace cannot be listed, so they are taken to be registered.', { error })
    return names
  }
  const usable = {
    ...(names.stop_reason !== undefined &&
      types[names.stop_reason] === keywordType && { stop_reason: names.stop_reason }),
    ...(names.rounds !== undefined && types[names.rounds] === intType && { rounds: names.rounds }),
  }
  if (Object.keys(usable).length < Object.keys(names).length) {
    const advice = 'Register stop_reason as Keyword and rounds as Int, or leave search_attributes out.'
    log.warn(`A search attribute is not registered with its type in the namespace, so it is not set. ${advice}`, {
      names,
      namespace,
    })
  }
  return usable
}
