/** A window that is no duration. */
export class DurationError extends Error {
  override readonly name = 'DurationError'
  readonly code = 'invalid_duration'
}

const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds of a duration such as `90s`, `10m`, `1h30m`.
 *
 * @throws {DurationError}
 */
export function parseDuration(text: string): number {
  const whole = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)
  let milliseconds = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    milliseconds += Number(amount) * (units[unit ?? ''] ?? 0)
  }
  // A year is more than any log here covers, and still a date that can be written down.
  if (whole && milliseconds > 0 && milliseconds <= 366 * 86_400_000) return milliseconds
  throw new DurationError(
    `window ${JSON.stringify(text).slice(0, 60)} is no duration: write for example "90s", "10m" or "1h30m".`,
  )
}
