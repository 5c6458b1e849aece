import { ApplicationFailure } from '@temporalio/common'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AttemptInfo, attemptDeadlineMs, isLastAttempt } from '../../lib/temporal/attempt.ts'

const scheduledAt = 1_000_000

const info: AttemptInfo = {
  attempt: 1,
  scheduledTimestampMs: scheduledAt,
  startToCloseTimeoutMs: 600_000,
  scheduleToCloseTimeoutMs: 3_600_000,
  retryPolicy: { maximumAttempts: 3, initialInterval: 1_000, backoffCoefficient: 2, maximumInterval: 100_000 },
}

describe('the deadline of an attempt', () => {
  test('is start-to-close minus a tenth', () => {
    expect(attemptDeadlineMs(info, scheduledAt)).toBe(540_000)
  })

  test('leaves at least 5 s for returning the result', () => {
    expect(attemptDeadlineMs({ ...info, startToCloseTimeoutMs: 20_000 }, scheduledAt)).toBe(15_000)
  })

  test('leaves at most half of a short timeout', () => {
    expect(attemptDeadlineMs({ ...info, startToCloseTimeoutMs: 4_000 }, scheduledAt)).toBe(2_000)
  })

  test('ends before schedule-to-close, which previous attempts have partly used', () => {
    expect(attemptDeadlineMs(info, scheduledAt + 3_500_000)).toBe(90_000)
  })

  test('ignores a schedule-to-close timeout of 0, which means that none is set', () => {
    expect(attemptDeadlineMs({ ...info, scheduleToCloseTimeoutMs: 0 }, scheduledAt + 9_000_000)).toBe(540_000)
  })

  test('is a positive integer below the start-to-close timeout for all timeouts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 1e9 }),
        fc.integer({ min: 0, max: 1e9 }),
        fc.integer({ min: 0, max: 2e9 }),
        (start, schedule, later) => {
          const timeouts = { ...info, startToCloseTimeoutMs: start, scheduleToCloseTimeoutMs: schedule }
          const deadlineMs = attemptDeadlineMs(timeouts, scheduledAt + later)
          expect(Number.isSafeInteger(deadlineMs)).toBe(true)
          expect(deadlineMs).toBeGreaterThanOrEqual(1)
          expect(deadlineMs).toBeLessThan(start)
        },
      ),
    )
  })
})

describe('isLastAttempt', () => {
  const failure = ApplicationFailure.retryable('busy', 'ModelError.overloaded')

  test.each([
    [1, false],
    [2, false],
    [3, true],
    [4, true],
  ])('of three attempts, number %i: %s', (attempt, last) => {
    expect(isLastAttempt({ ...info, attempt }, failure, scheduledAt)).toBe(last)
  })

  test('is never true if attempts are unlimited', () => {
    const unlimited = { ...info, attempt: 1_000, retryPolicy: { maximumAttempts: 0 } }
    expect(isLastAttempt(unlimited, failure, scheduledAt)).toBe(false)
    expect(isLastAttempt({ ...info, attempt: 1_000, retryPolicy: undefined }, failure, scheduledAt)).toBe(false)
  })

  test('is true for a failure that must not be retried', () => {
    expect(isLastAttempt(info, ApplicationFailure.nonRetryable('no'), scheduledAt)).toBe(true)
    const listed = { ...info, retryPolicy: { ...info.retryPolicy, nonRetryableErrorTypes: ['ModelError.overloaded'] } }
    expect(isLastAttempt(listed, failure, scheduledAt)).toBe(true)
  })

  test('is true if schedule-to-close comes before the end of the requested delay', () => {
    const patient = ApplicationFailure.create({ message: 'later', nextRetryDelay: 3_600_000 })
    expect(isLastAttempt(info, patient, scheduledAt + 1)).toBe(true)
    expect(isLastAttempt({ ...info, scheduleToCloseTimeoutMs: 0 }, patient, scheduledAt + 1)).toBe(false)
  })

  test('uses the delay of the retry policy if the failure has none', () => {
    const second = { ...info, attempt: 2, scheduleToCloseTimeoutMs: 10_000 }
    expect(isLastAttempt(second, failure, scheduledAt + 7_999)).toBe(false)
    expect(isLastAttempt(second, failure, scheduledAt + 8_000)).toBe(true)
  })
})
