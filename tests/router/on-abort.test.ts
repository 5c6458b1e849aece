import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { defineTool } from '../../router/define-tool.ts'
import { onAbort } from '../../router/on-abort.ts'
import { createRouter } from '../../router/router.ts'

const waiting = defineTool({
  name: 'wait',
  description: 'Waits until it is aborted.',
  inputSchema: { type: 'object', properties: { ms: { type: 'integer' } } },
  execute: ({ ms }, { signal }) => sleep(ms ?? 10_000, 'waited', { signal }),
})
const router = createRouter([waiting])
const calls = (count: number, input: object) =>
  Array.from({ length: count }, (_, index) => ({ id: `${index}`, name: 'wait', input, repairs: [] }))

test('many calls share one listener, and an abort ends them all', async () => {
  const controller = new AbortController()
  const { signal } = controller
  const ended = router.dispatch(calls(50, {}), { signal, concurrency: 50 })
  await sleep(5)
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  controller.abort()
  expect((await ended).map((result) => result.status === 'error' && result.error.kind)).toEqual(
    Array(50).fill('cancelled'),
  )
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

test('calls that end by themselves leave no listener', async () => {
  const { signal } = new AbortController()
  for (let time = 0; time < 3; time++) {
    const results = await router.dispatch(calls(30, { ms: 1 }), { signal, concurrency: 30 })
    expect(results.every(({ status }) => status === 'ok')).toBe(true)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  }
})

test('an already aborted signal calls back once, after onAbort has returned', async () => {
  let count = 0
  const stop = onAbort(AbortSignal.abort(), () => count++)
  expect(count).toBe(0)
  await Promise.resolve()
  expect(count).toBe(1)
  stop()
  onAbort(AbortSignal.abort(), () => count++)()
  await Promise.resolve()
  expect(count).toBe(1)
})
