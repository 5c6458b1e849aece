import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '@temporalio/activity'
import { describe, expect, onTestFinished, test } from 'vitest'
import { AttemptCancellation } from '../../lib/temporal/attempt-cancellation.ts'
import { type Heartbeat, startHeartbeat } from '../../lib/temporal/heartbeat.ts'

describe('a heartbeat', () => {
  test('is stored when the server has answered', async () => {
    const { heartbeat, server } = begin()
    await heartbeat.stored()
    expect(server.received).toEqual([1])
    expect(heartbeat.isStored()).toBe(true)
  })

  test('is sent again until the server answers', async () => {
    const { heartbeat, server } = begin()
    server.answer = () => Promise.reject(new Error('connection refused'))
    const stored = heartbeat.stored()
    await delay(50)
    expect(heartbeat.isStored()).toBe(false)
    server.answer = () => Promise.resolve()
    await stored
    expect(server.received.length).toBe(2)
  })

  test('never replaces a newer one: one request at a time, always with the newest details', async () => {
    const { heartbeat, server } = begin()
    let answer = (): void => {}
    server.answer = () => new Promise((resolve) => (answer = resolve))
    heartbeat.beat()
    await delay(10)
    heartbeat.beat()
    heartbeat.beat()
    await delay(10)
    expect(server.received).toEqual([1])
    server.answer = () => Promise.resolve()
    answer()
    await heartbeat.stored()
    expect(server.received.at(-1)).toBe(4)
    expect(server.received.length).toBeLessThanOrEqual(3)
  })

  test('reaches the SDK only after the server has stored it, and only when the SDK does not delay it', async () => {
    const { heartbeat, server } = begin(300)
    const startedAt = performance.now()
    const givenAt: number[] = []
    server.onSdk = () => givenAt.push(performance.now())
    while (performance.now() - startedAt < 900) {
      await heartbeat.stored()
      await delay(10)
    }
    expect(givenAt.length).toBeGreaterThan(0)
    for (const [index, at] of givenAt.entries()) {
      expect(at - (givenAt[index - 1] ?? startedAt)).toBeGreaterThanOrEqual(0.8 * 300)
    }
    for (const details of server.handedToSdk) expect(server.received).toContain(details)
  })

  test('of the SDK has time to arrive before details that a tool with side effects relies on', async () => {
    const { heartbeat, server } = begin(300)
    let givenAt = 0
    server.onSdk = () => {
      givenAt ||= performance.now()
    }
    while (givenAt === 0) {
      await heartbeat.stored()
      await delay(5)
    }
    const received = server.received.length
    expect(heartbeat.mayBeReplaced()).toBe(false)
    const stored = heartbeat.stored()
    await delay(0)
    expect(server.received.length).toBe(received)
    await stored
    expect(server.received.length).toBe(received + 1)
    // At the end of the attempt, the SDK gets the newest details, too.
    expect(heartbeat.mayBeReplaced()).toBe(true)
  })

  test('does not reach the SDK while the server does not answer', async () => {
    const { heartbeat, server } = begin(100)
    server.answer = () => Promise.reject(new Error('connection refused'))
    heartbeat.beat()
    await delay(250)
    expect(server.handedToSdk).toEqual([])
  })

  test('is given to the SDK before the SDK takes the attempt for lost, also without being asked for', async () => {
    const { server } = begin(150)
    await delay(600)
    expect(server.handedToSdk.length).toBeGreaterThanOrEqual(2)
  })

  test('of a failed attempt is left to the SDK', () => {
    const { heartbeat, server } = begin()
    heartbeat.beatLater()
    expect(heartbeat.isStored()).toBe(false)
    heartbeat.leaveToSdk()
    expect(server.handedToSdk).toEqual([0])
  })

  test.each([
    ['ActivityNotFoundError', 'attempt-lost'],
    ['ActivityPausedError', 'attempt-lost'],
    ['ActivityResetError', 'attempt-lost'],
    ['ActivityCancelledError', 'requested'],
  ])('that the server answers with %s ends the attempt as %s', async (name, reason) => {
    const { heartbeat, server, cancellation } = begin()
    server.answer = () => Promise.reject(Object.assign(new Error('gone'), { name }))
    await expect(heartbeat.stored()).rejects.toMatchObject({ name: 'CancelledFailure' })
    expect(cancellation.signal.aborted).toBe(true)
    expect(cancellation.reason()).toBe(reason)
  })

  test('is stale when the server has stored nothing for half of the timeout', async () => {
    const { heartbeat, server } = begin(100)
    server.answer = () => new Promise(() => {})
    expect(heartbeat.isStale()).toBe(false)
    await delay(80)
    expect(heartbeat.isStale()).toBe(true)
  })

  test('is stale from the start if its attempt has waited for this worker, which may have been frozen', async () => {
    const { heartbeat } = begin(60_000, Date.now() - 31_000)
    expect(heartbeat.isStale()).toBe(true)
    await heartbeat.stored()
    expect(heartbeat.isStale()).toBe(false)
  })

  test('is sent every third of the timeout without being asked for', async () => {
    const { server } = begin(150)
    await delay(400)
    expect(server.received.length).toBeGreaterThan(2)
    expect(server.received.length).toBeLessThan(12)
  })

  test('that the server has stored makes a timeout of the SDK meaningless', async () => {
    const { heartbeat, server, worker, cancellation } = begin(500)
    await heartbeat.stored()
    worker.abort(new Error('TIMED_OUT'))
    expect(cancellation.reason()).toBeUndefined()
    await heartbeat.stored()
    // The SDK would drop the result, so it is reported directly.
    await expect(cancellation.complete('done')).rejects.toMatchObject({ name: 'CompleteAsyncError' })
    expect(server.results).toEqual(['done'])
  })

  test('without such a timeout leaves the result to the SDK', async () => {
    const { server, cancellation } = begin()
    expect(await cancellation.complete('done')).toBe('done')
    expect(server.results).toEqual([])
  })

  test('that the server has not stored for the whole timeout ends the attempt with the timeout of the SDK', async () => {
    const { server, worker, cancellation } = begin(60)
    server.answer = () => new Promise(() => {})
    await delay(80)
    worker.abort(new Error('TIMED_OUT'))
    expect(cancellation.reason()).toBe('attempt-lost')
  })

  test('is given up when the worker shuts down', async () => {
    const { heartbeat, server, worker } = begin()
    server.answer = () => new Promise(() => {})
    const stored = heartbeat.stored()
    worker.abort(new Error('WORKER_SHUTDOWN'))
    await expect(stored).rejects.toThrow('WORKER_SHUTDOWN')
    await expect(heartbeat.stored()).rejects.toThrow('WORKER_SHUTDOWN')
  })
})

/** A heartbeat of an attempt on a server that the test plays. The details are the number of the heartbeat. */
function begin(timeoutMs = 60_000, scheduledAt = Date.now()) {
  const server = {
    received: [] as unknown[],
    handedToSdk: [] as unknown[],
    results: [] as unknown[],
    onSdk: (): unknown => undefined,
    answer: (): Promise<void> => Promise.resolve(),
  }
  const withAbortSignal = <T>(_: AbortSignal, send: () => Promise<T>): Promise<T> => send()
  const activity = {
    withAbortSignal,
    complete: async (_: Uint8Array, result: unknown): Promise<void> => void server.results.push(result),
    withDeadline: <T>(_: number, send: () => Promise<T>): Promise<T> => send(),
    heartbeat: (_: Uint8Array, details: unknown): Promise<void> => {
      server.received.push(details)
      return server.answer()
    },
  }
  const worker = new AbortController()
  const context = {
    info: { taskToken: new Uint8Array(), currentAttemptScheduledTimestampMs: scheduledAt },
    client: { activity, withAbortSignal },
    cancellationSignal: worker.signal,
    heartbeat: (details: unknown) => {
      server.handedToSdk.push(details)
      server.onSdk()
    },
  } as unknown as Context
  const cancellation = new AttemptCancellation(context)
  let beats = 0
  const heartbeat = startHeartbeat(context, timeoutMs, () => beats, cancellation)
  return { heartbeat: counting(heartbeat), server, cancellation, worker }

  function counting(counted: Heartbeat): Heartbeat {
    onTestFinished(() => counted.stop())
    return {
      ...counted,
      beat: () => {
        beats++
        counted.beat()
      },
      stored: () => {
        beats++
        return counted.stored()
      },
      beatLater: () => counted.beatLater(),
      leaveToSdk: () => counted.leaveToSdk(),
      isStored: () => counted.isStored(),
      mayBeReplaced: () => counted.mayBeReplaced(),
      isStale: () => counted.isStale(),
    }
  }
}
