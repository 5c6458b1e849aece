import type { ToolResult } from '../../router/tool-call.ts'

type Success = Extract<ToolResult, { status: 'ok' }>

/** The results of one tool that are no errors, in order. */
export function successes(results: readonly ToolResult[], tool: string): readonly Success[] {
  return results.filter((result): result is Success => result.status === 'ok' && result.name === tool)
}
