import type { AnswerOf, Run, RunOptions } from '../loop/run.ts'
import { runLoop } from '../loop/run-loop.ts'
import { shortenTrace } from './payload.ts'
import { runInActivity } from './run-in-activity.ts'

/** What the activity sets itself. */
type SetByActivity = 'signal' | 'resumeFrom' | 'onCheckpoint' | 'runId'

/** Options of `runLoop`. What the activity sets is ruled out by name: a function's result may have more members than its type. */
export type LoopActivityOptions<S extends object = never> = Omit<RunOptions<S>, SetByActivity> & {
  readonly [Name in SetByActivity]?: never
}

/** A run as an activity's result: without the tool results' full values, of which payloads have no room. */
export type ActivityResult<Answer> = DistributiveOmit<Run<Answer>, 'results'>

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/**
 * Makes an activity of a run: it heartbeats, goes on from the last checkpoint after a crash, passes cancellation on, keeps to
 * the activity's timeouts and fails in the way that Temporal's retry policy understands.
 *
 * ```ts
 * const activities = {
 *   answer_weather_question: loopActivity((city: string) => ({ model: minimax(), tools: [getWeather], prompt: `How warm is it in ${city}?` })),
 * }
 * ```
 *
 * @param options from the activity's arguments to the options of `runLoop`. It is called in every attempt, so the same input has to
 * give the same prompt, tools and inputs. `limits.deadlineMs` is lowered to what is left of the activity's timeouts.
 * @returns an activity that needs a heartbeat timeout; without one it fails with `MissingHeartbeatTimeout`. A result that is too
 * large for a payload loses the oldest entries of its trace; where that is not enough it fails with `ResultTooLarge`. Neither is
 * retried. Inputs of 2 MiB and more never arrive: Temporal's server refuses them when the workflow or the activity is started.
 */
export function loopActivity<Input extends readonly unknown[], const S extends object = never>(
  options: (...input: Input) => LoopActivityOptions<S> | Promise<LoopActivityOptions<S>>,
): (...input: Input) => Promise<ActivityResult<AnswerOf<S>>> {
  return (...input) =>
    runInActivity(
      async ({ deadlineMs, onEvent, ...activity }) => {
        const given = await options(...input)
        const { results: _, ...run } = await runLoop<S>({
          ...given,
          ...activity,
          limits: { ...given.limits, deadlineMs: Math.min(given.limits?.deadlineMs ?? deadlineMs, deadlineMs) },
          onEvent: (event) => {
            onEvent(event)
            given.onEvent?.(event)
          },
        })
        return run
      },
      (run) => ({
        stopReason: run.stopReason,
        rounds: run.rounds,
        ...(run.stopReason === 'failed' && run.error && { error: run.error }),
      }),
      { shorten: (run, excess) => ({ ...run, trace: shortenTrace(run.trace, excess) }) },
    )
}
