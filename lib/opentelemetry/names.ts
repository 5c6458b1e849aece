/**
 * Names of OpenTelemetry's GenAI conventions, as of semantic conventions 1.41, which libraries emit today. The
 * conventions are in development and moved to a repository of their own: a rename is a change of this file.
 */
export const operation = { agent: 'invoke_agent', chat: 'chat', tool: 'execute_tool' } as const

export const attribute = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  conversation: 'gen_ai.conversation.id',
  agentName: 'gen_ai.agent.name',
  responseId: 'gen_ai.response.id',
  responseModel: 'gen_ai.response.model',
  finishReasons: 'gen_ai.response.finish_reasons',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cachedInputTokens: 'gen_ai.usage.cache_read.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  toolName: 'gen_ai.tool.name',
  toolCallId: 'gen_ai.tool.call.id',
  toolType: 'gen_ai.tool.type',
  /** Contents: recorded only on request. */
  toolArguments: 'gen_ai.tool.call.arguments',
  toolResult: 'gen_ai.tool.call.result',
  errorType: 'error.type',
  /** Of this library: what the conventions have no word for. */
  stopReason: 'tenrounds.stop_reason',
  round: 'tenrounds.round',
  rounds: 'tenrounds.rounds',
  limit: 'tenrounds.limit',
} as const
