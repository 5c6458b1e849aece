import { gunzipSync, gzipSync } from 'node:zlib'
import { isObject } from '../../router/json.ts'
import type { RunProgress } from './progress.ts'

/** What a heartbeat carries: `progress` to be read by people, `checkpoint` to be resumed from. */
export interface HeartbeatDetails {
  readonly progress: RunProgress
  readonly checkpoint?: PackedCheckpoint
}

/** A checkpoint as compressed JSON. Details count against Temporal's limit of 2 MB a payload, and every heartbeat sends them. */
export interface PackedCheckpoint {
  readonly encoding: 'gzip+base64'
  readonly data: string
}

/** More than any checkpoint unpacks to; foreign details shall not fill the memory. */
const unpackedLimit = 64 * 1024 * 1024

export function packCheckpoint(checkpoint: object): PackedCheckpoint {
  return { encoding: 'gzip+base64', data: gzipSync(JSON.stringify(checkpoint), { level: 1 }).toString('base64') }
}

export type UnpackedCheckpoint =
  | { readonly kind: 'none' }
  | { readonly kind: 'checkpoint'; readonly checkpoint: object }
  | { readonly kind: 'unreadable'; readonly reason: string }

/** The checkpoint in the details of an earlier attempt's last heartbeat, which may be anything. */
export function unpackCheckpoint(details: unknown): UnpackedCheckpoint {
  if (details === undefined || details === null) return { kind: 'none' }
  if (!isObject(details)) return { kind: 'unreadable', reason: `the details are ${typeof details}, not an object` }
  const packed = details['checkpoint']
  if (packed === undefined) return { kind: 'none' }
  if (!isObject(packed) || packed['encoding'] !== 'gzip+base64' || typeof packed['data'] !== 'string') {
    return { kind: 'unreadable', reason: 'the checkpoint is not { encoding: "gzip+base64", data }' }
  }
  try {
    const bytes = gunzipSync(Buffer.from(packed['data'], 'base64'), { maxOutputLength: unpackedLimit })
    const checkpoint: unknown = JSON.parse(bytes.toString('utf8'))
    if (isObject(checkpoint)) return { kind: 'checkpoint', checkpoint }
    return { kind: 'unreadable', reason: 'the checkpoint is not a JSON object' }
  } catch (error) {
    return { kind: 'unreadable', reason: error instanceof Error ? error.message : String(error) }
  }
}
