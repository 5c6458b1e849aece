import { describe, expect, test } from 'vitest'
import type { TraceEntry } from '../../lib/loop/trace.ts'
import { fitResult, jsonBytes, shortenTrace } from '../../lib/temporal/payload.ts'

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

describe('a result that is larger than a payload', () => {
  test('is untouched where it fits', () => {
    const result = { trace, answer: 'x' }
    expect(fitResult(result, jsonBytes(result), shorten)).toBe(result)
  })

  test.each([1, 100, 20_000, 45_000])('by %i bytes loses the oldest entries, and says how many', (excess) => {
    const result = { trace, answer: 'the answer' }
    const maxBytes = jsonBytes(result) - excess
    const fitting = fitResult(result, maxBytes, shorten)
    expect(jsonBytes(fitting)).toBeLessThanOrEqual(maxBytes)
    expect(fitting.answer).toBe('the answer')
    const [note, ...entries] = fitting.trace
    expect(entries).toEqual(trace.slice(-entries.length))
    expect(note).toMatchObject({ type: 'warning', message: expect.stringContaining(`first ${50 - entries.length} `) })
    // Nothing more than needed.
    expect(jsonBytes(fitting)).toBeGreaterThan(maxBytes - 1_500)
  })

  test('fails by name and for good where its answer alone is too large', () => {
    expect(() => fitResult({ trace, answer: 'a'.repeat(100_000) }, 90_000, shorten)).toThrow(
      expect.objectContaining({
        type: 'ResultTooLarge',
        nonRetryable: true,
        message: expect.stringContaining('90000'),
      }),
    )
  })

  test('fails where nobody can shorten it', () => {
    expect(() => fitResult('a'.repeat(100), 50)).toThrow(expect.objectContaining({ type: 'ResultTooLarge' }))
  })

  test('that is nothing fits', () => {
    expect(fitResult(undefined, 50)).toBeUndefined()
  })
})
