import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { emptyTool, usage } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'
import { getWeather } from '../support/weather.ts'

const prompt = 'How warm is it?'
const never = () => new Promise<never>(() => {})
const hangs: ScriptStep = never

test('an already aborted signal ends the run before any request', async () => {
  const model = scriptedModel([])
  const run = await runLoop({ model, prompt, signal: AbortSignal.abort(new Error('too late')) })
  expect(run).toMatchObject({ stopReason: 'cancelled', rounds: 0, error: { message: 'too late' } })
})

test('an abort reaches a tool and the request, and the reason is kept', async () => {
  const controller = new AbortController()
  let toolAborted = false
  const slow = emptyTool({
    name: 'slow',
    description: 'Slow.',
    execute: (_, { signal }) => {
      signal.addEventListener('abort', () => {
        toolAborted = true
      })
      controller.abort(new Error('user left'))
      return never()
    },
  })
  const model = scriptedModel([calls('slow', {})])
  const run = await runLoop({ model, tools: [slow], prompt, signal: controller.signal })
  expect(run).toMatchObject({ stopReason: 'cancelled', error: { message: 'user left' } })
  expect(run.results).toMatchObject([{ status: 'error', error: { kind: 'cancelled' } }])
  expect(toolAborted).toBe(true)
  expect(model.requests[0]?.signal.aborted).toBe(true)
  expect(model.requests).toHaveLength(1)
})

test('the deadline ends a tool, a check and a checkpoint that hang', async () => {
  const limits = { deadlineMs: 60 }
  const stuck = emptyTool({ name: 'stuck', description: 'Stuck.', execute: never })
  const answer = { schema: { type: 'object' }, check: never } as const
  const runs = await Promise.all([
    runLoop({ model: scriptedModel([hangs]), prompt, limits }),
    runLoop({ model: scriptedModel([calls('stuck', {}), hangs]), tools: [stuck], prompt, limits }),
    runLoop({ model: scriptedModel([says('{}')]), prompt, limits, answer }),
    runLoop({
      model: scriptedModel([calls('get_weather', { city: 'Oslo' })]),
      tools: [getWeather],
      prompt,
      limits,
      onCheckpoint: never,
    }),
  ])
  expect(runs.map(({ stopReason }) => stopReason)).toEqual(['deadline', 'deadline', 'deadline', 'deadline'])
})

test('an answer whose check hangs is kept as partial, with a warning and without an error', async () => {
  const answer = { schema: { type: 'object' }, check: never } as const
  const run = await runLoop({ model: scriptedModel([says('{"a":1}')]), prompt, limits: { deadlineMs: 30 }, answer })
  expect(run).toMatchObject({ stopReason: 'deadline', partial: { value: { a: 1 } } })
  expect(run).not.toHaveProperty('error')
  expect(run.trace.at(-1)).toMatchObject({ type: 'warning', source: 'answer.check' })
})

test('ten thousand runs on one signal leave no listener on it', async () => {
  const { signal } = new AbortController()
  for (let batch = 0; batch < 100; batch++) {
    await Promise.all(
      Array.from({ length: 100 }, () => {
        const model = scriptedModel([calls('get_weather', { city: 'Oslo' }), says('Warm.')])
        return runLoop({ model, tools: [getWeather], prompt, signal })
      }),
    )
  }
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test.each([
  ['an object without a prototype', Object.create(null)],
  ['undefined', undefined],
  ['an error whose message is a number', Object.assign(new Error('x'), { message: 7 })],
])('a model that rejects with %s ends the run as failed', async (_, thrown) => {
  const run = await runLoop({ model: scriptedModel([() => Promise.reject(thrown)]), prompt })
  expect(run).toMatchObject({ stopReason: 'failed', error: { message: expect.any(String) } })
})

test.each([
  ['a message that is null', { message: null }],
  ['no usage', { message: { role: 'assistant', content: 'x' }, usage: undefined }],
  ['nothing', undefined],
])('a model that replies with %s ends the run as failed', async (_, reply) => {
  const run = await runLoop({ model: scriptedModel([() => reply as never]), prompt })
  expect(run).toMatchObject({ stopReason: 'failed', rounds: 0 })
})

test('a reply that the content filter blocked ends the run with that error', async () => {
  const blocked: ScriptStep = () => ({
    message: { role: 'assistant', content: '' },
    finishReason: 'content_filter',
    usage: usage(),
  })
  expect(await runLoop({ model: scriptedModel([blocked]), prompt })).toMatchObject({
    stopReason: 'failed',
    error: { code: 'content_filter', retryable: false },
  })
})

test('an async listener that rejects is a warning, not an unhandled rejection', async () => {
  const run = await runLoop({
    model: scriptedModel([calls('get_weather', { city: 'Oslo' }), says('Warm.')]),
    tools: [getWeather],
    prompt,
    onEvent: () => Promise.reject(new Error('listener broke')),
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(run.trace).toContainEqual(expect.objectContaining({ type: 'warning', source: 'onEvent' }))
})

test.each([
  ['throws', () => Promise.reject(new Error('check broke')), 'check broke'],
  ['returns a string', () => 'wrong' as never, 'it returned "wrong"'],
  ['returns nothing', () => undefined as never, 'it returned nothing'],
])('a check that %s ends the run as failed at once and keeps the answer as partial', async (_, check, problem) => {
  const answer = { schema: { type: 'object' }, check } as const
  // One reply: a second request would fail the script.
  const model = scriptedModel([says('{}')])
  const run = await runLoop({ model, prompt, answer })
  model.assertDone()
  expect(run).toMatchObject({ stopReason: 'failed', partial: { value: {} }, error: { code: 'check_failed' } })
  expect(run.stopReason === 'failed' && run.error?.message).toContain(problem)
})
