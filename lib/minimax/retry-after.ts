/**
 * How long a server asks to wait, in milliseconds: `retry-after` in seconds or as an HTTP date, else the ISO time that
 * MiniMax writes into the message of a used-up plan ("resets at 2026-05-15T15:00:00Z").
 */
export function retryAfterOf(header: string | undefined, message: string, nowEpochMs: number): number | undefined {
  const value = header?.trim()
  if (value !== undefined && /^\d+(?:\.\d+)?$/.test(value)) return Number(value) * 1000
  const resets = /resets at (\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))/.exec(message)?.[1]
  const at = Date.parse(value ?? resets ?? '')
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowEpochMs)
}
