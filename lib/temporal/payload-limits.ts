/**
 * Largest payload that is handed to Temporal, in bytes. The server refuses 2 MiB and more; the rest is room for the
 * envelope and for a payload codec, which may make it longer.
 */
export const payloadLimitBytes = 1_500_000

/** Above this a checkpoint is compressed as far as it goes: every heartbeat sends it again. */
export const heartbeatAimBytes = 262_144

/** UTF-8 bytes of a value as JSON, which is how Temporal's default converter sends it. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '')
}
