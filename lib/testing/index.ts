export type { Expectation, Fault, Outcome, ScheduledFault } from './faults/fault.ts'
export { faultTable } from './faults/fault-names.ts'
export { faults } from './faults.ts'
export { incidentResponder } from './incident-responder.ts'
export { recordModel } from './record-model.ts'
export { replayModel } from './replay-model.ts'
export {
  ScriptError,
  type ScriptedModel,
  type ScriptedOutcome,
  type ScriptStep,
  scriptedModel,
} from './scripted-model.ts'
export type { ScriptedCall, ScriptedReply } from './scripted-reply.ts'
export type { ScriptedRequest } from './scripted-request.ts'
export type { RecordedRequest } from './stand-in/recording.ts'
export type { ReplyDraft, Responder, ToolCallDraft } from './stand-in/reply-draft.ts'
export type { StandInRequest, WireMessage, WireTool } from './stand-in/request.ts'
export { type BrokenRule, findBrokenRule } from './stand-in/transcript-rules.ts'
export { type StandIn, type StandInOptions, startStandIn } from './stand-in.ts'
