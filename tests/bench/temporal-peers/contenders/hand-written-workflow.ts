import { isCancellation, proxyActivities } from '@temporalio/workflow'
import type { Activities, Message } from './hand-written.ts'

const { call_model } = proxyActivities<Activities>({ startToCloseTimeout: '2m', heartbeatTimeout: '20s' })
const { work } = proxyActivities<Activities>({ startToCloseTimeout: '20s', retry: { maximumAttempts: 3 } })

export async function agentWorkflow(prompt: string): Promise<string> {
  const messages: Message[] = [{ role: 'user', content: prompt }]
  for (let round = 0; round < 10; round++) {
    const message = await call_model(messages)
    messages.push(message)
    if (message.tool_calls === undefined) return message.content ?? ''
    for (const call of message.tool_calls) {
      messages.push({ role: 'tool', tool_call_id: call.id, content: await resultOf(call.function.arguments) })
    }
  }
  return 'no answer: rounds'
}

/** There is one tool, so its name is not looked at; and a failure is a text for the model. */
async function resultOf(input: string): Promise<string> {
  try {
    return await work(JSON.parse(input))
  } catch (error) {
    if (isCancellation(error)) throw error
    return `error: ${error instanceof Error ? (error.cause ?? error) : error}`
  }
}
