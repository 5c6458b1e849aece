// `tenrounds/testing`: tests without MiniMax.
//
//   scriptedModel                 a model that plays replies, for tests of tools, prompts and limits
//   recordModel, replayModel      record a real run once, and replay it without a network
//   startMockServer, faults       a server that speaks MiniMax's protocol and fails on request, for tests of HTTP clients
//   findBrokenRule                the first rule of MiniMax that a request breaks
//
// Nothing here knows incidents: a responder or a script decides every reply.

export { recordModel, replayModel } from './cassette/record-and-replay.ts'
export {
  CassetteError,
  type CassetteErrorCode,
  FaultError,
  type FaultErrorCode,
  ScriptError,
  type ScriptErrorCode,
} from './errors.ts'
export { faults, faultTable } from './faults/faults.ts'
export type { ReplyDraft, Responder, ToolCallDraft } from './mock-server/completion.ts'
export type { Fault, FaultContext, ScheduledFault } from './mock-server/fault.ts'
export type { RecordedRequest } from './mock-server/handle-request.ts'
export { type BrokenRule, findBrokenRule } from './mock-server/message-rules.ts'
export type { MockServerRequest, WireMessage, WireTool } from './mock-server/request.ts'
export { type MockServer, type MockServerOptions, startMockServer } from './mock-server.ts'
export {
  type ScriptedModel,
  type ScriptedOutcome,
  type ScriptedRequest,
  type ScriptStep,
  scriptedModel,
} from './scripted-model.ts'
export type { ScriptedCall, ScriptedReply } from './scripted-reply.ts'
