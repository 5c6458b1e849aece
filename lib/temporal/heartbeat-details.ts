import { gunzipSync, gzipSync } from 'node:zlib'
import { isObject } from '../../router/json.ts'
import { heartbeatAimBytes } from './payload-limits.ts'
import type { RunProgress } from './progress.ts'

/** What a heartbeat carries: `progress` to be read by people, `checkpoint` to be resumed from. */
export interface HeartbeatDetails {
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

export type UnpackedCheckpoint =
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
    return { kind: 'unreadable', reason: error instanceof Error ? error.message : String(error) }
  }
}
