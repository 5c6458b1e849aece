// The state of a run in the arguments and results of activities: the checkpoint of a paused run, and the messages for a
// follow-up question.
//
// Temporal's server ends a workflow that schedules an activity with more than 2 MiB of arguments, and the workflow cannot
// catch that. So both are limited when they leave an activity: together they fit into the arguments of the next one.

import { ApplicationFailure } from '@temporalio/common'
import { errorMessage } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'
import type { Checkpoint } from '../loop/checkpoint.ts'
import { LoopError } from '../loop/errors.ts'
import type { ChatMessage } from '../loop/messages.ts'
import {
  isPacked,
  type PackedCheckpoint,
  type PackedJson,
  packCheckpointWithin,
  packJson,
  unpackJson,
} from './checkpoint-codec.ts'

/** Most bytes of the packed checkpoint of a paused run. */
export const pausedLimitBytes = 1_000_000

/** Most bytes of the packed messages of a run. */
export const messagesLimitBytes = 500_000

/** The messages of a run as compressed JSON. Pass them as `history` to ask a follow-up question. */
export interface PackedMessages extends PackedJson {
  /** Tells messages from a checkpoint. */
  readonly content: 'messages'
}

/** A checkpoint, as `runLoop` gives it or as it is in a payload. */
export type Resumable = Checkpoint | PackedCheckpoint

/**
 * Packs the checkpoint of a paused run for the result of its activity.
 *
 * @param shrink returns the checkpoint with at most so many bytes of JSON, as far as possible.
 * @throws {ApplicationFailure} `ResultTooLarge`, not retryable, if it has more than {@link pausedLimitBytes} even then.
 */
export function packPaused(checkpoint: Checkpoint, shrink: (bytes: number) => Checkpoint): PackedCheckpoint {
  const packed = packCheckpointWithin(checkpoint, pausedLimitBytes, shrink)
  assertFits('The checkpoint of the paused run', packed, pausedLimitBytes)
  return packed
}

/**
 * Reads the checkpoint of a paused run from an argument of the activity. `runLoop` validates what is in it.
 *
 * @throws {LoopError} `invalid_checkpoint` if it is neither a packed nor a plain checkpoint.
 */
export function readResumable(given: Resumable | null | undefined): Checkpoint | undefined {
  if (given === undefined || given === null) return undefined
  const checkpoint = isPacked(given) ? unpackedOr(given, damagedCheckpoint) : given
  if (!isObject(checkpoint)) throw damagedCheckpoint(`it is a ${typeof checkpoint}`)
  return checkpoint as object as Checkpoint
}

/**
 * Packs the messages of a run for the result of its activity.
 *
 * @throws {ApplicationFailure} `ResultTooLarge`, not retryable, if they have more than {@link messagesLimitBytes}.
 */
export function packMessages(messages: readonly ChatMessage[]): PackedMessages {
  const packed = packJson(messages)
  assertFits('The conversation', packed, messagesLimitBytes)
  return { content: 'messages', ...packed }
}

/** History for `runLoop`, as it is in a payload. */
export type ActivityHistory = readonly ChatMessage[] | PackedMessages

/**
 * Reads the history from an argument of the activity. `runLoop` validates the messages.
 *
 * @throws {LoopError} `invalid_option` if it is neither a list nor packed messages.
 */
export function readHistory(given: ActivityHistory | null | undefined): readonly ChatMessage[] | undefined {
  if (given === undefined || given === null) return undefined
  if (isMessages(given)) return given
  const messages = isPacked(given) ? unpackedOr(given, damagedHistory) : given
  if (isMessages(messages)) return messages
  throw damagedHistory(isObject(messages) && 'run_id' in messages ? 'it is a checkpoint' : `it is a ${typeof messages}`)
}

/** Only the list is checked here. */
function isMessages(value: unknown): value is readonly ChatMessage[] {
  return Array.isArray(value)
}

function damagedHistory(reason: string): LoopError {
  const advice = "Pass the member `messages` of an earlier run's result unchanged."
  return new LoopError('invalid_option', `history has no messages: ${reason}. ${advice}`)
}

function damagedCheckpoint(reason: string): LoopError {
  const advice = "Pass the member `checkpoint` of the paused run's result unchanged."
  return new LoopError('invalid_checkpoint', `resumeFrom is not the checkpoint of a paused run: ${reason}. ${advice}`)
}

function unpackedOr(packed: PackedJson, damaged: (reason: string) => LoopError): unknown {
  try {
    return unpackJson(packed)
  } catch (error) {
    throw damaged(errorMessage(error))
  }
}

function assertFits(what: string, { data }: PackedJson, maxBytes: number): void {
  if (data.length <= maxBytes) return
  throw ApplicationFailure.nonRetryable(
    `${what} is ${data.length} bytes after compression, more than the limit of ${maxBytes} for a payload. Lower limits.messageBytes or limits.resultBytes.`,
    'ResultTooLarge',
  )
}
