/** A month: no plan has a longer window. What is above it is no time that anybody meant. */
const mostMs = 31 * 24 * 3_600_000

/**
 * How long a server asks to wait, in milliseconds: `retry-after-ms`, as some gateways write it beside `retry-after`; that in
 * seconds or as an HTTP date; else the ISO time that MiniMax writes into the message of a used-up plan ("resets at
 * 2026-05-15T15:00:00Z").
 */
export function retryAfterOf(
  header: (name: string) => string | undefined,
  message: string,
  nowEpochMs: number,
): number | undefined {
  const ms = numberOf(header('retry-after-ms'))
  if (ms !== undefined) return Math.min(ms, mostMs)
  const value = header('retry-after')?.trim()
  const seconds = numberOf(value)
  if (seconds !== undefined) return Math.min(seconds * 1000, mostMs)
  const resets = /resets at (\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))/.exec(message)?.[1]
  // Date.parse takes almost anything for a date, "-1" among it.
  const date = value !== undefined && /^[A-Z][a-z]{2,8}, /.test(value) ? value : resets
  const at = Date.parse(date ?? '')
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - nowEpochMs), mostMs)
}

function numberOf(value: string | undefined): number | undefined {
  return value !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : undefined
}
