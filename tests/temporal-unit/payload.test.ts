import { describe, expect, test } from 'vitest'
import type { TraceEntry } from '../../lib/loop/trace.ts'
import { fitPayload, jsonBytes, shortenTrace } from '../../lib/temporal/payload.ts'

const trace: readonly TraceEntry[] = Array.from({ length: 50 }, (_, round) => ({
  type: 'answer-rejected' as const,
  round,
  problems: ['ä'.repeat(500)],
  elapsed_ms: round,
}))
const shorten = (result: { trace: readonly TraceEntry[]; answer: string }, excess: number) => ({
  ...result,
  trace: shortenTrace(result.trace, excess),
})

describe('fitPayload', () => {
  test('returns a result that fits unchanged', () => {
    const result = { trace, answer: 'x' }
    expect(fitPayload(result, jsonBytes(result), shorten)).toBe(result)
  })

  test.each([1, 100, 20_000, 45_000])(
    'drops the oldest entries of a trace that is %i bytes too large, and says how many',
    (excess) => {
      const result = { trace, answer: 'the answer' }
      const maxBytes = jsonBytes(result) - excess
      const fitting = fitPayload(result, maxBytes, shorten)
      expect(jsonBytes(fitting)).toBeLessThanOrEqual(maxBytes)
      expect(fitting.answer).toBe('the answer')
      const [note, ...entries] = fitting.trace
      expect(entries).toEqual(trace.slice(-entries.length))
      expect(note).toMatchObject({ type: 'warning', message: expect.stringContaining(`first ${50 - entries.length} `) })
      // No more entries than necessary.
      expect(jsonBytes(fitting)).toBeGreaterThan(maxBytes - 1_500)
    },
  )

  test('throws ResultTooLarge, not retryable, if the answer alone is too large', () => {
    expect(() => fitPayload({ trace, answer: 'a'.repeat(100_000) }, 90_000, shorten)).toThrow(
      expect.objectContaining({
        type: 'ResultTooLarge',
        nonRetryable: true,
        message: expect.stringContaining('90000'),
      }),
    )
  })

  test('throws ResultTooLarge if nothing can shorten the result', () => {
    expect(() => fitPayload('a'.repeat(100), 50)).toThrow(expect.objectContaining({ type: 'ResultTooLarge' }))
  })

  test('accepts an undefined result', () => {
    expect(fitPayload(undefined, 50)).toBeUndefined()
  })
})
