import { randomUUID } from 'node:crypto'
import { advertise } from '../../router/advertised-schema.ts'
import { errorMessage } from '../../router/errors.ts'
import { createRouter, type Router } from '../../router/router.ts'
import { excerpt } from '../../router/text/clip.ts'
import type { Tool } from '../../router/tool.ts'
import { CallHistory } from './call-history.ts'
import { checkOptions } from './check-options.ts'
import { type Checkpoint, checkpointVersion } from './checkpoint.ts'
import { LoopError, type RunError } from './errors.ts'
import { completeLimits, type Limits, stopReasonOf } from './limits.ts'
import { systemPrompt } from './loop-prompts.ts'
import { Messages } from './messages.ts'
import { type Model, noUsage, usageOf } from './model.ts'
import { elapsedOf, mayHaveActed, readCheckpoint } from './read-checkpoint.ts'
import type { AnswerOf, Run, RunOptions } from './run.ts'
import { RunDeadline, systemClock } from './run-deadline.ts'
import { TraceRecorder } from './trace.ts'

/**
 * The state of a run. It is the checkpoint itself: saving the run copies this object, and nothing else of the run
 * survives its process. `elapsed_ms` is updated when it is saved.
 */
export type RunState = { -readonly [Field in keyof Checkpoint]: Growing<Checkpoint[Field]> }

type Growing<T> = T extends readonly (infer Item)[] ? Item[] : T

/**
 * A run in progress: its state, and the objects beside it that are made again in every process. Only the steps of the
 * loop change it.
 */
export interface ActiveRun {
  /** The part that a checkpoint saves. */
  readonly state: RunState
  /** The model that is asked. */
  readonly model: Model
  /** Reads replies, and has the tools. */
  readonly router: Router
  /** The `tools` array of a request as JSON text; `undefined` without tools. */
  readonly tools: string | undefined
  /** All limits, defaults included. */
  readonly limits: Limits
  /** Deadline and cancellation. */
  readonly deadline: RunDeadline
  /** Appends to `state.messages`. */
  readonly messages: Messages
  /** Index of the finished calls, with their full values. */
  readonly history: CallHistory
  /** Reports events and appends to `state.trace`. */
  readonly recorder: TraceRecorder
  /** Milliseconds of the run's clock. */
  readonly now: () => number
  /** Milliseconds that the run has taken, earlier processes included. */
  readonly elapsedMs: () => number
  /** Stores a checkpoint; `undefined` if nobody wants one. */
  readonly onCheckpoint: RunOptions['onCheckpoint']
  /** The error that ended the run. It is not saved: no checkpoint is taken after a failure. */
  error: RunError | undefined
}

/** How a run begins. */
export interface Opening {
  /** The run, before its first step. */
  readonly run: ActiveRun
  /** The checkpoint from which `restore` has to fill in messages and results. */
  readonly checkpoint?: Checkpoint
  /** Why the run starts again although there was a checkpoint, for the trace. */
  readonly restartReason?: string
}

/**
 * Checks the options and makes the run.
 *
 * @throws {LoopError} for an option or a checkpoint that cannot be used; the message names the option and the value.
 */
export function openRun<S extends object>(options: RunOptions<S>): Opening {
  checkOptions(options)
  const limits = completeLimits(options.limits)
  const router = routerOf(options)
  const { resumeFrom, answer } = options
  if (resumeFrom === undefined) return { run: newRun(options, limits, router, undefined) }
  try {
    const isUnsafe = (tool: string) => mayHaveSideEffects(router, tool)
    const checkpoint = readCheckpoint(resumeFrom, answer?.schema, isUnsafe)
    assertSameRun(checkpoint.run_id, options.runId)
    return { run: activeRun(options, limits, router, resumedState(checkpoint)), checkpoint }
  } catch (error) {
    return restart(options, error)
  }
}

/**
 * Makes a run that starts again, because its checkpoint cannot be read.
 *
 * @throws `error` if it has another reason, or if the caller does not allow a restart.
 */
export function restart<S extends object>(options: RunOptions<S>, error: unknown): Opening {
  const { resumeFrom, onUnreadableCheckpoint } = options
  const code = error instanceof LoopError ? error.code : 'invalid_option'
  if (resumeFrom === undefined || code === 'invalid_option') throw error
  const isSafe = code === 'checkpoint_version' && !mayHaveActed(resumeFrom)
  if (!isSafe && onUnreadableCheckpoint !== 'restart') throw error
  const kept = { elapsed_ms: elapsedOf(resumeFrom), has_side_effects: mayHaveActed(resumeFrom) }
  const run = newRun(options, completeLimits(options.limits), routerOf(options), kept)
  const [reason] = errorMessage(error).split('. ', 1)
  return { run, restartReason: `The run starts again, because its checkpoint cannot be read: ${reason}.` }
}

function newRun<S extends object>(
  options: RunOptions<S>,
  limits: Limits,
  router: Router,
  kept: Pick<Checkpoint, 'elapsed_ms' | 'has_side_effects'> | undefined,
): ActiveRun {
  const earlierId: unknown = options.resumeFrom?.run_id
  const runId = options.runId ?? (typeof earlierId === 'string' && earlierId !== '' ? earlierId : randomUUID())
  const run = activeRun(options, limits, router, { ...newState(runId), ...kept })
  addFirstMessages(run.messages, options, router)
  return run
}

function activeRun<S extends object>(
  options: RunOptions<S>,
  limits: Limits,
  router: Router,
  state: RunState,
): ActiveRun {
  const clock = options.clock ?? systemClock
  const startedAt = clock.now() - state.elapsed_ms
  const elapsedMs = () => clock.now() - startedAt
  return {
    state,
    model: options.model,
    router,
    tools: advertisedTools(router.tools.values()),
    limits,
    deadline: new RunDeadline(clock, limits.deadlineMs - elapsedMs(), options.signal),
    messages: new Messages(state.messages),
    history: new CallHistory(options.inputs ?? {}, (tool) => router.tools.get(tool)?.annotations.readOnlyHint === true),
    recorder: new TraceRecorder(state.run_id, elapsedMs, options.onEvent, state.trace),
    now: () => clock.now(),
    elapsedMs,
    onCheckpoint: options.onCheckpoint,
    error: undefined,
  }
}

/**
 * Whether a call of the tool may do harm if it is made twice: the tool is neither read-only nor idempotent, or nothing is
 * known about it.
 */
export function mayHaveSideEffects({ tools }: Router, tool: string): boolean {
  const annotations = tools.get(tool)?.annotations
  return annotations?.readOnlyHint !== true && annotations?.idempotentHint !== true
}

/** @throws {LoopError} `invalid_option` if two tools have the same name, or a tool or its schema is invalid. */
function routerOf<S extends object>(options: RunOptions<S>): Router {
  try {
    return createRouter(options.tools ?? [])
  } catch (cause) {
    throw new LoopError('invalid_option', `tools: ${errorMessage(cause)}`, { cause })
  }
}

function newState(runId: string): RunState {
  return {
    version: checkpointVersion,
    run_id: runId,
    rounds: 0,
    has_side_effects: false,
    messages: [],
    pending: [],
    results: [],
    usage: noUsage,
    last_tokens: 0,
    fastest_ms: 0,
    slowest_ms: 0,
    elapsed_ms: 0,
    limit_reached: null,
    answer_requested: false,
    pending_answer: null,
    stop_reason: null,
    partial: null,
    answer: null,
    trace: [],
  }
}

/** The caller's checkpoint is not changed. `restore` fills in messages and results. */
function resumedState(earlier: Checkpoint): RunState {
  return { ...earlier, messages: [], pending: [...earlier.pending], results: [], trace: [...earlier.trace] }
}

/** Another run's checkpoint would bring its idempotency keys along, and tools would take new calls for old ones. */
function assertSameRun(earlier: string, runId: string | undefined): void {
  if (runId === undefined || runId === earlier) return
  const [one, other] = [earlier, runId].map((id) => JSON.stringify(excerpt(id, 128)))
  throw new LoopError(
    'invalid_option',
    `resumeFrom is a checkpoint of the run ${one}, but runId is ${other}. Pass a checkpoint of this run, or omit runId.`,
  )
}

function addFirstMessages<S extends object>(messages: Messages, options: RunOptions<S>, router: Router): void {
  const inputs = Object.keys(options.inputs ?? {})
  const all = [...router.tools.values()]
  const tools = { exist: all.length > 0, acceptReferences: all.some((tool) => advertise(tool).acceptsReferences) }
  const system = systemPrompt(options.instructions ?? '', tools, inputs, options.answer?.schema)
  if (system !== '') messages.addSystem(system)
  messages.addUser(options.prompt)
}

/** The name of a called tool, for events. An unknown name is text of the model, so it is shortened and masked. */
export function shownTool({ router }: ActiveRun, name: string): string {
  return router.tools.has(name) ? name : excerpt(name, 128)
}

/** The result of a run that is over. Without a stop reason of its own it ended at the limit that it reached. */
export function endRun<S extends object>(run: ActiveRun): Run<AnswerOf<S>> {
  const { state, model } = run
  const limit = state.limit_reached ?? undefined
  const stopReason = state.answer !== null ? 'answered' : (state.stop_reason ?? stopReasonOf[limit ?? 'rounds'])
  const error = run.error === undefined ? {} : { error: run.error }
  const usage = usageOf(state.usage)
  run.recorder.emit({ type: 'run-end', stopReason, rounds: state.rounds, usage, ...error })
  const record = {
    runId: state.run_id,
    model: model.name,
    provider: model.provider,
    rounds: state.rounds,
    usage,
    durationMs: Math.round(run.elapsedMs()),
    ...(limit === undefined ? {} : { limit }),
    results: run.history.results,
    trace: run.recorder.close(),
  }
  // The answer fits the schema, or is text if there is no schema.
  if (stopReason === 'answered') return { stopReason, answer: state.answer?.value as AnswerOf<S>, ...record }
  return { stopReason, ...(state.partial === null ? {} : { partial: state.partial }), ...error, ...record }
}

/** The `tools` array of a request as JSON text; `undefined` if there are no tools. */
function advertisedTools(tools: Iterable<Tool>): string | undefined {
  let all = ''
  for (const tool of tools) all += all === '' ? advertise(tool).json : `,${advertise(tool).json}`
  return all === '' ? undefined : `[${all}]`
}
