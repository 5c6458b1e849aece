/** Longest delay of a Node timer, about 25 days. `setTimeout` replaces a longer one with 1 ms. */
export const maxTimerMs = 2 ** 31 - 1

const listeners = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `callback` once when a signal is aborted. An already aborted signal never calls it.
 *
 * All calls of a run wait for the same signal. It gets one listener for all of them, because Node warns of a leak from
 * eleven listeners on, and the listener is removed when nobody waits.
 *
 * @returns a function that removes the callback.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const waiting = listeners.get(signal) ?? listenTo(signal)
  waiting.add(callback)
  return () => {
    waiting.delete(callback)
    if (waiting.size > 0 || listeners.get(signal) !== waiting) return
    listeners.delete(signal)
    signal.removeEventListener('abort', dispatchAbort)
  }
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const waiting = new Set<() => void>()
  listeners.set(signal, waiting)
  signal.addEventListener('abort', dispatchAbort, { once: true })
  return waiting
}

function dispatchAbort(this: AbortSignal): void {
  const waiting = listeners.get(this) ?? []
  listeners.delete(this)
  for (const callback of [...waiting]) callback()
}
