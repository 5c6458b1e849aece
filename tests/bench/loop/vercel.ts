import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { tool as aiTool, generateText, stepCountIs } from 'ai'
import { apiKey, parameters } from './peer-setup.ts'
import { type Contender, type Course, instructions, modelName, prompt, toolDescription, toolName } from './work.ts'

export function vercel({ baseUrl, readLog }: Course): Contender {
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
