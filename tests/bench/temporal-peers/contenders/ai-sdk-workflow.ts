import { TemporalProvider } from '@temporalio/ai-sdk/workflow'
import { proxyActivities } from '@temporalio/workflow'
import { generateText, isStepCount, tool } from 'ai'
import { z } from 'zod'
import { type Work, workDescription } from '../work-contract.ts'

// The guide's timeout is ten minutes, and a call of a killed worker is repeated after that time.
const provider = new TemporalProvider({ languageModel: { startToCloseTimeout: '20s' } })
const { work } = proxyActivities<{ work: Work }>({ startToCloseTimeout: '20s' })
const inputSchema = z.strictObject({ run: z.string(), step: z.int(), bytes: z.int() })

export async function agentWorkflow(prompt: string): Promise<string> {
  const { text, finishReason } = await generateText({
    model: provider.languageModel('any'),
    prompt,
    tools: { work: tool({ description: workDescription, inputSchema, execute: (input) => work(input) }) },
    stopWhen: isStepCount(10),
  })
  return text || `no answer: ${finishReason}`
}
