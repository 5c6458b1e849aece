import { isObject, isPlain } from '../../router/json/json.ts'
import { excerpt } from '../../router/text/clip.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import type { Tool } from '../../router/tool.ts'
import { checkTypes, checkTypesOf, type Expectation } from '../loop/check-options.ts'
import type { Checkpoint } from '../loop/checkpoint.ts'
import { LoopError } from '../loop/errors.ts'
import type { AnswerOf, RunOptions } from '../loop/run.ts'
import { runLoop } from '../loop/run-loop.ts'
import { mayHaveSideEffects } from '../loop/run-state.ts'
import { type ActivityResult, activityResult, type Conversation } from './activity-result.ts'
import { shortenTrace } from './payload.ts'
import { type ActivityHistory, type Resumable, readHistory } from './payload-state.ts'
import { checkpointOfAnotherVersion, type RunInActivityOptions, runInActivity } from './run-in-activity.ts'

/** Options of `runLoop` that the activity sets itself. */
const setByActivity = ['signal', 'onCheckpoint', 'mayWait', 'runId'] as const
type SetByActivity = (typeof setByActivity)[number]

/** Options of `runLoop` that have a form of their own in payloads. */
interface FromPayload {
  /**
   * Continues a paused run: the `checkpoint` of its result, and `decisions` about its calls. Pass the same arguments as
   * before with it. `null` and `undefined` begin a new run.
   */
  readonly resumeFrom?: Resumable | null | undefined
  /** The conversation before `prompt`: `messages` of an earlier result. @defaultValue a new conversation */
  readonly history?: ActivityHistory | null | undefined
}

/**
 * Options of `runLoop`, without those that the activity sets. They are excluded by name, because TypeScript does not
 * report unknown members in the result of a function.
 */
export type LoopActivityOptions<S extends object = never> = Omit<RunOptions<S>, SetByActivity | keyof FromPayload> &
  FromPayload & { readonly [Name in SetByActivity]?: never }

/** Settings of {@link loopActivity} that do not concern its run. */
export interface LoopActivitySettings extends Pick<RunInActivityOptions<never>, 'onCancel' | 'mayWait'> {
  /**
   * Whether the result of a run that is over has its messages, for a follow-up question. They become a part of the
   * workflow's history. @defaultValue false
   */
  readonly messages?: boolean
}

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
 * A run that waits for decisions ends the activity, with `pending` and `checkpoint` in its result. Call the activity again
 * with the same arguments, and return `resumeFrom` and `decisions` from `options`.
 *
 * The workflow must set a heartbeat timeout; without one the activity fails with `MissingHeartbeatTimeout`. A result that is
 * too large for a payload loses the oldest entries of its trace; if that is not enough, the activity fails with
 * `ResultTooLarge`. Neither is retried. Inputs of 2 MiB and more never arrive: Temporal's server refuses them when the
 * workflow or the activity is started.
 *
 * @param options returns the options of `runLoop` for the activity's arguments. It is called in every attempt and must
 * return the same prompt, tools and inputs for the same arguments. `limits.deadlineMs` is reduced to the time that the
 * activity's timeouts leave.
 * @throws {LoopError} `invalid_option` if `options` is not a function, or a setting does not exist or has a wrong value.
 */
export function loopActivity<Input extends readonly unknown[], const S extends object = never>(
  options: (...input: Input) => LoopActivityOptions<S> | Promise<LoopActivityOptions<S>>,
  settings: LoopActivitySettings & { readonly messages: true },
): (...input: Input) => Promise<ActivityResult<AnswerOf<S>, Conversation>>
export function loopActivity<Input extends readonly unknown[], const S extends object = never>(
  options: (...input: Input) => LoopActivityOptions<S> | Promise<LoopActivityOptions<S>>,
  settings?: LoopActivitySettings,
): (...input: Input) => Promise<ActivityResult<AnswerOf<S>>>
export function loopActivity<Input extends readonly unknown[], const S extends object = never>(
  options: (...input: Input) => LoopActivityOptions<S> | Promise<LoopActivityOptions<S>>,
  settings: LoopActivitySettings = {},
): (...input: Input) => Promise<ActivityResult<AnswerOf<S>>> {
  checkArguments(options, settings)
  const { onCancel = 'return', mayWait = () => true, messages = false } = settings
  return (...input) => {
    let given: Promise<LoopActivityOptions<S>> | undefined
    const optionsOnce = () => {
      given ??= Promise.resolve(options(...input)).then(checkedOptions)
      return given
    }
    return runInActivity(
      async ({ deadlineMs, onEvent, ...activity }) => {
        const { resumeFrom: _, decisions, history, onUnreadableCheckpoint, ...given } = await optionsOnce()
        const isRestart = activity.onUnreadableCheckpoint !== undefined
        const run = await runLoop<S>({
          ...given,
          onUnreadableCheckpoint,
          ...activity,
          history: readHistory(history),
          decisions: isRestart ? noDecisions(decisions, activity.resumeFrom, given.tools ?? []) : decisions,
          limits: { ...given.limits, deadlineMs: Math.min(given.limits?.deadlineMs ?? deadlineMs, deadlineMs) },
          onEvent: (event) => {
            onEvent(event)
            // A promise of an async listener must reach the run, which catches its rejection.
            return given.onEvent?.(event)
          },
        })
        return activityResult(run, given.tools ?? [], messages)
      },
      (result) => result,
      {
        onCancel,
        mayWait,
        resumeFrom: async () => (await optionsOnce()).resumeFrom,
        shorten: (result, excess) => ({ ...result, trace: shortenTrace(result.trace, excess) }),
      },
    )
  }
}

const settingTypes: Readonly<Record<keyof LoopActivitySettings, Expectation>> = {
  onCancel: ["'return' or 'fail'", (value) => value === 'return' || value === 'fail'],
  mayWait: ['a function', (value) => typeof value === 'function'],
  messages: ['true or false', (value) => typeof value === 'boolean'],
}

/** Callers without TypeScript can pass anything, and a misspelt setting would be ignored. */
function checkArguments(options: unknown, settings: unknown): void {
  if (typeof options !== 'function') {
    const advice = 'it must be a function that returns the options of runLoop'
    throw invalid(`The first argument of loopActivity is ${describeOption(options)}; ${advice}.`)
  }
  if (!isObject(settings) || !isPlain(settings)) {
    const advice = 'it must be a plain object with settings'
    throw invalid(`The second argument of loopActivity is ${describeOption(settings)}; ${advice}.`)
  }
  checkTypes('loopActivity', settings, settingTypes)
}

/** Checks what the activity does not pass to `runLoop` as it is. `runLoop` checks the rest. */
function checkedOptions<S extends object>(given: LoopActivityOptions<S>): LoopActivityOptions<S> {
  if (!isObject(given) || !isPlain(given)) {
    const advice = 'it must return a plain object with options of runLoop'
    throw invalid(`The function that was passed to loopActivity returned ${describeOption(given)}; ${advice}.`)
  }
  const name = setByActivity.find((name) => given[name] !== undefined)
  if (name !== undefined)
    throw invalid(`${name} is set by loopActivity. Leave it out of the options that are returned.`)
  checkTypesOf(given, ['tools', 'limits', 'decisions', 'onEvent'])
  return given
}

function invalid(message: string): LoopError {
  return new LoopError('invalid_option', message)
}

/**
 * Decisions of a run that starts again: none, because its calls are gone.
 *
 * @throws {ApplicationFailure} `CheckpointOfAnotherVersion`, not retryable, if a call with side effects was done elsewhere. The
 * run would ask for it a second time.
 */
function noDecisions(
  decisions: LoopActivityOptions['decisions'],
  checkpoint: Checkpoint | undefined,
  tools: readonly Tool[],
): undefined {
  const router = { tools: new Map(tools.map((tool) => [tool.name, tool])) }
  for (const [callId, decision] of Object.entries(decisions ?? {})) {
    const tool = checkpoint?.pending.find(({ call_id }) => call_id === callId)?.name ?? ''
    if (!isObject(decision) || !('value' in decision) || !mayHaveSideEffects(router, tool)) continue
    throw checkpointOfAnotherVersion(
      `The checkpoint cannot be used, and a call with side effects was done elsewhere: ${excerpt(tool, 128)} (${callId}).`,
      true,
    )
  }
  return undefined
}
