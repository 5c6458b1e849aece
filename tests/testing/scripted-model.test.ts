import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ModelError } from '../../lib/loop/errors.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { ScriptError, type ScriptStep, scriptedModel } from '../../lib/testing/index.ts'
import { modelRequest } from '../minimax/support/request.ts'
import { getWeather } from '../support/weather.ts'

const prompt = 'How warm is it in Oslo?'
const tools = [getWeather]
const asksOslo: ScriptStep = { toolCalls: [{ name: 'get_weather', input: { city: 'Oslo' } }] }

test('a string is an answer, an object has tool calls, a function decides by the request', async () => {
  using model = scriptedModel([
    { content: 'Let me look.', toolCalls: [{ name: 'get_weather', input: { city: 'Oslo' }, id: 'own' }] },
    asksOslo,
    ({ number, messages, tools: declared }) =>
      `${number}: ${messages.at(-1)?.role}, ${declared?.[0]?.function.name}, ${messages.length}`,
  ])
  const run = await runLoop({ model, tools, prompt })
  expect(run).toMatchObject({ stopReason: 'answered', answer: '3: tool, get_weather, 6', rounds: 3 })
  expect(run.results.map(({ id }) => id)).toEqual(['own', 'call_2_1'])
  expect(run.usage).toMatchObject({ inputTokens: 30, outputTokens: 15 })
})

test('a complete model reply is returned unchanged', async () => {
  const reply = {
    message: { role: 'assistant', content: 'Warm.', name: 'MiniMax AI' },
    finishReason: 'length',
    usage: { inputTokens: 1, outputTokens: 2, cachedInputTokens: 3, reasoningTokens: 4 },
  } as const
  expect(await scriptedModel([reply]).complete(modelRequest())).toBe(reply)
  expect(await scriptedModel([() => Promise.resolve(reply)]).complete(modelRequest())).toBe(reply)
})

test.each([
  ['as a step', (error: Error): ScriptStep => error],
  [
    'given by a function',
    (error: Error): ScriptStep =>
      () =>
        error,
  ],
  [
    'thrown by a function',
    (error: Error): ScriptStep =>
      () =>
        Promise.reject(error),
  ],
])('an error %s is a failure of the model', async (_name, step) => {
  const error = new ModelError('MiniMax: busy', { code: 'overloaded', retryable: true, status: 529 })
  using model = scriptedModel([step(error)])
  expect(await runLoop({ model, prompt })).toMatchObject({
    stopReason: 'failed',
    error: { code: 'overloaded', retryable: true, status: 529 },
  })
})

test('requests are frozen snapshots that the run does not change later', async () => {
  const model = scriptedModel([asksOslo, 'Warm.'])
  await runLoop({ model, tools, prompt, limits: { rounds: 2 } })
  const [first, second] = model.requests
  expect(first?.messages.at(-1)).toEqual({ role: 'user', content: prompt })
  expect(second?.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'user'])
  // Tools are off in the last round.
  expect([first?.tools?.map(({ function: { name } }) => name), second?.tools]).toEqual([['get_weather'], undefined])
  expect([first, first?.messages, first?.messages[1], first?.tools?.[0]?.function].every(Object.isFrozen)).toBe(true)
})

test('a request that is not in the script fails, and the error has its number and last message', async () => {
  const model = scriptedModel([asksOslo])
  const run = await runLoop({ model, tools, prompt })
  expect(run).toMatchObject({ stopReason: 'failed', error: { name: 'ScriptError' } })
  const message = /^Request 2 is not in the script, which has 1 reply\. Its last message is .*"role":"tool".*celsius/
  expect(() => model.assertDone()).toThrow(message)
  expect(() => model.assertDone()).toThrow(ScriptError)
})

test('unused steps fail in assertDone and at the end of a using block', async () => {
  const model = scriptedModel(['Warm.', 'Cold.', 'Wet.'])
  await runLoop({ model, prompt })
  expect(() => model.assertDone()).toThrow('2 replies of 3 in the script were not used: there was only 1 request.')
  expect(() => {
    using unused = scriptedModel(['Warm.'])
    expect(unused.requests).toEqual([])
  }).toThrow(ScriptError)
})

test.each([
  ['an assertion', () => expect('Bergen').toBe('Oslo')],
  [
    'a mistake in the step',
    () => {
      throw new TypeError("Cannot read properties of undefined: expected 'Bergen' to be 'Oslo'")
    },
  ],
])('%s that a step throws fails at the end with the number of the step and the error as cause', async (_, check) => {
  const model = scriptedModel([
    asksOslo,
    async () => {
      check()
      return 'Warm.'
    },
    'Never used.',
  ])
  expect(await runLoop({ model, tools, prompt })).toMatchObject({ stopReason: 'failed', rounds: 1 })
  expect(() => model.assertDone()).toThrow(ScriptError)
  expect(() => model.assertDone()).toThrow(/^Step 2 of the script threw: .*expected 'Bergen' to be 'Oslo'/)
  expect(() => model.assertDone()).toThrow(
    expect.objectContaining({ cause: expect.objectContaining({ message: expect.stringContaining("'Oslo'") }) }),
  )
})

const wrongSteps: readonly (readonly [unknown, string])[] = [
  [{ toolCall: [] }, 'Step 1 of the script: unknown member "toolCall". Did you mean "toolCalls"?'],
  [
    { temperature: 1 },
    'Step 1 of the script: unknown member "temperature". The members of a reply are toolCalls, content, finishReason, usage.',
  ],
  [3, 'Step 1 of the script: it is 3; it must be a text, a reply or an Error.'],
  [undefined, 'Step 1 of the script: it is undefined; it must be a text, a reply or an Error.'],
  [['Warm.'], 'Step 1 of the script: it is ["Warm."]; it must be a text, a reply or an Error.'],
  [{ message: 'Warm.' }, 'Step 1 of the script: message is "Warm."; it must be an object.'],
  [{ content: 5 }, 'Step 1 of the script: content is 5; it must be a string.'],
  [{ finishReason: 'done' }, 'finishReason is "done"; it must be one of "stop", "length"'],
  [{ usage: { inputToken: 1 } }, 'unknown member "usage.inputToken". Did you mean "inputTokens"?'],
  [{ usage: { inputTokens: '1' } }, 'usage.inputTokens is "1"; it must be a number of tokens.'],
  [{ toolCalls: { name: 'x', input: {} } }, 'toolCalls is {"name":"x","input":{}}; it must be an array of tool calls.'],
  [{ toolCalls: ['x'] }, 'toolCalls[0] is "x"; it must be a tool call: { name, input }.'],
  [
    { toolCalls: [{ name: 'x', arguments: {} }] },
    'unknown member "toolCalls[0].arguments". Did you mean "input"? It takes the input itself.',
  ],
  [{ toolCalls: [{ function: { name: 'x' } }] }, 'unknown member "toolCalls[0].function". Write { name, input }'],
  [{ toolCalls: [{ nam: 'x', input: {} }] }, 'unknown member "toolCalls[0].nam". Did you mean "name"?'],
  [{ toolCalls: [{ name: 5, input: {} }] }, 'toolCalls[0].name is 5; it must be a string.'],
  [{ toolCalls: [{ name: 'x' }] }, 'toolCalls[0].input is undefined; it must be the input of the tool.'],
]

test.each(wrongSteps)('the step %j is refused when the model is created', (step, message) => {
  const create = () => scriptedModel([step as never])
  expect(create).toThrow(ScriptError)
  expect(create).toThrow(message)
})

test.each(wrongSteps)('the step %j of a function is refused when it is used', async (step, message) => {
  const model = scriptedModel([() => step as never])
  const run = await runLoop({ model, prompt })
  expect(run).toMatchObject({ stopReason: 'failed', error: { message: expect.stringContaining(message) } })
  expect(() => model.assertDone()).toThrow(message)
})

test('a script that is not an array is refused', () => {
  expect(() => scriptedModel('hi' as never)).toThrow(
    'scriptedModel() takes an array of steps, not "hi": scriptedModel([step, …]).',
  )
})

test('a call may have null as input, and a call id', () => {
  expect(() => scriptedModel([{ toolCalls: [{ name: 'x', input: null, id: 'a' }] }])).not.toThrow()
})

test('the first of several mistakes is reported', async () => {
  const model = scriptedModel([() => expect.fail('first'), () => expect.fail('second')])
  for (const _ of [1, 2, 3]) await expect(model.complete(modelRequest())).rejects.toThrow()
  expect(() => model.assertDone()).toThrow(/^Step 1 of the script threw: first/)
})

test.each([
  ['with the reason of its signal', async (signal: AbortSignal) => signal.throwIfAborted()],
  ['with an AbortError', (signal: AbortSignal) => setTimeout(60_000, undefined, { signal })],
])('a step that ends %s when the run is cancelled is not a mistake', async (_, wait) => {
  const cancelled = new AbortController()
  using model = scriptedModel([
    async ({ signal }) => {
      cancelled.abort(new Error('enough'))
      await wait(signal)
      return 'Warm.'
    },
  ])
  expect(await runLoop({ model, prompt, signal: cancelled.signal })).toMatchObject({ stopReason: 'cancelled' })
})
