import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import type { ToolContext } from '../../router/tool.ts'
import { emptyTool } from '../support/factories.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'

type Execute = (attempt: number, context: ToolContext) => unknown

/** A read-only tool with two retries, whose function gets the number of its attempt, from 1. */
function flaky(execute: Execute, options: { readonly retries?: number; readonly timeoutMs?: number } = {}) {
  let attempt = 0
  return emptyTool({
    name: 'flaky',
    annotations: { readOnlyHint: true },
    retries: 2,
    ...options,
    execute: (_, context) => execute(++attempt, context),
  })
}

const fail = (message: string): never => {
  throw new Error(message)
}

test.each<[string, Execute]>([
  ['throws', (attempt) => (attempt < 3 ? fail('busy') : 'done')],
  ['rejects', async (attempt) => (attempt < 3 ? fail('busy') : 'done')],
])('a tool that %s twice is called a third time, with the same callId', async (_, execute) => {
  const callIds: string[] = []
  const tool = flaky((attempt, context) => {
    callIds.push(context.callId)
    return execute(attempt, context)
  })
  const startedAt = performance.now()
  const result = await runTool(tool, {}, { callId: 'key' })
  expect(result).toMatchObject({ status: 'ok', value: 'done', attempts: 3 })
  expect(callIds).toEqual(['key', 'key', 'key'])
  // 200 ms before the second attempt and 400 ms before the third.
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(590)
})

test('an attempt that times out is repeated, and each attempt has the timeout of the tool', async () => {
  const signals: AbortSignal[] = []
  const tool = flaky(
    (attempt, { signal }) => {
      signals.push(signal)
      return attempt === 1 ? new Promise(() => {}) : sleep(20, 'done')
    },
    { timeoutMs: 500 },
  )
  expect(await runTool(tool, {})).toMatchObject({ status: 'ok', value: 'done', attempts: 2 })
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
})

test('an attempt that blocks the process longer than its timeout is repeated', async () => {
  const tool = flaky(
    (attempt) => {
      const end = performance.now() + (attempt === 1 ? 30 : 0)
      while (performance.now() < end);
      return attempt
    },
    { timeoutMs: 20 },
  )
  expect(await runTool(tool, {})).toMatchObject({ status: 'ok', value: 2, attempts: 2 })
})

test('after the last retry, the result has the last error', async () => {
  const tool = flaky((attempt) => fail(`failure ${attempt}`), { retries: 1 })
  expect(await runTool(tool, {})).toMatchObject({
    status: 'error',
    error: { kind: 'tool_failed', message: 'failure 2' },
    attempts: 2,
  })
})

test('a retry whose wait does not fit into the time of the call is not made', async () => {
  const router = createRouter([flaky(() => fail('busy'))])
  const [result] = await router.dispatch([{ id: 'a', name: 'flaky', input: {}, repairs: [] }], { timeoutMs: 400 })
  expect(result).toMatchObject({ error: { kind: 'tool_failed' }, attempts: 2 })
  expect(result?.durationMs).toBeLessThan(400)
})

test('an abort ends the wait before a retry', async () => {
  const controller = new AbortController()
  const tool = flaky(() => {
    queueMicrotask(() => controller.abort())
    return fail('busy')
  })
  const startedAt = performance.now()
  expect(await runTool(tool, {}, { signal: controller.signal })).toMatchObject({
    error: { kind: 'cancelled' },
    attempts: 1,
  })
  expect(performance.now() - startedAt).toBeLessThan(150)
})

test('an invalid output is not repeated, and a call that was refused has no attempts', async () => {
  expect(
    await runTool(
      flaky(() => 1n),
      {},
    ),
  ).toMatchObject({ error: { kind: 'invalid_output' }, attempts: 1 })
  expect(
    await runTool(
      flaky(() => 1),
      'x',
    ),
  ).not.toHaveProperty('attempts')
})

test('the trace and a resumed run have the number of attempts', async () => {
  const saved: unknown[] = []
  const tool = flaky((attempt) => (attempt === 1 ? fail('busy') : 'done'))
  const options = { tools: [tool], prompt: 'Work.' }
  const run = await runLoop({
    ...options,
    model: scriptedModel([calls('flaky', {}, 'a'), says('Done.')]),
    onCheckpoint: (checkpoint) => void saved.push(structuredClone(checkpoint)),
  })
  expect(run.trace.find(({ type }) => type === 'tool-end')).toMatchObject({ status: 'ok', attempts: 2 })
  const resumeFrom = saved.at(-1) as NonNullable<Parameters<typeof runLoop>[0]['resumeFrom']>
  const resumed = await runLoop({ ...options, model: scriptedModel([]), resumeFrom })
  expect(resumed.results).toMatchObject([{ status: 'ok', attempts: 2 }])
})
