import { Agent } from '@openai/agents-core'
import { activityAsTool, TemporalOpenAIRunner } from '@temporalio/openai-agents/workflow'
import { toolName } from '../script.ts'
import { workDescription, workSchema } from '../work-contract.ts'

export async function agentWorkflow(prompt: string): Promise<string> {
  const parameters = { ...workSchema, required: [...workSchema.required] }
  const work = activityAsTool(
    { name: toolName, description: workDescription, parameters },
    { startToCloseTimeout: '10s', retryPolicy: { maximumAttempts: 3 } },
  )
  const agent = new Agent({ name: 'bench', instructions: '', model: 'any', tools: [work] })
  const runner = new TemporalOpenAIRunner({ defaultModelParams: { startToCloseTimeout: '30s' } })
  const { finalOutput } = await runner.run(agent, prompt, { maxTurns: 10 })
  return finalOutput ?? 'no answer'
}
