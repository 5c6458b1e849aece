import { expect, test } from 'vitest'
import type { FinishReason, Usage } from '../../lib/loop/model.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import type { AssistantMessage } from '../../router/reading/assistant-message.ts'
import { usage } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'
import { getWeather } from '../support/weather.ts'

const prompt = 'How warm is it?'
const tools = [getWeather]
const ends =
  (finishReason: FinishReason, content: string): ScriptStep =>
  () => ({ message: { role: 'assistant', content }, finishReason, usage: usage() })

test.each<[FinishReason, string]>([
  ['tool_calls', 'no call arrived'],
  ['length', 'cut off'],
  ['content_filter', 'filter'],
])('a text with finish reason %s is not an answer, and the model gets the reason', async (finishReason, problem) => {
  const model = scriptedModel([ends(finishReason, 'Let me look that up.'), says('Warm.')])
  const run = await runLoop({ model, prompt })
  expect(run).toMatchObject({ stopReason: 'answered', answer: 'Warm.', rounds: 2 })
  expect(JSON.stringify(model.requests[1]?.messages.at(-1))).toContain(problem)
})

test('at a limit such a text is kept as partial with its problem', async () => {
  const run = await runLoop({ model: scriptedModel([ends('length', 'It is w')]), prompt, limits: { rounds: 1 } })
  expect(run).toMatchObject({ stopReason: 'rounds', partial: { value: 'It is w', problems: [/cut off/] } })
})

test('a blocked reply was paid for, so it is counted and in the trace', async () => {
  const run = await runLoop({ model: scriptedModel([ends('content_filter', '')]), prompt })
  expect(run).toMatchObject({ stopReason: 'failed', rounds: 1, usage: { inputTokens: 10 } })
  expect(run.trace.map(({ type }) => type)).toEqual(['reply'])
})

test.each<FinishReason>(['length', 'content_filter'])(
  'no call of a reply that ended with %s is executed',
  async (finishReason) => {
    const { message } = { message: { role: 'assistant' as const, tool_calls: [1, 2, 3].map(call) } }
    const model = scriptedModel([() => ({ message, finishReason, usage: usage() }), says('Warm.')])
    const run = await runLoop({ model, tools, prompt })
    expect(run.results.map((result) => result.status === 'error' && result.error.kind)).toEqual(
      Array(3).fill('truncated_call'),
    )
    // The model may ask for them again. That is not a repetition.
    expect(run).not.toHaveProperty('limit')
  },
)

function call(number: number) {
  const asked = { name: 'get_weather', arguments: JSON.stringify({ city: `city ${number}` }) }
  return { id: `call_${number}`, type: 'function', function: asked }
}

test('thinking is neither in events nor in the trace', async () => {
  const events: unknown[] = []
  const model = scriptedModel([
    ends('tool_calls', '<think>hidden plan</think>'),
    ends('stop', '<think>hidden doubt</think>Warm.'),
  ])
  const run = await runLoop({ model, prompt, onEvent: (event) => events.push(event) })
  expect(run).toMatchObject({ answer: 'Warm.' })
  expect(JSON.stringify([events, run.trace])).not.toContain('hidden')
})

test('a reply of ten megabytes ends the run in its answer round', async () => {
  const model = scriptedModel([
    () => ({
      message: { role: 'assistant', content: 'x'.repeat(10_000_000), tool_calls: [call(1)] },
      finishReason: 'tool_calls',
      usage: usage(),
    }),
    says('Warm.'),
  ])
  const run = await runLoop({ model, tools, prompt })
  expect(run).toMatchObject({ stopReason: 'answered', limit: 'messageBytes', rounds: 2 })
})

test('a rejected answer of ten megabytes is shortened to the limit of message bytes', async () => {
  const model = scriptedModel([says('x'.repeat(10_000_000)), says('{"a":1}')])
  const limits = { messageBytes: 100_000 }
  const run = await runLoop({ model, prompt, answer: { schema: { type: 'object' } }, limits })
  expect(run).toMatchObject({ stopReason: 'answered', answer: { a: 1 }, limit: 'messageBytes', rounds: 2 })
  const sent = JSON.stringify(model.requests[1]?.messages)
  expect(sent).toContain('bytes left out')
  expect(sent.length).toBeLessThan(110_000)
})

const sentBack = async (message: AssistantMessage): Promise<unknown> => {
  const model = scriptedModel([() => ({ message, finishReason: 'stop', usage: usage() }), says('{}')])
  await runLoop({ model, tools, prompt, answer: { schema: { type: 'object' } }, limits: { messageBytes: 1200 } })
  return model.requests[1]?.messages.find(({ role }) => role === 'assistant')
}

test('a reply whose calls are too long goes back with its calls and without content', async () => {
  const asked = { name: 'get_weather', arguments: JSON.stringify({ city: 'x'.repeat(2000) }) }
  const message = { role: 'assistant', tool_calls: [{ ...call(1), function: asked }] } as const
  expect(await sentBack({ ...message, reasoning_content: 'I think.' })).toEqual(message)
})

test('the length of a reply is measured in bytes', async () => {
  expect(await sentBack({ role: 'assistant', content: '界'.repeat(600) })).toMatchObject({
    content: expect.stringContaining('bytes left out'),
  })
})

test('a missing token count is 0, and the limit of tokens holds for the others', async () => {
  const uncounted: ScriptStep = () => ({
    ...{ message: { role: 'assistant' as const, tool_calls: [call(1)] }, finishReason: 'tool_calls' as const },
    usage: { inputTokens: Number.NaN, outputTokens: 7 } as Usage,
  })
  const run = await runLoop({ model: scriptedModel([uncounted, says('Warm.')]), tools, prompt, limits: { tokens: 14 } })
  expect(run).toMatchObject({ limit: 'tokens', usage: { inputTokens: 10, outputTokens: 12 } })
})

test('a model that continues after the run has ended adds nothing to its trace', async () => {
  let retry = () => {}
  const model = {
    name: 'late',
    provider: 'test',
    complete: ({
      onRetry,
    }: {
      readonly onRetry?: (retry: { attempt: number; code: 'server'; waitMs: number }) => void
    }) => {
      retry = () => onRetry?.({ attempt: 1, code: 'server', waitMs: 1 })
      return new Promise<never>(() => {})
    },
  }
  const events: string[] = []
  const run = await runLoop({ model, prompt, limits: { deadlineMs: 30 }, onEvent: ({ type }) => events.push(type) })
  const before = run.trace.length
  retry()
  expect(run.trace).toHaveLength(before)
  expect(events.at(-1)).toBe('run-end')
})

test('the model that answered, and the id of its reply, are in the trace', async () => {
  const named: ScriptStep = () => ({
    ...{ message: { role: 'assistant' as const, content: 'Warm.' }, finishReason: 'stop' as const, usage: usage() },
    ...{ id: 'reply-1', model: 'MiniMax-M3' },
  })
  const run = await runLoop({ model: scriptedModel([named]), prompt })
  expect(run.trace[0]).toMatchObject({ type: 'reply', model: 'MiniMax-M3', response_id: 'reply-1' })
})

test('secrets in names, problems and errors are not in the trace, and long texts are clipped', async () => {
  const secret = 'sk-0123456789abcdefgh'
  const check = () => [`key ${secret} is wrong`, 'z'.repeat(1_000_000)]
  const model = scriptedModel([calls(secret, { key: secret }, 'call'), says('{}'), says('{}')])
  const run = await runLoop({
    model,
    tools,
    prompt,
    limits: { rounds: 3 },
    answer: { schema: { type: 'object' }, check },
  })
  const trace = JSON.stringify(run.trace)
  expect(trace).not.toContain(secret)
  expect(trace.length).toBeLessThan(10_000)
  expect(JSON.stringify(model.requests.at(-1)?.messages.at(-1)).length).toBeLessThan(5_000)
})
