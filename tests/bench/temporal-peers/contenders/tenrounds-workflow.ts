import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow'
import type { Activities } from './tenrounds.ts'

const { run_agent } = proxyActivities<Activities>({
  startToCloseTimeout: '5m',
  scheduleToCloseTimeout: '30m',
  heartbeatTimeout: '20s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
})

export async function agentWorkflow(prompt: string): Promise<string> {
  const run = await run_agent(prompt)
  return run.stop_reason === 'answered' ? run.answer : `no answer: ${run.stop_reason} ${run.error?.message ?? ''}`
}
