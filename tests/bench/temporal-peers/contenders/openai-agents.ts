import { createRequire } from 'node:module'
import type { ContenderOptions, Course } from '../contender.ts'

/**
 * The CommonJS builds, as in the package's guide. The plugin recognises an error of the client by its class, and from an ES
 * module the client has another class: then neither `retry-after` nor a 401 is respected.
 */
const require = createRequire(import.meta.url)
const { setTracingDisabled }: typeof import('@openai/agents-core') = require('@openai/agents-core')
const { OpenAIProvider }: typeof import('@openai/agents-openai') = require('@openai/agents-openai')
const { OpenAIAgentsPlugin }: typeof import('@temporalio/openai-agents') = require('@temporalio/openai-agents')

/** As the package's guide says, with chat completions. The plugin adds the activity for model calls. */
export function contend({ baseUrl, work }: Course): ContenderOptions {
  setTracingDisabled(true)
  const modelProvider = new OpenAIProvider({ baseURL: baseUrl, apiKey: 'any', useResponses: false })
  return { activities: { work }, plugins: [new OpenAIAgentsPlugin({ modelProvider })] }
}
