import { type RunToolOptions, runTool } from '../../../router/run-tool.ts'
import type { Tool } from '../../../router/tool.ts'

/** Calls one of the tools as a run does. */
export function callTool(tools: readonly Tool[], name: string, input: object, options: RunToolOptions = {}) {
  const tool = tools.find((one) => one.name === name)
  if (tool === undefined) throw new Error(`There is no tool ${name}.`)
  return runTool(tool as Tool<object>, input, options)
}

/** The value of a result, or its error. */
export function outcomeOf(result: Awaited<ReturnType<typeof callTool>>): unknown {
  return result.status === 'ok' ? result.value : result.error
}
