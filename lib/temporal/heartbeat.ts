/** When heartbeats are sent, and what the server has stored of them. heartbeat-state.ts has their content. */
import { setTimeout as delay } from 'node:timers/promises'
import { ApplicationFailure, type Context, type Info } from '@temporalio/activity'
import { type AttemptCancellation, asActivity } from './attempt-cancellation.ts'

/** Longest time for one request. A connection that swallows everything must not hold back the next try. */
const longestRequestMs = 5_000
/** Pause after a heartbeat that the server did not answer. */
const retryPauseMs = 500

/**
 * The SDK waits 0.8 of the heartbeat timeout before it sends a heartbeat that follows another one. After more than that it
 * sends at once. On a busy machine its clock is late. Without any heartbeat for the timeout and 5 s, it takes the attempt for
 * lost.
 */
const sdkPause = 0.9

/**
 * Longest time that a heartbeat of the SDK is expected to take. It takes another connection than the direct ones, so it can
 * arrive after a newer one and replace it.
 */
const longestSdkHeartbeatMs = 500

/** Sends the heartbeats of one activity attempt. */
export interface Heartbeat {
  /** Sends the newest details now, without waiting for the server. */
  beat(): void
  /**
   * Sends the newest details, again and again if necessary, and resolves when the server has stored them. Rejects with the
   * reason of the attempt's signal when the attempt is over: cancelled, shut down, or given up by the server. Shortly after
   * the SDK got a heartbeat, it waits until that one has arrived.
   */
  stored(): Promise<void>
  /** Leaves the newest details to the next heartbeat. */
  beatLater(): void
  /** Leaves the newest details to the SDK, which sends them with the failure of the attempt. */
  leaveToSdk(): void
  /** Whether the server has stored the newest details. */
  isStored(): boolean
  /** Whether the SDK got older details last. If they are still on their way, they replace the newest ones. */
  mayBeReplaced(): boolean
  /** Whether the server has stored nothing for half of the heartbeat timeout: another worker may soon take over. */
  isStale(): boolean
  /** Stops sending heartbeats. */
  stop(): void
}

/**
 * Sends heartbeats of an attempt: one whenever it is asked to, and one whenever none was sent for a third of the heartbeat
 * timeout, until `stop`.
 *
 * They are sent directly, at once, and each answer is awaited. The SDK's own `heartbeat()` never says what the server has
 * stored. It also delays most heartbeats and repeats failed ones, so an old one could replace a newer one that a tool with
 * side effects relies on. The SDK still needs a heartbeat now and then, or it takes the attempt for lost. It gets one
 * right after the server has answered and only when it sends it at once, with the details that the server has just stored.
 *
 * @param details returns the newest details; called for every heartbeat.
 */
export function startHeartbeat(
  context: Context,
  timeoutMs: number,
  details: () => unknown,
  cancellation: AttemptCancellation,
): Heartbeat {
  return new HeartbeatSender(context, timeoutMs, details, cancellation)
}

class HeartbeatSender implements Heartbeat {
  readonly #context: Context
  readonly #timeoutMs: number
  readonly #details: () => unknown
  readonly #cancellation: AttemptCancellation
  #timer: NodeJS.Timeout | undefined
  /** When the SDK got its last heartbeat. */
  #sdkAt = performance.now()
  /** Number of the heartbeat that the SDK got last. */
  #sdkNumber: number | undefined
  /** Number of the newest heartbeat that was asked for, and of the newest one that the server has stored. */
  #wanted = 0
  #storedUpTo = 0
  #storedAt: number
  /** Whether there are details that no heartbeat contains yet. */
  #isBehind = false
  #isSending = false
  #isOver = false
  readonly #waiting = new Set<{ readonly number: number; resolve(): void; reject(reason: unknown): void }>()

  constructor(context: Context, timeoutMs: number, details: () => unknown, cancellation: AttemptCancellation) {
    this.#context = context
    this.#timeoutMs = timeoutMs
    this.#details = details
    this.#cancellation = cancellation
    // A worker that was frozen or cut off can get tasks that waited for it. Their attempts may be over before they begin.
    const waitedMs = Math.max(0, Date.now() - context.info.currentAttemptScheduledTimestampMs)
    this.#storedAt = performance.now() - waitedMs
    this.#setTimer()
    cancellation.isLeaseHeld = () => performance.now() - this.#storedAt < timeoutMs
    cancellation.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  beat(): void {
    this.#wanted++
    this.#isBehind = false
    this.#setTimer()
    void this.#sendAll()
  }

  async stored(): Promise<void> {
    if (this.#sdkNumber !== undefined) {
      const arrivesBy = this.#sdkAt + Math.min(longestSdkHeartbeatMs, this.#timeoutMs / 6)
      const leftMs = arrivesBy - performance.now()
      if (leftMs > 0) await delay(leftMs, undefined, { ref: false })
    }
    return this.#sendAndWait()
  }

  #sendAndWait(): Promise<void> {
    const { signal } = this.#cancellation
    if (signal.aborted) return Promise.reject(signal.reason)
    this.beat()
    const number = this.#wanted
    return new Promise((resolve, reject) => void this.#waiting.add({ number, resolve, reject }))
  }

  beatLater(): void {
    this.#isBehind = true
  }

  leaveToSdk(): void {
    this.#context.heartbeat(this.#details())
  }

  isStored(): boolean {
    return !this.#isBehind && this.#storedUpTo === this.#wanted
  }

  mayBeReplaced(): boolean {
    return this.#sdkNumber !== undefined && (this.#isBehind || this.#sdkNumber < this.#wanted)
  }

  isStale(): boolean {
    return performance.now() - this.#storedAt > this.#timeoutMs / 2
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#cancellation.signal.removeEventListener('abort', this.#onAbort)
    this.#onAbort()
  }

  readonly #onAbort = (): void => {
    for (const { reject } of this.#waiting) reject(this.#cancellation.signal.reason)
    this.#waiting.clear()
    this.#isOver = true
  }

  /** The next heartbeat is due after a third of the timeout, or earlier if the SDK needs one. */
  #setTimer(): void {
    clearTimeout(this.#timer)
    const thirdMs = this.#timeoutMs / 3
    const pauseLeftMs = this.#sdkAt + sdkPause * this.#timeoutMs - performance.now()
    // A little later than necessary: a timer can fire early.
    const sdkDueMs = pauseLeftMs > 0 ? pauseLeftMs + thirdMs / 10 : thirdMs
    this.#timer = setTimeout(() => this.beat(), Math.min(thirdMs, sdkDueMs))
  }

  /** Sends until the newest heartbeat is stored. One request at a time, so that an older one never replaces a newer one. */
  async #sendAll(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    while (this.#storedUpTo < this.#wanted && !this.#isOver) {
      // Checkpoints that follow each other in the same turn need one request.
      await Promise.resolve()
      const number = this.#wanted
      const sentAt = performance.now()
      if (await this.#send(number)) this.#onStored(number, sentAt)
      else if (!this.#isOver) await delay(retryPauseMs, undefined, { ref: false })
    }
    this.#isSending = false
  }

  #onStored(number: number, sentAt: number): void {
    this.#storedUpTo = number
    this.#storedAt = sentAt
    for (const waiter of this.#waiting) {
      if (waiter.number > number) continue
      this.#waiting.delete(waiter)
      waiter.resolve()
    }
  }

  /** @returns whether the server has stored the details. */
  async #send(number: number): Promise<boolean> {
    const activity = directClient(this.#context)
    const details = this.#details()
    // Without a client, in a mock environment, nothing can be lost.
    if (activity === undefined) {
      this.#context.heartbeat(details)
      return true
    }
    const { taskToken } = this.#context.info
    const deadline = Date.now() + Math.min(longestRequestMs, this.#timeoutMs / 2)
    try {
      // The SDK ties its client to its own signal, which AttemptCancellation may ignore.
      await activity.withAbortSignal(this.#cancellation.signal, () =>
        activity.withDeadline(deadline, () => activity.heartbeat(taskToken, details, asActivity(this.#context.info))),
      )
      this.#keepSdkAlive(details, number)
      return true
    } catch (error) {
      // The server answers a heartbeat of a cancelled attempt with these errors, and has stored it.
      const state = error instanceof Error ? attemptStates[error.name] : undefined
      if (state !== undefined) this.#cancellation.cancel(state)
      return state !== undefined && state !== 'NOT_FOUND'
    }
  }

  #keepSdkAlive(details: unknown, number: number): void {
    const now = performance.now()
    if (this.#isOver || now - this.#sdkAt < sdkPause * this.#timeoutMs) return
    this.#sdkAt = now
    this.#sdkNumber = number
    this.#context.heartbeat(details)
  }
}

/** States of an attempt that the server reports, by the name of the client's error. The values are the SDK's. */
const attemptStates: { readonly [errorName: string]: string } = {
  ActivityCancelledError: 'CANCELLED',
  ActivityPausedError: 'PAUSED',
  ActivityResetError: 'RESET',
  ActivityNotFoundError: 'NOT_FOUND',
}

function directClient(context: Context): Context['client']['activity'] | undefined {
  try {
    return context.client.activity
  } catch {
    return undefined
  }
}

/**
 * Returns the heartbeat timeout of the current activity in milliseconds.
 *
 * @throws {ApplicationFailure} `MissingHeartbeatTimeout`, not retryable, if none is set. Without it a dead worker is only
 * noticed at the start-to-close timeout, and a cancellation never reaches the run.
 */
export function heartbeatTimeoutOf(info: Info): number {
  const { heartbeatTimeoutMs } = info
  if (heartbeatTimeoutMs !== undefined && heartbeatTimeoutMs > 0) return heartbeatTimeoutMs
  throw ApplicationFailure.nonRetryable(
    `Activity "${info.activityType}" has no heartbeat timeout. Set heartbeatTimeout, for example '30s', where the workflow calls it.`,
    'MissingHeartbeatTimeout',
  )
}
