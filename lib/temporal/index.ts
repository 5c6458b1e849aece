export type { Decision } from '../loop/decisions.ts'
export type { ActivityResult, Conversation, PausedResult, WaitingActivityCall } from './activity-result.ts'
export type { PackedCheckpoint } from './checkpoint-codec.ts'
export type { RunOutcome } from './finish-attempt.ts'
export {
  type LoopActivityOptions,
  type LoopActivitySettings,
  loopActivity,
} from './loop-activity.ts'
export type { ActivityHistory, PackedMessages, Resumable } from './payload-state.ts'
export type { RecentCall, RunProgress } from './progress.ts'
export {
  type ActivityRun,
  type OnCancel,
  type RunInActivityOptions,
  runInActivity,
} from './run-in-activity.ts'
export { takeoverWorkerOptions } from './takeover-worker-options.ts'
export { toApplicationFailure } from './to-application-failure.ts'
