import type { Usage } from '../../lib/loop/model.ts'
import { defineTool } from '../../router/define-tool.ts'
import type { ToolAnnotations, ToolContext } from '../../router/tool.ts'

/** Token counts of one model reply; any of them can be overridden. */
export function usage(counts: Partial<Usage> = {}): Usage {
  return { inputTokens: 10, outputTokens: 5, cachedInputTokens: 0, reasoningTokens: 0, ...counts }
}

/** Token counts as MiniMax writes them in a reply. */
export const wireUsage = { total_tokens: 12, prompt_tokens: 10, completion_tokens: 2 } as const

interface EmptyToolDefinition<Output> {
  readonly name: string
  readonly description?: string
  readonly annotations?: ToolAnnotations
  readonly timeoutMs?: number
  readonly retries?: number
  readonly execute: (input: { readonly [name: string]: unknown }, context: ToolContext) => Output | Promise<Output>
}

/** A tool that accepts any object. Its description is its name unless one is given. */
export function emptyTool<Output>(definition: EmptyToolDefinition<Output>) {
  return defineTool({ description: definition.name, ...definition, inputSchema: { type: 'object' } })
}
