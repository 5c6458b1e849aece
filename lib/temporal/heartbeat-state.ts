import { gunzipSync, gzipSync } from 'node:zlib'
import type { Context } from '@temporalio/activity'
import { errorMessage } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'
import type { Checkpoint } from '../loop/checkpoint.ts'
import type { LoopEvent } from '../loop/events.ts'
import { heartbeatAimBytes, payloadLimitBytes } from './payload.ts'
import { nextProgress, type RunProgress, startProgress } from './progress.ts'

/**
 * What the heartbeats of one attempt say: how far the run is, and the newest checkpoint that fits into a payload.
 *
 * Until the run has a checkpoint of its own, that of the earlier attempt is sent on: the server keeps the details of the
 * last heartbeat only. A checkpoint that does not fit leaves the one before it in place, which is older, and still a place
 * to go on from; where none ever fitted, heartbeats carry the progress alone, and the next attempt starts afresh.
 */
export class RunReport {
  readonly #context: Context
  #progress: RunProgress
  #checkpoint: PackedCheckpoint | undefined
  /** Newer than the packed one. Packing takes time, and many a checkpoint is overtaken before a heartbeat goes out. */
  #unpacked: Checkpoint | undefined
  #warned = false

  constructor(context: Context) {
    this.#context = context
    this.#progress = startProgress(context.info.attempt)
  }

  get details(): HeartbeatDetails {
    this.#pack()
    return { progress: this.#progress, ...(this.#checkpoint && { checkpoint: this.#checkpoint }) }
  }

  /** The checkpoint of the earlier attempt, as far as the envelope shows that it is one. */
  earlierCheckpoint(): Checkpoint | undefined {
    const unpacked = unpackCheckpoint(this.#context.info.heartbeatDetails)
    if (unpacked.kind === 'unreadable') this.startAfresh(unpacked.reason)
    if (unpacked.kind !== 'checkpoint') return undefined
    // Whether it is one is for the run to check, which knows its version.
    const checkpoint = unpacked.checkpoint as Checkpoint
    this.#keep(unpacked.packed, checkpoint)
    return checkpoint
  }

  onEvent(event: LoopEvent): void {
    this.#progress = nextProgress(this.#progress, event)
  }

  onCheckpoint(checkpoint: Checkpoint): void {
    this.#unpacked = checkpoint
  }

  /** Until the next attempt begins, nothing else is done. */
  awaitsNextAttempt(delayMs: number, failureType: string): void {
    const seconds = Math.round(delayMs / 1_000)
    this.#progress = { ...this.#progress, doing: `waiting ${seconds} s for the next attempt: ${failureType}` }
  }

  /** The earlier checkpoint is still sent on, until the run has one of its own: perhaps it was not to blame. */
  startAfresh(reason: string): void {
    this.#context.log.warn(
      'The run starts afresh: the heartbeat details of the earlier attempt have no usable checkpoint.',
      { reason },
    )
  }

  #pack(): void {
    const checkpoint = this.#unpacked
    if (checkpoint === undefined) return
    this.#unpacked = undefined
    const packed = packCheckpoint(checkpoint)
    if (packed.data.length <= payloadLimitBytes) this.#keep(packed, checkpoint)
    else this.#warnOfSize(packed.data.length)
  }

  #keep(packed: PackedCheckpoint, { rounds }: Checkpoint): void {
    this.#checkpoint = packed
    this.#progress = { ...this.#progress, saved_rounds: Number.isSafeInteger(rounds) ? rounds : 0 }
  }

  #warnOfSize(bytes: number): void {
    if (this.#warned) return
    this.#warned = true
    this.#context.log.warn(
      'A checkpoint of the run is too large for a heartbeat: after a crash the run goes on from an earlier one, if there is any. Lower limits.checkpointBytes.',
      { bytes, limit: payloadLimitBytes, saved_rounds: this.#progress.saved_rounds },
    )
  }
}

/** What a heartbeat carries: `progress` to be read by people, `checkpoint` to be resumed from. */
interface HeartbeatDetails {
  readonly progress: RunProgress
  readonly checkpoint?: PackedCheckpoint
}

/**
 * A checkpoint as compressed JSON. It holds the transcript as the model was sent it, which may be confidential: encrypt
 * it with a payload codec where not everybody who sees the workflow may see that.
 */
export interface PackedCheckpoint {
  readonly encoding: 'gzip+base64'
  readonly data: string
}

/** More than any checkpoint unpacks to; foreign details shall not fill the memory. */
const unpackedLimit = 64 * 1024 * 1024

/** Quickly first; thoroughly where the quick way gives more than a heartbeat should carry. */
export function packCheckpoint(checkpoint: object): PackedCheckpoint {
  const json = JSON.stringify(checkpoint)
  const quick = encode(json, 1)
  return quick.data.length <= heartbeatAimBytes ? quick : encode(json, 9)
}

function encode(json: string, level: number): PackedCheckpoint {
  return { encoding: 'gzip+base64', data: gzipSync(json, { level }).toString('base64') }
}

type UnpackedCheckpoint =
  | { readonly kind: 'none' }
  | { readonly kind: 'checkpoint'; readonly checkpoint: object; readonly packed: PackedCheckpoint }
  | { readonly kind: 'unreadable'; readonly reason: string }

/** The checkpoint in the details of an earlier attempt's last heartbeat, which may be anything. */
export function unpackCheckpoint(details: unknown): UnpackedCheckpoint {
  if (details === undefined || details === null) return { kind: 'none' }
  if (!isObject(details)) return { kind: 'unreadable', reason: `the details are ${typeof details}, not an object` }
  const packed = details['checkpoint']
  if (packed === undefined) {
    if (isObject(details['progress'])) return { kind: 'none' }
    return { kind: 'unreadable', reason: 'the details are not those of a run' }
  }
  if (!isObject(packed) || packed['encoding'] !== 'gzip+base64' || typeof packed['data'] !== 'string') {
    return { kind: 'unreadable', reason: 'the checkpoint is not { encoding: "gzip+base64", data }' }
  }
  const { encoding, data } = packed
  try {
    const bytes = gunzipSync(Buffer.from(data, 'base64'), { maxOutputLength: unpackedLimit })
    const checkpoint: unknown = JSON.parse(bytes.toString('utf8'))
    if (isObject(checkpoint)) return { kind: 'checkpoint', checkpoint, packed: { encoding, data } }
    return { kind: 'unreadable', reason: 'the checkpoint is not a JSON object' }
  } catch (error) {
    return { kind: 'unreadable', reason: errorMessage(error) }
  }
}
