import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatOpenAI } from '@langchain/openai'
import { Agent, tool as agentsTool, OpenAIChatCompletionsModel, run, setTracingDisabled } from '@openai/agents'
import { tool as aiTool, generateText, stepCountIs } from 'ai'
import { createAgent, tool as langchainTool } from 'langchain'
import OpenAI from 'openai'
import { z } from 'zod'
import { type Contender, type Course, instructions, modelName, prompt, toolDescription, toolName } from './work.ts'

/** The peers as their own guides set them up, with ten rounds, no retries and no tracing. */
export function peers(course: Course): readonly Contender[] {
  return [vercel(course), openai(course), langchain(course)]
}

const parameters = z.strictObject({ page: z.int().min(0), topic: z.string() })
const apiKey = 'bench'

function vercel({ baseUrl, readLog }: Course): Contender {
  const model = createOpenAICompatible({ name: 'bench', baseURL: baseUrl, apiKey }).chatModel(modelName)
  const tools = { [toolName]: aiTool({ description: toolDescription, inputSchema: parameters, execute: readLog }) }
  return {
    name: 'ai',
    run: async () => {
      const stopWhen = stepCountIs(10)
      const { text } = await generateText({ model, tools, system: instructions, prompt, stopWhen, maxRetries: 0 })
      return text
    },
  }
}

function openai({ baseUrl, readLog }: Course): Contender {
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

function langchain({ baseUrl, readLog }: Course): Contender {
  process.env['LANGSMITH_TRACING'] = 'false'
  process.env['LANGCHAIN_TRACING_V2'] = 'false'
  const agent = createAgent({
    model: new ChatOpenAI({ model: modelName, apiKey, maxRetries: 0, configuration: { baseURL: baseUrl } }),
    tools: [langchainTool(readLog, { name: toolName, description: toolDescription, schema: parameters })],
    systemPrompt: instructions,
  })
  return {
    name: 'langchain',
    run: async () => {
      const { messages } = await agent.invoke({ messages: [{ role: 'user', content: prompt }] }, { recursionLimit: 50 })
      const last = messages.at(-1)?.content
      return typeof last === 'string' ? last : JSON.stringify(last)
    },
  }
}
