/** The checkpoint in heartbeat details: compressed when it is sent, read and checked when it comes back. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { errorMessage } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'

/** Checkpoints that compress to more than this are compressed as far as possible, because heartbeats repeat them. */
export const heartbeatTargetBytes = 262_144

/** Larger than any checkpoint. Details of other activities must not fill the memory when they are decompressed. */
const maxUnpackedBytes = 64 * 1024 * 1024

/**
 * A checkpoint as compressed JSON. It contains all messages of the run, which may be confidential. If people who see the
 * workflow must not see them, encrypt payloads with Temporal's payload codec.
 */
export interface PackedCheckpoint {
  /** Encoding of `data`: JSON, compressed with gzip, as Base64. */
  readonly encoding: 'gzip+base64'
  /** The compressed checkpoint. */
  readonly data: string
  /** Set if the run has started a tool with side effects. It can be read even if `data` cannot. */
  readonly has_side_effects?: boolean
}

/** Compresses fast first, and thoroughly only if the result is larger than {@link heartbeatTargetBytes}. */
export function packCheckpoint(checkpoint: object): PackedCheckpoint {
  const json = JSON.stringify(checkpoint)
  const fast = compress(json, 1)
  const packed = fast.data.length <= heartbeatTargetBytes ? fast : compress(json, 9)
  return Reflect.get(checkpoint, 'has_side_effects') === true ? { ...packed, has_side_effects: true } : packed
}

function compress(json: string, level: number): PackedCheckpoint {
  return { encoding: 'gzip+base64', data: gzipSync(json, { level }).toString('base64') }
}

type UnpackedCheckpoint =
  | { readonly kind: 'none' }
  | { readonly kind: 'checkpoint'; readonly checkpoint: object; readonly packed: PackedCheckpoint }
  | { readonly kind: 'unreadable'; readonly reason: string; readonly has_side_effects?: boolean }

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
  const { encoding, data, has_side_effects } = packed
  const acted = has_side_effects === true ? { has_side_effects } : {}
  try {
    const bytes = gunzipSync(Buffer.from(data, 'base64'), { maxOutputLength: maxUnpackedBytes })
    const checkpoint: unknown = JSON.parse(bytes.toString('utf8'))
    if (isObject(checkpoint)) return { kind: 'checkpoint', checkpoint, packed: { encoding, data, ...acted } }
    return { kind: 'unreadable', reason: 'the checkpoint is not a JSON object', ...acted }
  } catch (error) {
    return { kind: 'unreadable', reason: errorMessage(error), ...acted }
  }
}
