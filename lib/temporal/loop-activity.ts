import type { PartialAnswer } from '../loop/checkpoint.ts'
import type { AnswerOf, Run, RunOptions } from '../loop/run.ts'
import { type RunSummary, summarizeRun } from '../loop/run.ts'
import { runLoop } from '../loop/run-loop.ts'
import type { TraceEntry } from '../loop/trace.ts'
import { shortenTrace } from './payload.ts'
import { type RunInActivityOptions, runInActivity } from './run-in-activity.ts'

/** Options of `runLoop` that the activity sets itself. */
type SetByActivity = 'signal' | 'resumeFrom' | 'onCheckpoint' | 'mayWait' | 'runId'

/**
 * Options of `runLoop`, without those that the activity sets. They are excluded by name, because TypeScript does not
 * report unknown members in the result of a function.
 */
export type LoopActivityOptions<S extends object = never> = Omit<RunOptions<S>, SetByActivity> & {
  readonly [Name in SetByActivity]?: never
}

/** Settings of {@link loopActivity} that do not concern its run. */
export type LoopActivitySettings = Pick<RunInActivityOptions<never>, 'onCancel' | 'mayWait'>

/**
 * The result of a {@link loopActivity}: the run as a JSON document, so its field names are snake_case. The values of tool
 * results are not in it, because a payload has no room for them; `trace` contains them shortened.
 */
export type ActivityResult<Answer = string> = Omit<RunSummary, 'stop_reason'> & {
  /** The steps of the run in order. The oldest ones are dropped if the result is too large for a payload. */
  readonly trace: readonly TraceEntry[]
} & (
    | {
        readonly stop_reason: 'answered'
        /** The accepted answer. */
        readonly answer: Answer
      }
    | {
        /** Why the run ended without an accepted answer. */
        readonly stop_reason: Exclude<RunSummary['stop_reason'], 'answered'>
        /** The best answer that was not accepted, and its problems. */
        readonly partial?: PartialAnswer
      }
  )

/**
 * Makes an activity out of a run. The activity sends heartbeats, resumes from the last checkpoint after a crash, cancels
 * the run with the activity, respects the activity's timeouts, and fails in a way that Temporal's retry policy understands.
 *
 * ```ts
 * const activities = {
 *   answer_weather_question: loopActivity((city: string) => ({
 *     model: minimax(),
 *     tools: [getWeather],
 *     prompt: `How warm is it in ${city}?`,
 *   })),
 * }
 * ```
 *
 * The workflow must set a heartbeat timeout; without one the activity fails with `MissingHeartbeatTimeout`. A result that is
 * too large for a payload loses the oldest entries of its trace; if that is not enough, the activity fails with
 * `ResultTooLarge`. Neither is retried. Inputs of 2 MiB and more never arrive: Temporal's server refuses them when the
 * workflow or the activity is started.
 *
 * @param options returns the options of `runLoop` for the activity's arguments. It is called in every attempt and must
 * return the same prompt, tools and inputs for the same arguments. `limits.deadlineMs` is reduced to the time that the
 * activity's timeouts leave.
 */
export function loopActivity<Input extends readonly unknown[], const S extends object = never>(
  options: (...input: Input) => LoopActivityOptions<S> | Promise<LoopActivityOptions<S>>,
  { onCancel = 'return', mayWait = () => true }: LoopActivitySettings = {},
): (...input: Input) => Promise<ActivityResult<AnswerOf<S>>> {
  return (...input) =>
    runInActivity(
      async ({ deadlineMs, onEvent, ...activity }) => {
        const given = await options(...input)
        const run = await runLoop<S>({
          ...given,
          ...activity,
          limits: { ...given.limits, deadlineMs: Math.min(given.limits?.deadlineMs ?? deadlineMs, deadlineMs) },
          onEvent: (event) => {
            onEvent(event)
            given.onEvent?.(event)
          },
        })
        return activityResult(run)
      },
      (result) => result,
      { onCancel, mayWait, shorten: (result, excess) => ({ ...result, trace: shortenTrace(result.trace, excess) }) },
    )
}

function activityResult<Answer>(run: Run<Answer>): ActivityResult<Answer> {
  const { stop_reason: _, ...summary } = summarizeRun(run)
  const { trace } = run
  if (run.stopReason === 'answered') return { ...summary, stop_reason: run.stopReason, answer: run.answer, trace }
  const partial = run.partial === undefined ? {} : { partial: run.partial }
  return { ...summary, stop_reason: run.stopReason, ...partial, trace }
}
