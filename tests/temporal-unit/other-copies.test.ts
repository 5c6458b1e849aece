import { require as requireAsCommonJs } from 'tsx/cjs/api'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import * as own from '../../lib/loop/errors.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { toApplicationFailure } from '../../lib/temporal/to-application-failure.ts'
import { isTenroundsError, TenroundsError } from '../../router/errors.ts'

type Errors = typeof own

const copies: { [name: string]: Errors } = {}

beforeAll(async () => {
  vi.resetModules()
  copies['a second copy'] = await import('../../lib/loop/errors.ts')
  // tsx compiles the file and everything that it imports to CommonJS.
  copies['a CommonJS build'] = requireAsCommonJs('../../lib/loop/errors.ts', import.meta.url)
})

describe.each(['a second copy', 'a CommonJS build'])('errors of %s of the package', (name) => {
  const busy = { code: 'rate_limit', retryable: true, retryAfterMs: 250, status: 429 } as const
  const refused = { code: 'authentication', retryable: false, status: 401 } as const

  test('have other classes, and are recognised by name and code', () => {
    const { ModelError, LoopError } = copyOf(name)
    for (const error of [new ModelError('busy', busy), new LoopError('invalid_option', 'limits')]) {
      expect(error).not.toBeInstanceOf(TenroundsError)
      expect(isTenroundsError(error)).toBe(true)
    }
    expect(own.isModelError(new ModelError('busy', busy))).toBe(true)
    expect(own.isModelError(new LoopError('invalid_option', 'limits'))).toBe(false)
  })

  test('become the same failure of Temporal, thrown or as the error of a run', () => {
    const { ModelError, LoopError, AnswerCheckError } = copyOf(name)
    for (const [error, same] of [
      [new ModelError('busy', busy), new own.ModelError('busy', busy)],
      [new ModelError('who?', refused), new own.ModelError('who?', refused)],
      [new LoopError('invalid_option', 'limits'), new own.LoopError('invalid_option', 'limits')],
      [new AnswerCheckError('threw', 1), new own.AnswerCheckError('threw', 1)],
    ] as const) {
      expect(own.toRunError(error)).toEqual(own.toRunError(same))
      const expected = essence(toApplicationFailure(same))
      expect(essence(toApplicationFailure(error))).toEqual(expected)
      expect(essence(toApplicationFailure(own.toRunError(error)))).toEqual(expected)
    }
  })

  test('end a run like its own, when a model rejects with them', async () => {
    const { ModelError } = copyOf(name)
    const model = { name: 'm', provider: 'p', complete: () => Promise.reject(new ModelError('busy', busy)) }
    const run = await runLoop({ model, prompt: 'x' })
    expect(run.stopReason === 'failed' && run.error).toEqual(own.toRunError(new own.ModelError('busy', busy)))
  })
})

function copyOf(name: string): Errors {
  const copy = copies[name]
  if (copy === undefined) throw new Error(`No copy "${name}"`)
  return copy
}

function essence({ type, message, nonRetryable, nextRetryDelay, details }: ReturnType<typeof toApplicationFailure>) {
  return { type, message, nonRetryable, nextRetryDelay, details }
}
