const listeners = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls back once when the signal is aborted; the function that is returned takes that back.
 *
 * All calls of a run wait on one signal: it gets one listener for all of them, because Node warns of a leak at eleven,
 * and none is left on it when nobody waits.
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
