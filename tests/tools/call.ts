import { runTool } from '../../router/run-tool.ts'
import type { Tool } from '../../router/tool.ts'

/** Calls a tool and returns its value. A failed call rejects with the message that a model would get. */
export async function call<Input, Output>(tool: Tool<Input, Output>, input: unknown): Promise<Output> {
  const result = await runTool(tool, input)
  if (result.status === 'error') throw new Error(result.error.message)
  return result.value
}
