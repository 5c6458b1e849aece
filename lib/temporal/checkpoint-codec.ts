/** Checkpoints and messages in Temporal payloads: compressed when they are sent, read and checked when they come back. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { errorMessage } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'
import { jsonBytes } from './payload.ts'

/** Checkpoints that compress to more than this are compressed as far as possible, because heartbeats repeat them. */
export const heartbeatTargetBytes = 262_144

/**
 * Most bytes of JSON in a packed document, larger than any checkpoint. Payloads of other origin must not fill the memory
 * when they are decompressed.
 */
export const maxUnpackedBytes = 64 * 1024 * 1024

/** A JSON document in a payload. */
export interface PackedJson {
  /** Encoding of `data`: JSON, compressed with gzip, as Base64. */
  readonly encoding: 'gzip+base64'
  /** The compressed document. */
  readonly data: string
}

/**
 * A checkpoint as compressed JSON. It contains all messages of the run, which may be confidential. If people who see the
 * workflow must not see them, encrypt payloads with Temporal's payload codec.
 */
export interface PackedCheckpoint extends PackedJson {
  /** Set if the run has started a tool with side effects. It can be read even if `data` cannot. */
  readonly has_side_effects?: boolean
}

/** Compresses fast first, and thoroughly only if the result is larger than {@link heartbeatTargetBytes}. */
export function packJson(document: unknown): PackedJson {
  const json = JSON.stringify(document)
  const fast = compress(json, 1)
  return fast.data.length <= heartbeatTargetBytes ? fast : compress(json, 9)
}

/** Compresses a checkpoint, with the mark of its side effects beside it. */
export function packCheckpoint(checkpoint: object): PackedCheckpoint {
  const packed = packJson(checkpoint)
  return Reflect.get(checkpoint, 'has_side_effects') === true ? { ...packed, has_side_effects: true } : packed
}

/** Each try packs the checkpoint, which takes a tenth of a second for some megabytes. */
const maxShrinks = 4

/**
 * Packs a checkpoint, made smaller in a few steps if necessary: nobody knows before how well the rest compresses.
 *
 * @param shrink returns the checkpoint with at most so many bytes of JSON, as far as possible.
 * @returns the packed checkpoint. It is larger than `maxBytes` if nothing helped.
 */
export function packCheckpointWithin(
  checkpoint: object,
  maxBytes: number,
  shrink: ((bytes: number) => object) | undefined,
): PackedCheckpoint {
  let packed = packCheckpoint(checkpoint)
  if (shrink === undefined || packed.data.length <= maxBytes) return packed
  let bytes = jsonBytes(checkpoint)
  for (let tries = 0; packed.data.length > maxBytes && tries < maxShrinks; tries++) {
    bytes = Math.floor((0.9 * bytes * maxBytes) / packed.data.length)
    packed = packCheckpoint(shrink(bytes))
  }
  return packed
}

function compress(json: string, level: number): PackedJson {
  return { encoding: 'gzip+base64', data: gzipSync(json, { level }).toString('base64') }
}

/** Whether a value has the form of {@link PackedJson}. Its data may still be damaged. */
export function isPacked(value: unknown): value is PackedJson {
  return isObject(value) && value['encoding'] === 'gzip+base64' && typeof value['data'] === 'string'
}

/** @throws {Error} if the data is damaged; the message says how. */
export function unpackJson({ data }: PackedJson): unknown {
  const bytes = gunzipSync(Buffer.from(data, 'base64'), { maxOutputLength: maxUnpackedBytes })
  return JSON.parse(bytes.toString('utf8'))
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
  if (!isPacked(packed)) {
    return { kind: 'unreadable', reason: 'the checkpoint is not { encoding: "gzip+base64", data }' }
  }
  const { encoding, data } = packed
  const acted = Reflect.get(packed, 'has_side_effects') === true ? { has_side_effects: true } : {}
  try {
    const checkpoint = unpackJson(packed)
    if (isObject(checkpoint)) return { kind: 'checkpoint', checkpoint, packed: { encoding, data, ...acted } }
    return { kind: 'unreadable', reason: 'the checkpoint is not a JSON object', ...acted }
  } catch (error) {
    return { kind: 'unreadable', reason: errorMessage(error), ...acted }
  }
}
