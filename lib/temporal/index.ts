export type { RunOutcome } from './finish-attempt.ts'
export {
  type ActivityResult,
  type LoopActivityOptions,
  type LoopActivitySettings,
  loopActivity,
} from './loop-activity.ts'
export type { RecentCall, RunProgress } from './progress.ts'
export {
  type ActivityRun,
  type OnCancel,
  type RunInActivityOptions,
  runInActivity,
} from './run-in-activity.ts'
export { takeoverWorkerOptions } from './takeover-worker-options.ts'
export { toApplicationFailure } from './to-application-failure.ts'
