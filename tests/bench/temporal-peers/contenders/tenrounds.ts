import { defineTool, minimax } from 'tenrounds'
import { loopActivity, takeoverWorkerOptions } from 'tenrounds/temporal'
import type { Course } from '../contender.ts'
import { toolName } from '../script.ts'
import { workDescription, workSchema } from '../work-contract.ts'

/** As README shows it. Without annotations, a tool counts as one with side effects. */
export function contend({ baseUrl, work, isReadOnly = false }: Course) {
  const url = `${baseUrl}/chat/completions`
  const model = minimax({ url, token: 'any', model: 'any', env: {} })
  const annotations = isReadOnly ? { readOnlyHint: true, idempotentHint: true } : {}
  const tools = [
    defineTool({ name: toolName, description: workDescription, inputSchema: workSchema, annotations, execute: work }),
  ]
  // Room for results of 16 KB, which the peers show in full.
  const limits = { resultBytes: 20_000 }
  const run_agent = loopActivity((prompt: string) => ({ model, tools, prompt, limits }))
  return { activities: { run_agent }, ...takeoverWorkerOptions }
}

/** The activities, for the workflow. */
export type Activities = ReturnType<typeof contend>['activities']
