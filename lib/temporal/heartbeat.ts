/**
 * The heartbeats of a run: when they are sent and what they contain. Their details are one JSON object:
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
import { setImmediate as nextTurn } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { ApplicationFailure, type Context, type Info } from '@temporalio/activity'
import { errorMessage } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'
import type { Checkpoint } from '../loop/checkpoint.ts'
import type { LoopEvent } from '../loop/events.ts'
import { payloadLimitBytes } from './payload.ts'
import { nextProgress, type RunProgress, startProgress } from './progress.ts'

/** Longest pause between heartbeats. The server reports a cancellation in its response, so this is also its delay. */
const longestPauseMs = 500

/** Checkpoints that compress to more than this are compressed as far as possible, because heartbeats repeat them. */
export const heartbeatTargetBytes = 262_144

/** Larger than any checkpoint. Details of other activities must not fill the memory when they are decompressed. */
const maxUnpackedBytes = 64 * 1024 * 1024

/** Sends the heartbeats of one activity attempt. */
export interface Heartbeat {
  /** Sends a heartbeat now. Resolves when it has been handed to the server connection. */
  beat(): Promise<void>
  /** Sends a heartbeat when the process is next idle, unless another one is sent before. */
  beatSoon(): void
  /** Sends the heartbeat that {@link beatSoon} has scheduled, if any, now. */
  flush(): Promise<void>
  /** Stops sending heartbeats. */
  stop(): void
}

/**
 * Sends a heartbeat at once, and then whenever none was sent for a while: at least three per heartbeat timeout and two
 * per second, until `stop`.
 *
 * @param details returns the details; called for every heartbeat.
 */
export function startHeartbeat(context: Context, timeoutMs: number, details: () => unknown): Heartbeat {
  let scheduled: NodeJS.Immediate | undefined
  const timer = setInterval(() => send(), Math.min(timeoutMs / 3, longestPauseMs))
  const send = () => {
    clearImmediate(scheduled)
    scheduled = undefined
    timer.refresh()
    context.heartbeat(details())
  }
  const beat = async () => {
    send()
    // The SDK encodes the details in later microtasks.
    await nextTurn()
  }
  send()
  return {
    beat,
    beatSoon: () => {
      scheduled ??= setImmediate(send)
    },
    flush: async () => {
      if (scheduled !== undefined) await beat()
    },
    stop: () => {
      clearInterval(timer)
      clearImmediate(scheduled)
    },
  }
}

/**
 * Returns the heartbeat timeout of the current activity in milliseconds.
 *
 * @throws {ApplicationFailure} `MissingHeartbeatTimeout`, not retryable, if none is set. Without it a dead worker is only
 * noticed at the start-to-close timeout, and a cancellation never reaches the run.
 */
export function heartbeatTimeoutOf(info: Info): number {
  const { heartbeatTimeoutMs } = info
  if (heartbeatTimeoutMs !== undefined && heartbeatTimeoutMs > 0) return heartbeatTimeoutMs
  throw ApplicationFailure.nonRetryable(
    `Activity "${info.activityType}" has no heartbeat timeout. Set heartbeatTimeout, for example '30s', where the workflow calls it.`,
    'MissingHeartbeatTimeout',
  )
}

/** Details of a heartbeat; see the picture at the top of this file. */
interface HeartbeatDetails {
  readonly progress: RunProgress
  readonly checkpoint?: PackedCheckpoint
}

/**
 * The content of the next heartbeat of one attempt: progress, and the newest checkpoint that fits into a payload.
 *
 * Until the run has a checkpoint of its own, heartbeats repeat the one of the previous attempt, because the server keeps
 * only the last details. If a checkpoint is too large, the one before it stays; resuming from it is still correct, only
 * further back. If none ever fitted, heartbeats contain progress only, and the next attempt starts from the beginning.
 */
export class HeartbeatState {
  readonly #context: Context
  #progress: RunProgress
  #packed: PackedCheckpoint | undefined
  /** Newer than the packed one. It is packed lazily: most checkpoints are replaced before the next heartbeat. */
  #unpacked: Checkpoint | undefined
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
   * The checkpoint of the previous attempt, or `undefined` if its heartbeat had none that can be read. Only the envelope is
   * checked here; `runLoop` validates the checkpoint, because it knows the version.
   */
  previousCheckpoint(): Checkpoint | undefined {
    const unpacked = unpackCheckpoint(this.#context.info.heartbeatDetails)
    if (unpacked.kind === 'unreadable') this.logRestart(unpacked.reason)
    if (unpacked.kind !== 'checkpoint') return undefined
    const checkpoint = unpacked.checkpoint as Checkpoint
    this.#keep(unpacked.packed, checkpoint)
    return checkpoint
  }

  /** Updates the progress. */
  onEvent(event: LoopEvent): void {
    this.#progress = nextProgress(this.#progress, event)
  }

  /** Keeps a checkpoint for the next heartbeat. */
  onCheckpoint(checkpoint: Checkpoint): void {
    this.#unpacked = checkpoint
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
    const packed = packCheckpoint(checkpoint)
    if (packed.data.length <= payloadLimitBytes) this.#keep(packed, checkpoint)
    else this.#warnOfSize(packed.data.length)
  }

  #keep(packed: PackedCheckpoint, { rounds }: Checkpoint): void {
    this.#packed = packed
    this.#progress = { ...this.#progress, saved_rounds: Number.isSafeInteger(rounds) ? rounds : 0 }
  }

  #warnOfSize(bytes: number): void {
    if (this.#warnedOfSize) return
    this.#warnedOfSize = true
    this.#context.log.warn(
      'A checkpoint is too large for a heartbeat. After a crash the run resumes from an earlier one, if any. Lower limits.checkpointBytes.',
      { bytes, limit: payloadLimitBytes, saved_rounds: this.#progress.saved_rounds },
    )
  }
}

/**
 * A checkpoint as compressed JSON. It contains all messages of the run, which may be confidential. If people who see the
 * workflow must not see them, encrypt payloads with Temporal's payload codec.
 */
export interface PackedCheckpoint {
  /** Encoding of `data`: JSON, compressed with gzip, as Base64. */
  readonly encoding: 'gzip+base64'
  /** The compressed checkpoint. */
  readonly data: string
}

/** Compresses fast first, and thoroughly only if the result is larger than {@link heartbeatTargetBytes}. */
export function packCheckpoint(checkpoint: object): PackedCheckpoint {
  const json = JSON.stringify(checkpoint)
  const fast = compress(json, 1)
  return fast.data.length <= heartbeatTargetBytes ? fast : compress(json, 9)
}

function compress(json: string, level: number): PackedCheckpoint {
  return { encoding: 'gzip+base64', data: gzipSync(json, { level }).toString('base64') }
}

type UnpackedCheckpoint =
  | { readonly kind: 'none' }
  | { readonly kind: 'checkpoint'; readonly checkpoint: object; readonly packed: PackedCheckpoint }
  | { readonly kind: 'unreadable'; readonly reason: string }

/** Reads the checkpoint from heartbeat details. These come from another process and can be anything. */
export function unpackCheckpoint(details: unknown): UnpackedCheckpoint {
  if (details === undefined || details === null) return { kind: 'none' }
  if (!isObject(details)) return { kind: 'unreadable', reason: `the details are a ${typeof details}, not an object` }
  const packed = details['checkpoint']
  if (packed === undefined) {
    if (isObject(details['progress'])) return { kind: 'none' }
    return { kind: 'unreadable', reason: 'the details were not written by a run' }
  }
  if (!isObject(packed) || packed['encoding'] !== 'gzip+base64' || typeof packed['data'] !== 'string') {
    return { kind: 'unreadable', reason: 'the checkpoint is not { encoding: "gzip+base64", data }' }
  }
  const { encoding, data } = packed
  try {
    const bytes = gunzipSync(Buffer.from(data, 'base64'), { maxOutputLength: maxUnpackedBytes })
    const checkpoint: unknown = JSON.parse(bytes.toString('utf8'))
    if (isObject(checkpoint)) return { kind: 'checkpoint', checkpoint, packed: { encoding, data } }
    return { kind: 'unreadable', reason: 'the checkpoint is not a JSON object' }
  } catch (error) {
    return { kind: 'unreadable', reason: errorMessage(error) }
  }
}
