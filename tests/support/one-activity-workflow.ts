import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow'

/** The activity to call. */
export interface OneActivityInput {
  readonly activity: string
  readonly argument?: unknown
  readonly options?: ActivityOptions
}

/** Calls one activity and returns its result, even after a cancellation. */
export async function oneActivityWorkflow({ activity, argument, options }: OneActivityInput): Promise<unknown> {
  const activities = proxyActivities<Record<string, (argument: unknown) => Promise<unknown>>>({
    startToCloseTimeout: '1m',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    ...options,
  })
  const call = activities[activity]
  if (call === undefined) throw new Error(`No activity ${activity}`)
  return call(argument)
}
