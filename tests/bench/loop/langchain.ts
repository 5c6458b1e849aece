import { ChatOpenAI } from '@langchain/openai'
import { createAgent, tool as langchainTool } from 'langchain'
import { apiKey, parameters } from './peer-setup.ts'
import { type Contender, type Course, instructions, modelName, prompt, toolDescription, toolName } from './work.ts'

export function langchain({ baseUrl, readLog }: Course): Contender {
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
