export { type ActivityResult, loopActivity } from './loop-activity.ts'
export type { RunProgress } from './progress.ts'
export { type ActivityRun, type RunOutcome, runInActivity } from './run-in-activity.ts'
export { toApplicationFailure } from './to-application-failure.ts'
