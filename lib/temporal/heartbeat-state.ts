/**
 * The content of heartbeats. Their details are one JSON object:
 *
 * ```
 * {
 *   progress:   { attempt, round, max_rounds, doing, … }     for people: Temporal's UI shows it
 *   checkpoint: { encoding: 'gzip+base64', data: '…' }       for the next attempt: it resumes from it
 * }
 * ```
 *
 * Temporal stores the details of the last heartbeat only, and hands them to the next attempt.
 */
import type { Context } from '@temporalio/activity'
import { isObject } from '../../router/json/json.ts'
import type { Checkpoint } from '../loop/checkpoint.ts'
import type { LoopEvent } from '../loop/events.ts'
import type { CheckpointStep } from '../loop/run.ts'
import { type PackedCheckpoint, packCheckpointWithin, unpackCheckpoint } from './checkpoint-codec.ts'
import { payloadLimitBytes } from './payload.ts'
import { nextProgress, type RunProgress, startProgress } from './progress.ts'

const tooLarge = 'The newest checkpoint is too large for a heartbeat, so calls with side effects are refused.'

/** Details of a heartbeat; see the picture at the top of this file. */
interface HeartbeatDetails {
  readonly progress: RunProgress
  readonly checkpoint?: PackedCheckpoint
}

/**
 * The content of the next heartbeat of one attempt: progress, and the newest checkpoint that fits into a payload.
 *
 * Until the run has a checkpoint of its own, heartbeats repeat the one of the previous attempt, because the server keeps
 * only the last details. A checkpoint that is too large is made smaller as far as possible. If that is not enough, the one
 * before it stays; resuming from it is still correct, only further back. If none ever fitted, heartbeats contain progress
 * only, and the next attempt starts from the beginning.
 */
export class HeartbeatState {
  readonly #context: Context
  #progress: RunProgress
  #packed: PackedCheckpoint | undefined
  /** Newer than the packed one. It is packed lazily: most checkpoints are replaced before the next heartbeat. */
  #unpacked: Checkpoint | undefined
  #shrink: CheckpointStep['shrink'] | undefined
  #isTooLarge = false
  #warnedOfSize = false

  /** @param context of the activity attempt. */
  constructor(context: Context) {
    this.#context = context
    this.#progress = startProgress(context.info.attempt)
  }

  /** Details for the next heartbeat. Reading them packs the newest checkpoint. */
  get details(): HeartbeatDetails {
    this.#packNewest()
    return { progress: this.#progress, ...(this.#packed && { checkpoint: this.#packed }) }
  }

  /**
   * The checkpoint of the previous attempt, or `undefined` if its heartbeat had none. Only the envelope is checked here;
   * `runLoop` validates the checkpoint, because it knows the version. Details that cannot be read become a checkpoint that
   * `runLoop` cannot read either: it decides whether the run may start again.
   */
  previousCheckpoint(): Checkpoint | undefined {
    const unpacked = unpackCheckpoint(this.#context.info.heartbeatDetails)
    if (unpacked.kind === 'unreadable') {
      this.logRestart(unpacked.reason)
      const unreadable: object = { version: 'unreadable', has_side_effects: unpacked.has_side_effects === true }
      return unreadable as Checkpoint
    }
    if (unpacked.kind !== 'checkpoint') return undefined
    const checkpoint = unpacked.checkpoint as Checkpoint
    this.#keep(unpacked.packed, checkpoint)
    return checkpoint
  }

  /** Attempt that sent the details that the server has; `undefined` without details, infinite if they cannot be read. */
  get previousAttempt(): number | undefined {
    const details: unknown = this.#context.info.heartbeatDetails
    if (details === undefined) return undefined
    const progress = isObject(details) ? details['progress'] : undefined
    const attempt = isObject(progress) ? progress['attempt'] : undefined
    return typeof attempt === 'number' ? attempt : Number.POSITIVE_INFINITY
  }

  /** Updates the progress. */
  onEvent(event: LoopEvent): void {
    this.#progress = nextProgress(this.#progress, event)
  }

  /**
   * Keeps a checkpoint for the next heartbeat.
   *
   * @param shrink makes it smaller, if it is too large.
   */
  onCheckpoint(checkpoint: Checkpoint, shrink?: CheckpointStep['shrink']): void {
    this.#unpacked = checkpoint
    this.#shrink = shrink
    this.#isTooLarge = false
  }

  /** Whether the newest checkpoint is too large for a heartbeat. */
  get isTooLarge(): boolean {
    this.#packNewest()
    return this.#isTooLarge
  }

  /** Shows in the progress that the attempt has failed and waits inside the activity for the next one. */
  waitForNextAttempt(delayMs: number, failureType: string): void {
    const seconds = Math.round(delayMs / 1_000)
    this.#progress = { ...this.#progress, doing: `waiting ${seconds} s for the next attempt: ${failureType}` }
  }

  /**
   * Logs that the run starts from the beginning. The previous checkpoint stays in the heartbeats until the run has one of
   * its own: if the reason is temporary, a later attempt can still use it.
   */
  logRestart(reason: string): void {
    this.#context.log.warn(
      'The run starts from the beginning: the heartbeat details of the previous attempt have no usable checkpoint.',
      { reason },
    )
  }

  #packNewest(): void {
    const checkpoint = this.#unpacked
    if (checkpoint === undefined) return
    this.#unpacked = undefined
    const packed = packCheckpointWithin(checkpoint, payloadLimitBytes, this.#shrink)
    this.#isTooLarge = packed.data.length > payloadLimitBytes
    this.#progress = { ...this.#progress, problem: this.#isTooLarge ? tooLarge : '' }
    if (this.#isTooLarge) this.#warnOfSize(packed.data.length)
    else this.#keep(packed, checkpoint)
  }

  #keep(packed: PackedCheckpoint, { rounds }: Checkpoint): void {
    this.#packed = packed
    this.#progress = { ...this.#progress, saved_rounds: Number.isSafeInteger(rounds) ? rounds : 0 }
  }

  #warnOfSize(bytes: number): void {
    if (this.#warnedOfSize) return
    this.#warnedOfSize = true
    this.#context.log.warn(
      'A checkpoint is too large for a heartbeat. Calls with side effects are refused, and after a crash the run resumes from an earlier checkpoint, if any. Lower limits.messageBytes.',
      { bytes, limit: payloadLimitBytes, saved_rounds: this.#progress.saved_rounds },
    )
  }
}
