import type { PendingCall } from './checkpoint.ts'
import { stopReasonOf } from './limits.ts'
import { endedBefore } from './loop-prompts.ts'
import type { ChatMessage } from './messages.ts'
import { type SerializedMessage, usageOf } from './model.ts'
import type { AnswerOf, Run } from './run.ts'
import type { ActiveRun } from './run-state.ts'
import { pausedCheckpoint } from './save-checkpoint.ts'

/** The result of a run that is over. Without a stop reason of its own it ended at the limit that it reached. */
export function endRun<S extends object>(run: ActiveRun): Run<AnswerOf<S>> {
  const { state, model } = run
  const limit = state.limit_reached ?? undefined
  const stopReason = state.answer !== null ? 'answered' : (state.stop_reason ?? stopReasonOf[limit ?? 'rounds'])
  const error = run.error === undefined ? {} : { error: run.error }
  const usage = usageOf(state.usage)
  // Before the end of the trace, because it may add a warning.
  const paused = stopReason === 'paused' ? { pending: run.waiting, checkpoint: pausedCheckpoint(run) } : undefined
  run.recorder.emit({ type: 'run-end', stopReason, rounds: state.rounds, usage, ...error })
  const record = {
    runId: state.run_id,
    model: model.name,
    provider: model.provider,
    rounds: state.rounds,
    usage,
    durationMs: Math.round(run.elapsedMs()),
    ...(limit === undefined ? {} : { limit }),
    results: [...run.history.results, ...run.besideWaiting],
    trace: run.recorder.close(),
  }
  const partial = state.partial === null ? {} : { partial: state.partial }
  // The answer fits the schema, or is text without a schema.
  if (stopReason === 'answered') {
    return withMessages({ stopReason, answer: state.answer?.value as AnswerOf<S>, ...record }, run)
  }
  if (paused !== undefined) return withMessages({ stopReason: 'paused', ...paused, ...partial, ...record }, run)
  if (stopReason === 'paused') throw new Error('Cannot happen: a paused run has a checkpoint')
  return withMessages({ stopReason, ...partial, ...error, ...record }, run)
}

/**
 * Adds the conversation, which is parsed when it is read for the first time: it may have megabytes, and few callers read it.
 */
function withMessages<T extends object>(ended: T, { messages, state }: ActiveRun): T & Pick<Run, 'messages'> {
  // Calls of an interrupted run that have no result get one, because a server refuses them without.
  const unanswered = state.stop_reason === 'paused' ? [] : state.pending
  const conversation: Conversation = { messages: messages.list, unanswered }
  Object.defineProperty(ended, hidden, { value: conversation })
  // A spread of an object with a getter would call it.
  return Object.defineProperty(ended, 'messages', messagesProperty) as T & Pick<Run, 'messages'>
}

/** The conversation of a run that is over. */
interface Conversation {
  readonly messages: readonly SerializedMessage[]
  readonly unanswered: readonly PendingCall[]
  parsed?: readonly ChatMessage[]
}

/** Not in a `WeakMap`: V8 would keep the values of all runs until the next large collection of the heap. */
const hidden = Symbol('conversation')

/** All runs share this getter. With a new one per run, V8 makes a class of objects per run, and a run takes 1.6 times as long. */
const messagesProperty: PropertyDescriptor & ThisType<{ readonly [hidden]: Conversation }> = {
  enumerable: true,
  get() {
    const conversation = this[hidden]
    conversation.parsed ??= [
      ...conversation.messages.map(({ json }): ChatMessage => JSON.parse(json)),
      ...conversation.unanswered.map(resultOf),
    ]
    return conversation.parsed
  },
}

function resultOf({ id, result }: PendingCall): ChatMessage {
  return {
    role: 'tool',
    tool_call_id: id,
    content: result?.content ?? JSON.stringify({ error: { kind: 'cancelled', message: endedBefore } }),
  }
}
