import { randomUUID } from 'node:crypto'
import { advertise } from '../../router/advertised-schema.ts'
import { errorMessage } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'
import { plainTool } from '../../router/plain-schema.ts'
import { createRouter, type Router } from '../../router/router.ts'
import { excerpt } from '../../router/text/clip.ts'
import type { Tool } from '../../router/tool.ts'
import { answerSchema } from './answer.ts'
import { CallHistory } from './call-history.ts'
import type { Checkpoint } from './checkpoint.ts'
import { assertFits } from './decisions.ts'
import { digest } from './digest.ts'
import { LoopError } from './errors.ts'
import type { History } from './history.ts'
import { completeLimits, type Limits } from './limits.ts'
import { repliesLeft, systemPrompt } from './loop-prompts.ts'
import { Messages } from './messages.ts'
import { assertAnswerFits, describeActions, elapsedOf, mayHaveActed, readCheckpoint } from './read-checkpoint.ts'
import type { RunOptions } from './run.ts'
import { RunDeadline, systemClock } from './run-deadline.ts'
import { type ActiveRun, newState, type RunState } from './run-state.ts'
import { TraceRecorder } from './trace.ts'

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
 * Makes a run whose options are checked.
 *
 * @throws {LoopError} for a tool, a limit or a checkpoint that cannot be used; the message names the option and the value.
 */
export function openRun<S extends object>(options: RunOptions<S>, history: History): Opening {
  const limits = completeLimits(options.limits)
  const router = routerOf(options)
  const { resumeFrom, answer } = options
  if (resumeFrom === undefined) return { run: newRun(options, limits, router, history, undefined) }
  try {
    const checkpoint = readCheckpoint(resumeFrom)
    assertSameRun(checkpoint.run_id, options.runId)
    const task = taskOf(options, history)
    assertSameTask(checkpoint, task, router)
    assertAnswerFits(checkpoint, answer && answerSchema(answer))
    assertFits(options.decisions ?? {}, checkpoint, router)
    return { run: activeRun(options, limits, router, { ...resumedState(checkpoint), task }), checkpoint }
  } catch (error) {
    return restart(options, history, error)
  }
}

/**
 * Makes a run that starts again, because its checkpoint cannot be used.
 *
 * @throws `error` if it has another reason, or if the caller does not allow a restart.
 */
export function restart<S extends object>(options: RunOptions<S>, history: History, error: unknown): Opening {
  const { resumeFrom, onUnreadableCheckpoint } = options
  const code = error instanceof LoopError ? error.code : 'invalid_option'
  if (resumeFrom === undefined || code === 'invalid_option') throw error
  const isSafe = code === 'checkpoint_version' && !mayHaveActed(resumeFrom) && !hasValue(options.decisions)
  if (!isSafe && onUnreadableCheckpoint !== 'restart') throw error
  const kept = { elapsed_ms: elapsedOf(resumeFrom), has_side_effects: mayHaveActed(resumeFrom) }
  const run = newRun(options, completeLimits(options.limits), routerOf(options), history, kept)
  const [reason] = errorMessage(error).split('. ', 1)
  return { run, restartReason: `The run starts again, because its checkpoint cannot be used: ${reason}.` }
}

/** Whether a call was done elsewhere. A run that starts again would ask for it a second time. */
function hasValue(decisions: RunOptions['decisions'] = {}): boolean {
  return Object.values(decisions).some((decision) => isObject(decision) && 'value' in decision)
}

function newRun<S extends object>(
  options: RunOptions<S>,
  limits: Limits,
  router: Router,
  history: History,
  kept: Pick<Checkpoint, 'elapsed_ms' | 'has_side_effects'> | undefined,
): ActiveRun {
  const earlierId: unknown = options.resumeFrom?.run_id
  const runId = options.runId ?? (typeof earlierId === 'string' && earlierId !== '' ? earlierId : randomUUID())
  const run = activeRun(options, limits, router, {
    ...newState(runId, taskOf(options, history), history.messages.length),
    ...kept,
  })
  addFirstMessages(run, options, history)
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
    tools: toolList(router, (tool) => advertise(tool).json),
    plainTools: () => toolList(router, plainTool),
    schemaOf: (tool) => router.tools.get(tool)?.inputSchema,
    limits,
    deadline: new RunDeadline(clock, limits.deadlineMs - elapsedMs(), options.signal),
    messages: new Messages(state.messages),
    history: new CallHistory(options.inputs ?? {}, (tool) => router.tools.get(tool)?.annotations.readOnlyHint === true),
    recorder: new TraceRecorder(state.run_id, elapsedMs, options.onEvent, state.trace),
    now: () => clock.now(),
    elapsedMs,
    onCheckpoint: options.onCheckpoint,
    approve: options.approve,
    decisions: options.decisions ?? {},
    waiting: [],
    besideWaiting: [],
    mayWait: options.mayWait,
    error: undefined,
  }
}

/** @throws {LoopError} `invalid_option` if two tools have the same name, or a tool or its schema is invalid. */
function routerOf<S extends object>(options: RunOptions<S>): Router {
  try {
    return createRouter(options.tools ?? [])
  } catch (cause) {
    throw new LoopError('invalid_option', `tools: ${errorMessage(cause)}`, { cause })
  }
}

/** The caller's checkpoint is not changed. `restore` fills in messages and results. A run that was paused goes on. */
function resumedState(earlier: Checkpoint): RunState {
  const stop_reason = earlier.stop_reason === 'paused' ? null : earlier.stop_reason
  return {
    ...earlier,
    stop_reason,
    messages: [],
    pending: [...earlier.pending],
    results: [],
    trace: [...earlier.trace],
  }
}

/** Hashes of the task of a run. A hash is enough to notice another task, and a checkpoint stays small. */
function taskOf<S extends object>(
  { prompt, instructions = '' }: RunOptions<S>,
  history: History,
): NonNullable<Checkpoint['task']> {
  return { prompt: digest(prompt), instructions: digest(instructions), history: history.hash }
}

/** The messages come from the checkpoint, so a new prompt would be ignored, and the answer would be to another question. */
function assertSameTask(checkpoint: Checkpoint, task: NonNullable<Checkpoint['task']>, router: Router): void {
  const earlier = checkpoint.task
  if (earlier === null) return
  const differing = [
    ...(earlier.prompt === task.prompt ? [] : ['another prompt']),
    ...(earlier.instructions === task.instructions ? [] : ['other instructions']),
    ...(earlier.history === task.history ? [] : ['another history']),
  ]
  if (differing.length === 0) return
  const actions = describeActions(checkpoint, router)
  throw new LoopError(
    'checkpoint_of_another_prompt',
    `resumeFrom belongs to a run with ${differing.join(' and ')}. Pass what that run began with, or start a new run without ` +
      `resumeFrom. To ask a follow-up question, pass the messages of the run as history.${actions && ` ${actions}`}`,
  )
}

/** Another run's checkpoint would bring its idempotency keys along, and tools would take new calls for old ones. */
function assertSameRun(earlier: string, runId: string | undefined): void {
  if (runId === undefined || runId === earlier) return
  const [one, other] = [earlier, runId].map((id) => JSON.stringify(excerpt(id, 128)))
  throw new LoopError(
    'invalid_checkpoint',
    `resumeFrom is a checkpoint of the run ${one}, but runId is ${other}. Pass a checkpoint of this run, or omit runId.`,
  )
}

function addFirstMessages<S extends object>(
  { messages, router, limits }: ActiveRun,
  options: RunOptions<S>,
  history: History,
): void {
  const { answer, prompt } = options
  const inputs = Object.keys(options.inputs ?? {})
  const all = [...router.tools.values()]
  const tools = { exist: all.length > 0, acceptReferences: all.some((tool) => advertise(tool).acceptsReferences) }
  const system = systemPrompt(options.instructions ?? '', tools, inputs, answer && answerSchema(answer))
  if (system !== '') messages.addSystem(system)
  for (const message of history.messages) messages.add(message)
  messages.addUser(options.showRepliesLeft === true ? `${prompt}\n\n${repliesLeft(limits.rounds)}` : prompt)
}

/** The `tools` array of a request as JSON text; `undefined` if there are no tools. */
function toolList({ tools }: Router, jsonOf: (tool: Tool) => string): string | undefined {
  let all = ''
  for (const tool of tools.values()) all += all === '' ? jsonOf(tool) : `,${jsonOf(tool)}`
  return all === '' ? undefined : `[${all}]`
}
