export { type McpClient, type McpProgress, McpToolsError, type McpToolsErrorCode } from './call-tool.ts'
export { type McpToolsOptions, type McpWarning, type McpWarningKind, mcpTools } from './mcp-tools.ts'
