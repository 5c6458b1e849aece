import { onAbort } from '../../router/on-abort.ts'

/**
 * Ends the wait when the signal is aborted, even for a promise that never settles; its late outcome is dropped. What is no
 * promise, from code without types, is the outcome itself.
 */
export function untilAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopWaiting = onAbort(signal, () => reject(signal.reason))
    if (signal.aborted) reject(signal.reason)
    Promise.resolve(promise).then(
      (value) => {
        stopWaiting()
        resolve(value)
      },
      (error: unknown) => {
        stopWaiting()
        reject(error)
      },
    )
  })
}
