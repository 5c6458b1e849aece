import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { AiSdkPlugin } from '@temporalio/ai-sdk'
import type { ContenderOptions, Course } from '../contender.ts'

/** As the package's guide says. The plugin adds the activity for model calls. */
export function contend({ baseUrl, work }: Course): ContenderOptions {
  const modelProvider = createOpenAICompatible({ name: 'bench', baseURL: baseUrl, apiKey: 'any' })
  return { activities: { work }, plugins: [new AiSdkPlugin({ modelProvider })] }
}
