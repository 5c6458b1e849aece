import { proxyActivities } from '@temporalio/workflow'

/** Makes an argument of so many bytes itself: unlike one that a client sends, it is first seen by the server when the activity is scheduled. */
export async function largeArgumentWorkflow(bytes: number): Promise<unknown> {
  const { work } = proxyActivities<{ work(argument: string): Promise<unknown> }>({
    startToCloseTimeout: '1m',
    scheduleToCloseTimeout: '2m',
    heartbeatTimeout: '3s',
  })
  return work('i'.repeat(bytes))
}
