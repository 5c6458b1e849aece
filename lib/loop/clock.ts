import { maxTimerMs } from '../../router/on-abort.ts'

/** Source of time for deadlines, durations and waits. Timeouts of single tools and of sockets use real timers. */
export interface Clock {
  /** Milliseconds since some fixed moment. It never goes back. */
  now(): number
  /** Calls `callback` once after `ms` milliseconds. The returned function cancels the timer. */
  after(ms: number, callback: () => void): () => void
}

/** The clock of the system. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(ms, maxTimerMs))
    return () => clearTimeout(timer)
  },
}
