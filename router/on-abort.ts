/** Longest delay of a Node timer, about 25 days. `setTimeout` replaces a longer one with 1 ms. */
export const maxTimerMs = 2 ** 31 - 1

const listeners = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `callback` once when a signal is aborted. If it is already aborted, `callback` is called in a microtask, after this
 * function has returned.
 *
 * All calls of a run wait for the same signal. It gets one listener for all of them, because Node warns of a leak from
 * eleven listeners on, and the listener is removed when nobody waits.
 *
 * @returns a function that removes the callback.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) return inMicrotask(callback)
  const waiting = listeners.get(signal) ?? listenTo(signal)
  waiting.add(callback)
  return () => {
    waiting.delete(callback)
    if (waiting.size > 0 || listeners.get(signal) !== waiting) return
    listeners.delete(signal)
    signal.removeEventListener('abort', dispatchAbort)
  }
}

/** Resolves when a signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => void onAbort(signal, resolve))
}

function inMicrotask(callback: () => void): () => void {
  let isWanted = true
  queueMicrotask(() => {
    if (isWanted) callback()
  })
  return () => {
    isWanted = false
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
