import { expect, test } from 'vitest'
import { ModelError } from '../../lib/loop/errors.ts'
import type { Model } from '../../lib/loop/model.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'

/** A model that asks whether it may wait, and fails if not. */
const model: Model = {
  name: 'm',
  provider: 'p',
  async complete({ mayWait }) {
    if (mayWait?.({ attempt: 1, code: 'rate_limit', waitMs: 60_000 }) === false) {
      throw new ModelError('busy', { code: 'rate_limit', retryable: true, retryAfterMs: 60_000 })
    }
    const usage = { inputTokens: 1, outputTokens: 1, cachedInputTokens: 0, reasoningTokens: 0 }
    return { message: { role: 'assistant', content: 'done' }, finishReason: 'stop', usage }
  },
}

test.each([
  ['is not given', undefined],
  ['returns true', () => true],
])('if mayWait %s, a model call may wait before a retry', async (_, mayWait) => {
  expect(await runLoop({ model, prompt: 'x', mayWait })).toMatchObject({ stopReason: 'answered' })
})

test('if mayWait returns false, the run fails with the time of the wait', async () => {
  const asked: unknown[] = []
  const mayWait = (retry: unknown) => asked.push(retry) < 0
  const run = await runLoop({ model, prompt: 'x', mayWait })
  expect(run).toMatchObject({ stopReason: 'failed', error: { code: 'rate_limit', retry_after_ms: 60_000 } })
  expect(asked).toEqual([{ attempt: 1, code: 'rate_limit', waitMs: 60_000 }])
})

test('if mayWait throws, the run goes on with a warning', async () => {
  const mayWait = () => {
    throw new Error('on purpose')
  }
  const run = await runLoop({ model, prompt: 'x', mayWait })
  expect(run.stopReason).toBe('answered')
  expect(run.trace).toContainEqual(expect.objectContaining({ type: 'warning', source: 'mayWait' }))
})
