interface Limit {
  /** By `performance.now()`. */
  readonly end: number
  readonly onEnd: () => void
  /** Its place in the list. */
  index: number
}

/** In no order. */
const limits: Limit[] = []
let timer: NodeJS.Timeout | undefined
let firesAt = Number.POSITIVE_INFINITY

/** What timers of Node can hold: `setTimeout` turns anything longer into 1 ms. */
const longestTimeoutMs = 2 ** 31 - 1

/**
 * Calls back once after `ms`; the function that is returned takes that back.
 *
 * For waits that end long before their time, as those for a reply do: all of them share one timer, which is set anew only
 * for one that ends sooner. It does not keep the process alive; the socket that is waited for does.
 */
export function limitTime(ms: number, onEnd: () => void): () => void {
  const limit: Limit = { end: performance.now() + ms, onEnd, index: limits.length }
  limits.push(limit)
  if (limit.end < firesAt) setTimer(limit.end, ms)
  return () => void lift(limit)
}

/** Takes a limit out, and the last one takes its place; false where it is out already. */
function lift(limit: Limit): boolean {
  if (limits[limit.index] !== limit) return false
  const last = limits.pop()
  if (last !== undefined && last !== limit) {
    limits[limit.index] = last
    last.index = limit.index
  }
  return true
}

function setTimer(end: number, ms: number): void {
  clearTimeout(timer)
  firesAt = end
  timer = setTimeout(endThoseOver, Math.min(ms, longestTimeoutMs)).unref()
}

function endThoseOver(): void {
  firesAt = Number.POSITIVE_INFINITY
  const now = performance.now()
  const over = limits.filter(({ end }) => end <= now).toSorted((a, b) => a.end - b.end)
  for (const limit of over) if (lift(limit)) limit.onEnd()
  // What was called back may have lifted others, or begun further waits.
  const next = limits.reduce((least, { end }) => Math.min(least, end), firesAt)
  if (next < firesAt) setTimer(next, next - now)
}
