import type { SchemaOf } from '../../router/reading/text-format.ts'
import type { Router } from '../../router/router.ts'
import { excerpt } from '../../router/text/clip.ts'
import type { ToolResult } from '../../router/tool-call.ts'
import type { CallHistory } from './call-history.ts'
import { type Checkpoint, checkpointVersion } from './checkpoint.ts'
import type { WaitingCall } from './decisions.ts'
import type { RunError } from './errors.ts'
import type { Limits } from './limits.ts'
import type { Messages } from './messages.ts'
import { type Model, noUsage } from './model.ts'
import type { RunOptions } from './run.ts'
import type { RunDeadline } from './run-deadline.ts'
import type { TraceRecorder } from './trace.ts'

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
  /** The same with plain schemas, for a server that refuses the others. */
  readonly plainTools: () => string | undefined
  /** The input schema of a declared tool. */
  readonly schemaOf: SchemaOf
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
  /** See {@link RunOptions.mayWait}. */
  readonly mayWait: RunOptions['mayWait']
  /** Decides about calls before they run; `undefined` if all may run. */
  readonly approve: RunOptions['approve']
  /** Decisions of the caller about calls that wait, by idempotency key. */
  readonly decisions: NonNullable<RunOptions['decisions']>
  /** The calls that wait for a decision, if the run ends as paused. */
  waiting: readonly WaitingCall[]
  /** The results of the other calls of their reply. They are in no message yet. */
  besideWaiting: readonly ToolResult[]
  /** The error that ended the run. It is not saved: no checkpoint is taken after a failure. */
  error: RunError | undefined
}

/**
 * The state of a run before its first step.
 *
 * @param historyMessages number of messages of `history`.
 */
export function newState(runId: string, task: Checkpoint['task'], historyMessages: number): RunState {
  return {
    version: checkpointVersion,
    run_id: runId,
    task,
    history_messages: historyMessages,
    rounds: 0,
    has_side_effects: false,
    messages: [],
    pending: [],
    results: [],
    usage: noUsage,
    last_tokens: 0,
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

/**
 * Whether a call of the tool may do harm if it is made twice: the tool is neither read-only nor idempotent, or nothing is
 * known about it.
 */
export function mayHaveSideEffects({ tools }: Pick<Router, 'tools'>, tool: string): boolean {
  const annotations = tools.get(tool)?.annotations
  return annotations?.readOnlyHint !== true && annotations?.idempotentHint !== true
}

/** The name of a called tool, for events. An unknown name is text of the model, so it is shortened and masked. */
export function shownTool({ router }: ActiveRun, name: string): string {
  return router.tools.has(name) ? name : excerpt(name, 128)
}
