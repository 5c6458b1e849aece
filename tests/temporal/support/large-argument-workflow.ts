import { proxyActivities } from '@temporalio/workflow'

/** Calls an activity with an argument of `bytes` bytes. The server first sees it when the activity is scheduled. */
export async function largeArgumentWorkflow(bytes: number): Promise<unknown> {
  const { work } = proxyActivities<{ work(argument: string): Promise<unknown> }>({
    startToCloseTimeout: '1m',
    scheduleToCloseTimeout: '2m',
    heartbeatTimeout: '3s',
  })
  return work('i'.repeat(bytes))
}
