import { expect, test } from 'vitest'
import { ModelError } from '../../lib/loop/errors.ts'
import type { LoopEvent } from '../../lib/loop/events.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { calls, fails, says, scriptedModel } from '../support/scripted-model.ts'
import { getWeather, weatherAnswer } from '../support/weather.ts'

const prompt = 'How warm is it in Oslo?'
const askOslo = calls('get_weather', { city: 'Oslo' })
const tools = [getWeather]

test('a run calls tools, shows the model their results, and ends with the answer', async () => {
  const model = scriptedModel([askOslo, says('{"celsius":4}')])
  const run = await runLoop({ model, tools, prompt, answer: { schema: weatherAnswer } })
  expect(run).toMatchObject({ stopReason: 'answered', answer: { celsius: 4 }, rounds: 2 })
  const messages = model.requests[1]?.messages
  expect(messages?.at(-1)).toEqual({
    role: 'tool',
    tool_call_id: 'call-get_weather',
    content: '{"city":"Oslo","celsius":4}',
  })
  expect(run.usage).toMatchObject({ inputTokens: 20, outputTokens: 10 })
})

test('without an answer schema the answer is the text', async () => {
  expect(await runLoop({ model: scriptedModel([says('Warm.')]), prompt })).toMatchObject({
    stopReason: 'answered',
    answer: 'Warm.',
  })
})

test('a model that always calls tools gets exactly ten rounds, the last one without tools', async () => {
  const steps = Array.from({ length: 10 }, (_, index) =>
    calls('get_weather', { city: `city ${index}` }, `call_${index}`),
  )
  const model = scriptedModel(steps)
  const run = await runLoop({ model, tools, prompt, answer: { schema: weatherAnswer } })
  expect(run).toMatchObject({ stopReason: 'rounds', rounds: 10, limit: 'rounds' })
  expect(model.requests.map((request) => request.tools !== undefined)).toEqual([...Array(9).fill(true), false])
  expect(run.results.map((result) => (result.status === 'ok' ? 'ok' : result.error.kind))).toEqual([
    ...Array(9).fill('ok'),
    'too_many_calls',
  ])
})

test('an answer in the last round counts as one', async () => {
  const model = scriptedModel([askOslo, says('{"celsius":4}')])
  const run = await runLoop({ model, tools, prompt, answer: { schema: weatherAnswer }, limits: { rounds: 2 } })
  expect(run).toMatchObject({ stopReason: 'answered', limit: 'rounds', answer: { celsius: 4 } })
})

test('an answer that breaks its schema or its check goes back with the problems', async () => {
  const model = scriptedModel([
    says('It is warm.'),
    says('{"celsius":"4"}'),
    says('{"celsius":99}'),
    says('{"celsius":4}'),
  ])
  const check = ({ celsius }: { celsius: number }) => (celsius > 60 ? ['celsius: no place is that warm'] : [])
  const run = await runLoop({ model, tools, prompt, answer: { schema: weatherAnswer, check } })
  expect(run).toMatchObject({ stopReason: 'answered', rounds: 4 })
  const said = (index: number) => model.requests[index]?.messages.at(-1)?.content
  expect(said(1)).toContain('one JSON object')
  expect(said(2)).toContain('/celsius: expected number, received "4"')
  expect(said(3)).toContain('no place is that warm')
})

test('at a limit the best candidate is kept with its problems', async () => {
  const model = scriptedModel([says('{"celsius":"4"}'), says('No idea.')])
  const run = await runLoop({ model, prompt, answer: { schema: weatherAnswer }, limits: { rounds: 2 } })
  expect(run).toMatchObject({
    stopReason: 'rounds',
    partial: { value: { celsius: '4' }, problems: ['/celsius: expected number, received "4"'] },
  })
})

test('a repeated call gets the earlier result, and the third one turns tools off', async () => {
  let executed = 0
  const counting = { ...getWeather, execute: () => ({ city: 'Oslo', celsius: ++executed }) }
  const again = (id: string) => calls('get_weather', { city: 'Oslo' }, id)
  const model = scriptedModel([again('a'), again('b'), again('c'), says('{"celsius":1}')])
  const run = await runLoop({ model, tools: [counting], prompt, answer: { schema: weatherAnswer } })
  expect(executed).toBe(1)
  expect(run).toMatchObject({ stopReason: 'answered', limit: 'repetition' })
  expect(model.requests[2]?.messages.at(-1)?.content).toContain('Same call as')
  expect(model.requests[3]?.tools).toBeUndefined()
})

test('a failing model ends the run, and earlier results are kept', async () => {
  const error = new ModelError('MiniMax: overloaded', { code: 'overloaded', retryable: true, status: 529 })
  const run = await runLoop({ model: scriptedModel([askOslo, fails(error)]), tools, prompt })
  expect(run).toMatchObject({
    stopReason: 'failed',
    rounds: 1,
    error: { code: 'overloaded', retryable: true, status: 529 },
  })
  expect(run.results).toMatchObject([{ status: 'ok', value: { celsius: 4 } }])
  expect(run.trace.map(({ type }) => type)).toEqual(['reply', 'tool-end', 'reply-failed'])
})

test('an abort ends the run even if the model ignores the signal, and no request follows', async () => {
  const controller = new AbortController()
  const model = scriptedModel([
    askOslo,
    () => {
      controller.abort(new Error('user left'))
      return new Promise(() => {})
    },
  ])
  const run = await runLoop({ model, tools, prompt, signal: controller.signal })
  expect(run).toMatchObject({ stopReason: 'cancelled', error: { message: 'user left' } })
  expect(model.requests).toHaveLength(2)
})

test('a model that hangs is stopped at the deadline', async () => {
  const model = scriptedModel([() => new Promise(() => {})])
  expect(await runLoop({ model, prompt, limits: { deadlineMs: 30 } })).toMatchObject({
    stopReason: 'deadline',
    rounds: 0,
  })
})

test('a listener that throws causes a warning in the trace and nothing else', async () => {
  const onEvent = () => {
    throw new Error('listener broke')
  }
  const run = await runLoop({ model: scriptedModel([says('Warm.')]), prompt, onEvent })
  expect(run.stopReason).toBe('answered')
  expect(run.trace).toContainEqual(
    expect.objectContaining({ type: 'warning', source: 'onEvent', message: 'listener broke' }),
  )
})

test('events come in their documented order', async () => {
  const events: LoopEvent[] = []
  await runLoop({
    model: scriptedModel([askOslo, says('Warm.')]),
    tools,
    prompt,
    onEvent: (event) => events.push(event),
  })
  expect(events.map(({ type }) => type)).toEqual([
    'run-start',
    'round-start',
    'reply',
    'tool-start',
    'tool-end',
    'round-start',
    'text-delta',
    'reply',
    'run-end',
  ])
})

test('a run that is resumed from any of its checkpoints ends the same way and asks for no reply twice', async () => {
  const steps = [askOslo, calls('get_weather', { city: 'Bergen' }, 'call-2'), says('{"celsius":4}')]
  const options = { tools, prompt, answer: { schema: weatherAnswer }, runId: 'run-1' }
  const checkpoints: string[] = []
  const whole = await runLoop({
    ...options,
    model: scriptedModel(steps),
    onCheckpoint: (at) => checkpoints.push(JSON.stringify(at)),
  })
  for (const text of checkpoints.slice(0, -1)) {
    const resumeFrom = JSON.parse(text)
    const model = scriptedModel(steps.slice(resumeFrom.rounds))
    const run = await runLoop({ ...options, model, resumeFrom })
    expect(run).toMatchObject({ stopReason: 'answered', answer: { celsius: 4 }, rounds: 3, usage: whole.usage })
    expect(run.results.map(({ callId, content }) => [callId, content])).toEqual(
      whole.results.map(({ callId, content }) => [callId, content]),
    )
    expect(model.requests).toHaveLength(3 - resumeFrom.rounds)
  }
  expect(checkpoints.length).toBeGreaterThan(3)
})
