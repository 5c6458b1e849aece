import { Agent, tool as agentsTool, OpenAIChatCompletionsModel, run, setTracingDisabled } from '@openai/agents'
import OpenAI from 'openai'
import { apiKey, parameters } from './peer-setup.ts'
import { type Contender, type Course, instructions, modelName, prompt, toolDescription, toolName } from './work.ts'

export function openai({ baseUrl, readLog }: Course): Contender {
  setTracingDisabled(true)
  const client = new OpenAI({ baseURL: baseUrl, apiKey, maxRetries: 0 })
  const agent = new Agent({
    name: 'bench',
    instructions,
    model: new OpenAIChatCompletionsModel(client, modelName),
    tools: [agentsTool({ name: toolName, description: toolDescription, parameters, execute: readLog })],
  })
  return {
    name: '@openai/agents',
    run: async () => (await run(agent, prompt, { maxTurns: 10 })).finalOutput ?? '',
  }
}
