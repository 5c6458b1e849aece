export type { FunctionTool } from '../router/advertised-schema.ts'
export { defineTool } from '../router/define-tool.ts'
export { InvalidOptionError, InvalidToolError, TenroundsError } from '../router/errors.ts'
export type { AssistantMessage, WireToolCall } from '../router/reading/assistant-message.ts'
export type { Protocol } from '../router/reading/call-shapes.ts'
export type { Reading } from '../router/reading/read-reply.ts'
export type { Place, SchemaOf, TextCall, TextFormat, TextReading, TextScan } from '../router/reading/text-format.ts'
export type { ReferencedResult, ReferenceTargets } from '../router/references.ts'
export type { DispatchCallsOptions, ReadReplyOptions, Router } from '../router/router.ts'
export { createRouter } from '../router/router.ts'
export type { RunToolOptions, RunToolResult } from '../router/run-tool.ts'
export { runTool } from '../router/run-tool.ts'
export type { Infer, SchemaFor } from '../router/schema.ts'
export type { ObjectSchema, SchemaObject } from '../router/schema-object.ts'
export type { ExecutableTool, Tool, ToolAnnotations, ToolContext } from '../router/tool.ts'
export type {
  CallRefusal,
  Repair,
  RepairKind,
  ToolCall,
  ToolError,
  ToolErrorKind,
  ToolResult,
} from '../router/tool-call.ts'
export type { Checkpoint, PartialAnswer } from './loop/checkpoint.ts'
export type { Approval, CallToApprove, Decision, Denial, WaitingCall } from './loop/decisions.ts'
export type { LoopErrorCode, ModelErrorCode, ModelErrorFields, RunError } from './loop/errors.ts'
export { isModelError, LoopError, ModelError } from './loop/errors.ts'
export type { LoopEvent } from './loop/events.ts'
export type { LimitReason, Limits, StopReason, WaitReason } from './loop/limits.ts'
export type { ChatMessage } from './loop/messages.ts'
export type {
  FinishReason,
  Model,
  ModelReply,
  ModelRequest,
  ModelRetry,
  SerializedMessage,
  Usage,
  UsageRecord,
} from './loop/model.ts'
export type { AnswerContract, AnswerOf, CheckpointStep, Run, RunOptions, RunSummary, RunView } from './loop/run.ts'
export { summarizeRun } from './loop/run.ts'
export type { Clock } from './loop/run-deadline.ts'
export { runLoop } from './loop/run-loop.ts'
export type { TraceEntry } from './loop/trace.ts'
export type { MinimaxModel } from './minimax/minimax.ts'
export { minimax } from './minimax/minimax.ts'
export type { MinimaxOptions } from './minimax/options.ts'
export type { RequestOptions } from './minimax/request-options.ts'
