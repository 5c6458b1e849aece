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
import { isPacked, type PackedCheckpoint, packCheckpointWithin, unpackJson } from './checkpoint-codec.ts'

/** Most bytes of the packed checkpoint of a paused run. */
export const pausedLimitBytes = 1_000_000

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
  assertFits('The checkpoint of the paused run', packed.data.length, pausedLimitBytes)
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

function damagedCheckpoint(reason: string): LoopError {
  const advice = "Pass the member `checkpoint` of the paused run's result unchanged."
  return new LoopError('invalid_checkpoint', `resumeFrom is not the checkpoint of a paused run: ${reason}. ${advice}`)
}

function unpackedOr(packed: Parameters<typeof unpackJson>[0], damaged: (reason: string) => LoopError): unknown {
  try {
    return unpackJson(packed)
  } catch (error) {
    throw damaged(errorMessage(error))
  }
}

function assertFits(what: string, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return
  throw ApplicationFailure.nonRetryable(
    `${what} is ${bytes} bytes after compression, more than the limit of ${maxBytes} for a payload. Lower limits.messageBytes or limits.resultBytes.`,
    'ResultTooLarge',
  )
}
