import type { Clock } from '../../../lib/loop/run-deadline.ts'

/** A clock that moves only when somebody waits: the wait ends at once, and the clock moves by its length. */
export function manualClock(): Clock & { readonly waits: readonly number[]; advance(ms: number): void } {
  let now = 0
  const waits: number[] = []
  return {
    waits,
    now: () => now,
    advance: (ms) => {
      now += ms
    },
    after: (ms, callback) => {
      let cancelled = false
      waits.push(ms)
      queueMicrotask(() => {
        if (cancelled) return
        now += ms
        callback()
      })
      return () => {
        cancelled = true
      }
    },
  }
}
