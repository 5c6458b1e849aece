import { expect, test } from 'vitest'
import { ModelError, type ModelErrorFields } from '../../lib/loop/errors.ts'
import type { ModelRetry } from '../../lib/loop/model.ts'
import { withRetries } from '../../lib/minimax/retry.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { manualClock } from './support/manual-clock.ts'
import { clientOf, modelRequest } from './support/request.ts'

const overloaded = { error: { type: 'overloaded_error', message: 'High traffic detected. (2064) (529)' } }

test('a call that meets 529 twice is sent a third time, the same, after growing waits', async () => {
  await using server = await startLocalServer((_request, response, number) =>
    number < 2 ? replyJson(response, 529, overloaded) : replyJson(response, 200, completion),
  )
  const clock = manualClock()
  const model = clientOf(server.url, { retries: 2 }, { clock, random: () => 1 })
  expect(await model.complete(modelRequest({ timeoutMs: 60_000 }))).toMatchObject({ message: { content: 'Warm.' } })
  expect(clock.waits).toEqual([3000, 6000])
  expect(server.bodies).toHaveLength(3)
  expect(new Set(server.bodies).size).toBe(1)
})

test('onRetry is called before every retry', async () => {
  await using server = await startLocalServer((_request, response, number) =>
    number < 2 ? replyJson(response, 529, overloaded) : replyJson(response, 200, completion),
  )
  const told: unknown[] = []
  const model = clientOf(server.url, { retries: 2 }, { clock: manualClock(), random: () => 0, firstWaitMs: 100 })
  await model.complete(modelRequest({ onRetry: (retry) => told.push({ ...retry, sent: server.bodies.length }) }))
  expect(told).toEqual([
    { attempt: 1, code: 'overloaded', waitMs: 100, sent: 1 },
    { attempt: 2, code: 'overloaded', waitMs: 200, sent: 2 },
  ])
})

test('after the last attempt the last error is the outcome', async () => {
  await using server = await startLocalServer((_request, response) => replyJson(response, 529, overloaded))
  const model = clientOf(server.url, { retries: 2 }, { clock: manualClock() })
  await expect(model.complete(modelRequest())).rejects.toMatchObject({
    code: 'overloaded',
    status: 529,
    providerCode: '2064',
    message: 'MiniMax: High traffic detected. (2064) Tried 3 times; try again later.',
  })
  expect(server.bodies).toHaveLength(3)
})

test.each([
  ['a 401', 401, 'invalid api key (2049)', 'authentication'],
  ['a 500 with code 2061', 500, 'your current token plan not support model (2061)', 'quota'],
  ['a 400', 400, 'invalid params, chat content is empty (2013)', 'invalid_request'],
])('%s is not sent again', async (_name, status, message, code) => {
  await using server = await startLocalServer((_request, response) =>
    replyJson(response, status, { error: { message } }),
  )
  const clock = manualClock()
  const model = clientOf(server.url, { retries: 2 }, { clock })
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ code, status, retryable: false })
  expect(server.bodies).toHaveLength(1)
  expect(clock.waits).toEqual([])
})

test.each([
  ['an error status', 429, { error: { message: 'rate limit (1002)' } }],
  ['a 200 with an error in it', 200, { base_resp: { status_code: 1002, status_msg: 'rate limit' } }],
])('%s is sent again after the time that the server asks for', async (_name, status, body) => {
  await using server = await startLocalServer((_request, response, number) =>
    number < 1 ? replyJson(response, status, body, { 'retry-after': '7' }) : replyJson(response, 200, completion),
  )
  const clock = manualClock()
  const model = clientOf(server.url, { retries: 1 }, { clock, random: () => 0 })
  await model.complete(modelRequest())
  expect(clock.waits).toEqual([7000])
})

const retryable: ModelErrorFields = { code: 'server', retryable: true }

/** The waits of a call that never succeeds. */
async function waitsOf(fields: ModelErrorFields, random: number, timeoutMs = 600_000): Promise<readonly number[]> {
  const clock = manualClock()
  const options = { retries: 2, timeoutMs, signal: new AbortController().signal, clock, random: () => random }
  const outcome = withRetries(options, async () => {
    throw new ModelError('Busy.', fields)
  })
  await expect(outcome).rejects.toThrow('Busy.')
  return clock.waits
}

test.each<[ModelErrorFields['code'], readonly number[]]>([
  ['rate_limit', [15_000, 30_000]],
  ['overloaded', [2000, 4000]],
  ['server', [1000, 2000]],
  ['network', [1000, 2000]],
])('the waits after a failure with code %s are at least %j', async (code, waits) => {
  expect(await waitsOf({ code, retryable: true }, 0)).toEqual(waits)
  expect(await waitsOf({ code, retryable: true }, 1)).toEqual(waits.map((ms) => ms * 1.5))
})

test.each([0, 250, 7000, 60_000])(
  'a server that asks for %i ms is not asked earlier, by chance a little later',
  async (ms) => {
    const asked: ModelErrorFields = { code: 'rate_limit', retryable: true, retryAfterMs: ms }
    expect(await waitsOf(asked, 0)).toEqual(ms === 0 ? [] : [ms, ms])
    expect(await waitsOf(asked, 1)).toEqual([500 + ms * 1.1, 500 + ms * 1.1])
  },
)

test('chance does not cost an attempt that fits into the time', async () => {
  expect(await waitsOf({ code: 'rate_limit', retryable: true, retryAfterMs: 60_000 }, 1, 61_000)).toEqual([60_500])
})

test('a wait that does not fit into the time is not begun', async () => {
  await using server = await startLocalServer((_request, response) =>
    replyJson(response, 429, { error: { message: 'rate limit (1002)' } }, { 'retry-after': '60' }),
  )
  const clock = manualClock()
  const model = clientOf(server.url, { retries: 2 }, { clock })
  await expect(model.complete(modelRequest({ timeoutMs: 30_000 }))).rejects.toMatchObject({
    code: 'rate_limit',
    retryAfterMs: 60_000,
  })
  expect(server.bodies).toHaveLength(1)
  expect(clock.waits).toEqual([])
})

test('a wait that the caller does not allow ends the call, and the error has its time', async () => {
  const clock = manualClock()
  const asked: ModelRetry[] = []
  const mayWait = (retry: ModelRetry) => asked.push(retry) < 2
  const options = {
    retries: 5,
    timeoutMs: 600_000,
    signal: new AbortController().signal,
    clock,
    random: () => 0,
    mayWait,
  }
  const outcome = withRetries(options, async () => {
    throw new ModelError('Busy.', { code: 'rate_limit', retryable: true, status: 429 })
  })
  const expected = { message: 'Busy.', code: 'rate_limit', retryable: true, status: 429, retryAfterMs: 30_000 }
  await expect(outcome).rejects.toMatchObject(expected)
  expect(asked).toEqual([
    { attempt: 1, code: 'rate_limit', waitMs: 15_000 },
    { attempt: 2, code: 'rate_limit', waitMs: 30_000 },
  ])
  expect(clock.waits).toEqual([15_000])
})

test('each attempt gets the remaining time', async () => {
  const clock = manualClock()
  const times: number[] = []
  const options = { retries: 2, timeoutMs: 10_000, signal: new AbortController().signal, clock, random: () => 0 }
  const outcome = withRetries(options, async (leftMs) => {
    times.push(leftMs)
    clock.advance(3000)
    throw new ModelError('Busy.', retryable)
  })
  await expect(outcome).rejects.toThrow('Busy.')
  // Waits of one and two seconds between attempts of three seconds.
  expect(times).toEqual([10_000, 6000, 1000])
})

test('an error that is not a ModelError is not retried', async () => {
  const options = {
    retries: 2,
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    clock: manualClock(),
    random: () => 0,
  }
  let attempts = 0
  const outcome = withRetries(options, async () => {
    attempts++
    throw new TypeError('a mistake')
  })
  await expect(outcome).rejects.toThrow('a mistake')
  expect(attempts).toBe(1)
})

test('an abort ends the wait, removes the timer and sends nothing more', async () => {
  const controller = new AbortController()
  let timers = 0
  const clock = {
    now: () => 0,
    after: () => {
      timers++
      queueMicrotask(() => controller.abort())
      return () => {
        timers--
      }
    },
  }
  let attempts = 0
  const options = { retries: 2, timeoutMs: 10_000, signal: controller.signal, clock, random: () => 0 }
  const outcome = withRetries(options, async () => {
    attempts++
    throw new ModelError('Busy.', retryable)
  })
  await expect(outcome).rejects.toMatchObject({ code: 'aborted', retryable: false })
  expect({ attempts, timers }).toEqual({ attempts: 1, timers: 0 })
})

test('an abort inside onRetry removes the timer of the wait, too', async () => {
  const controller = new AbortController()
  let timers = 0
  const clock = {
    now: () => 0,
    after: () => {
      timers++
      return () => {
        timers--
      }
    },
  }
  const options = { retries: 2, timeoutMs: 10_000, signal: controller.signal, clock, random: () => 0 }
  const outcome = withRetries({ ...options, onRetry: () => controller.abort() }, async () => {
    throw new ModelError('Busy.', retryable)
  })
  await expect(outcome).rejects.toMatchObject({ code: 'aborted' })
  expect(timers).toBe(0)
})
