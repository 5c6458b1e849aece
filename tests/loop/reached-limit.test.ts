import { expect, test } from 'vitest'
import type { ModelRequest } from '../../lib/loop/model.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import type { ScriptedOutcome } from '../../lib/testing/index.ts'
import { defineTool } from '../../router/define-tool.ts'
import { emptyTool, usage } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'
import { getWeather } from '../support/weather.ts'

const prompt = 'How warm is it?'
const tools = [getWeather]
const ask = (round: number) => calls('get_weather', { city: `city ${round}` }, `call_${round}`)

/** Calls tools while they are on, then answers. */
const asksWhileItCan =
  (round: number): ScriptStep =>
  (request) =>
    request.tools === undefined ? says('Warm.') : ask(round)
const steps = (count: number) => Array.from({ length: count }, (_, round) => asksWhileItCan(round))

test.each([1, 2, 9, 10, 11])('with %i rounds, exactly the last one is the answer round', async (rounds) => {
  const model = scriptedModel(steps(rounds))
  const run = await runLoop({ model, tools, prompt, limits: { rounds } })
  expect(run).toMatchObject({ stopReason: 'answered', rounds, limit: 'rounds' })
  expect(model.requests.filter((request) => request.tools === undefined)).toHaveLength(1)
})

/** Each scripted reply has 15 tokens, and one more must fit. */
test.each([
  [31, 3],
  [45, 3],
  [46, 4],
])('with %i tokens the answer round is number %i', async (tokens, rounds) => {
  const run = await runLoop({ model: scriptedModel(steps(rounds)), tools, prompt, limits: { tokens } })
  expect(run).toMatchObject({ stopReason: 'answered', rounds, limit: 'tokens' })
})

test.each([
  [2, 3],
  [3, 4],
  [4, 5],
])('after %i tool calls the answer round is number %i', async (limit, rounds) => {
  const run = await runLoop({ model: scriptedModel(steps(rounds)), tools, prompt, limits: { calls: limit } })
  expect(run).toMatchObject({ stopReason: 'answered', rounds, limit: 'calls' })
  expect(run.results).toHaveLength(limit)
})

test('calls over callsPerRound are refused, each with a result, and do not count as executed', async () => {
  const many = Array.from({ length: 5 }, (_, index) => ({
    id: `call_${index}`,
    type: 'function',
    function: { name: 'get_weather', arguments: JSON.stringify({ city: `c${index}` }) },
  }))
  const step: ScriptStep = () => ({
    message: { role: 'assistant', tool_calls: many },
    finishReason: 'tool_calls',
    usage: usage(),
  })
  const run = await runLoop({
    model: scriptedModel([step, says('Warm.')]),
    tools,
    prompt,
    limits: { callsPerRound: 3, calls: 5 },
  })
  expect(run.results.map((result) => (result.status === 'ok' ? 'ok' : result.error.kind))).toEqual([
    'ok',
    'ok',
    'ok',
    'too_many_calls',
    'too_many_calls',
  ])
  expect(run).toMatchObject({ stopReason: 'answered', rounds: 2 })
  expect(run).not.toHaveProperty('limit')
  expect(run.results[4]?.content).toContain('only 3 calls are allowed here. Call again if you still need it.')
  const last = await runLoop({ model: scriptedModel([step, says('Warm.')]), tools, prompt, limits: { calls: 1 } })
  expect(last.results[1]?.content).toMatch(/only 1 call is allowed here\.(?! Call again)/)
})

test('messages over their limit of bytes lead to the answer round', async () => {
  const wordy = { ...getWeather, outputSchema: { type: 'string' }, execute: () => 'x'.repeat(2000) }
  const model = scriptedModel(steps(3))
  const run = await runLoop({ model, tools: [wordy], prompt, limits: { messageBytes: 4000 } })
  expect(run).toMatchObject({ stopReason: 'answered', limit: 'messageBytes', rounds: 3 })
})

test('a result over resultBytes is clipped for the model and complete for references', async () => {
  const wordy = emptyTool({
    name: 'wordy',
    description: 'Long.',
    execute: () => 'x'.repeat(9000),
  })
  const length = defineTool({
    name: 'length',
    description: 'Length of a text.',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
    execute: ({ text }) => text.length,
  })
  const model = scriptedModel([calls('wordy', {}), calls('length', { text: { $result: 'wordy' } }), says('9000')])
  const run = await runLoop({ model, tools: [wordy, length], prompt, limits: { resultBytes: 1024 } })
  expect(run.results[1]).toMatchObject({ value: 9000 })
  expect(Buffer.byteLength(String(run.results[0]?.content))).toBeLessThanOrEqual(1024)
})

test('a round that may not fit before the deadline is the answer round, and it is tried whenever time is left', async () => {
  let now = 0
  const clock = { now: () => now, after: () => () => {} }
  const takes =
    (ms: number, outcome: ScriptedOutcome): ScriptStep =>
    () => {
      now += ms
      return outcome
    }
  const inTime = scriptedModel([takes(400, ask(0)), takes(400, says('Warm.'))])
  expect(await runLoop({ model: inTime, tools, prompt, clock, limits: { deadlineMs: 1000 } })).toMatchObject({
    stopReason: 'answered',
    limit: 'deadline',
  })
  now = 0
  const quicker = scriptedModel([takes(700, ask(0)), takes(299, says('Warm.'))])
  expect(await runLoop({ model: quicker, tools, prompt, clock, limits: { deadlineMs: 1000 } })).toMatchObject({
    stopReason: 'answered',
    limit: 'deadline',
    rounds: 2,
  })
  now = 0
  const tooLate = scriptedModel([takes(1000, ask(0))])
  const run = await runLoop({ model: tooLate, tools, prompt, clock, limits: { deadlineMs: 1000 } })
  expect(run).toMatchObject({ stopReason: 'deadline', rounds: 1 })
  expect(run.results).toHaveLength(1)
  expect(run).not.toHaveProperty('error')
})

test('an answer that is rejected shortly before the deadline may be corrected while time is left', async () => {
  let now = 0
  const clock = { now: () => now, after: () => () => {} }
  const takes =
    (ms: number, outcome: ScriptedOutcome): ScriptStep =>
    () => {
      now += ms
      return outcome
    }
  const answer = {
    schema: { type: 'object', properties: { celsius: { type: 'number' } }, required: ['celsius'] },
  } as const
  const options = { tools, prompt, clock, answer, limits: { deadlineMs: 1000 } }
  const corrected = scriptedModel([takes(600, ask(0)), takes(100, says('Warm.')), takes(100, says('{"celsius":4}'))])
  expect(await runLoop({ ...options, model: corrected })).toMatchObject({ stopReason: 'answered', rounds: 3 })
  now = 0
  const wrong = scriptedModel([takes(600, ask(0)), takes(200, says('Warm.')), takes(200, says('Warm.'))])
  expect(await runLoop({ ...options, model: wrong })).toMatchObject({ stopReason: 'deadline', rounds: 3 })
})

test('the deadline ends an answer round that takes too long', async () => {
  const slow: ScriptStep = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const model = scriptedModel([() => new Promise((resolve) => setTimeout(() => resolve(ask(0)), 60)), slow])
  const run = await runLoop({ model, tools, prompt, limits: { deadlineMs: 100 } })
  expect(run).toMatchObject({ stopReason: 'deadline', limit: 'deadline', rounds: 1, error: { code: 'timeout' } })
})

test('a model is told how long the slowest reply took, so that it waits long enough for the next one', async () => {
  let now = 0
  const clock = { now: () => now, after: () => () => {} }
  const told: unknown[] = []
  const script = scriptedModel([
    () => {
      now += 300
      return ask(0)
    },
    says('Warm.'),
  ])
  const model = {
    ...script,
    complete: (request: ModelRequest) => {
      told.push(request.slowestReplyMs)
      return script.complete(request)
    },
  }
  await runLoop({ model, tools, prompt, clock })
  expect(told).toEqual([0, 300])
})

test.each([undefined, { schema: { type: 'object', properties: {} } } as const])(
  'a reply that thinking used up says so, and which option raises the limit',
  async (answer) => {
    const empty: ScriptStep = () => ({
      message: { role: 'assistant', content: '', reasoning_content: 'Hm.' },
      finishReason: 'length',
      usage: usage(),
    })
    const model = scriptedModel([empty, says('{}')])
    const run = await runLoop({ model, prompt, ...(answer === undefined ? {} : { answer }) })
    expect(run).toMatchObject({ stopReason: 'answered', rounds: 2 })
    const problem = expect.stringMatching(/thinking used up the output limit.*maxOutputTokens/)
    expect(run.trace).toContainEqual(expect.objectContaining({ type: 'answer-rejected', problems: [problem] }))
    expect(model.requests[1]?.messages.at(-1)?.content).toContain('thinking used up the output limit')
  },
)

test.each([
  ['prose where a schema is asked for', says('Warm.')],
  ['the wrong schema', says('{"c":1}')],
  ['nothing', says('')],
  ['only thinking', says('<think>hm')],
  ['unknown tools', calls('get_wether', {})],
])('a model that keeps answering with %s ends at a limit with a complete trace', async (_, step) => {
  const answer = {
    schema: { type: 'object', properties: { celsius: { type: 'number' } }, required: ['celsius'] },
  } as const
  const run = await runLoop({ model: scriptedModel(Array(10).fill(step)), tools, prompt, answer })
  expect(['rounds', 'repetition']).toContain(run.stopReason)
  expect(run.trace.filter(({ type }) => type === 'reply')).toHaveLength(run.rounds)
})

test('with showRepliesLeft the model knows before each reply how many are left', async () => {
  const model = scriptedModel([ask(1), says('too short'), ...steps(2)])
  const answer = { schema: { type: 'object', properties: {} } } as const
  await runLoop({ model, tools, prompt, answer, showRepliesLeft: true, limits: { rounds: 4 } })
  const last = ({ messages }: (typeof model.requests)[number]) => String(messages.at(-1)?.content)
  expect(model.requests.map((request) => /Replies left: \d|Tools are turned off/.exec(last(request))?.[0])).toEqual([
    'Replies left: 4',
    'Replies left: 3',
    'Replies left: 2',
    'Tools are turned off',
  ])
})

test('without showRepliesLeft the model is told nothing between calls', async () => {
  const model = scriptedModel([ask(1), says('Warm.')])
  await runLoop({ model, tools, prompt })
  expect(model.requests.map(({ messages }) => messages.at(-1)?.role)).toEqual(['user', 'tool'])
})
