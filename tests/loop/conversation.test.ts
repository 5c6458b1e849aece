import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { LoopError } from '../../lib/loop/errors.ts'
import type { ChatMessage } from '../../lib/loop/messages.ts'
import type { RunOptions } from '../../lib/loop/run.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { textMessage } from '../../lib/minimax/json-protocol.ts'
import { defineTool } from '../../router/define-tool.ts'
import { emptyTool, usage } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'

const look = emptyTool({ name: 'look', annotations: { readOnlyHint: true }, execute: () => ({ seen: 'a cat' }) })

/** A run with a call, an answer and a system prompt. */
async function firstRun() {
  return runLoop({
    model: scriptedModel([calls('look', {}, 'c1'), says('A cat.')]),
    tools: [look],
    instructions: 'Look carefully.',
    prompt: 'What is there?',
  })
}

function followUp(history: unknown, more: Partial<RunOptions> = {}) {
  const model = scriptedModel([says('Grey.')])
  return { model, run: runLoop({ model, prompt: 'Which colour?', history: history as ChatMessage[], ...more }) }
}

test('the messages of a run are the conversation in wire order, with the answer', async () => {
  const { messages } = await firstRun()
  expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'assistant'])
  expect(messages[3]).toEqual({ role: 'tool', tool_call_id: 'c1', content: '{"seen":"a cat"}' })
  expect(messages.at(-1)).toMatchObject({ role: 'assistant', content: 'A cat.' })
})

test('a follow-up question in another process is asked after the earlier conversation, without its system prompt', async () => {
  const { messages } = await firstRun()
  const { model, run } = followUp(JSON.parse(JSON.stringify(messages)), { instructions: 'Be short.' })
  expect(await run).toMatchObject({ stopReason: 'answered', answer: 'Grey.', rounds: 1 })
  const sent = model.requests[0]?.messages ?? []
  expect(sent.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'assistant', 'user'])
  expect(sent[0]?.content).toBe('Be short.')
  expect(sent.slice(1, 5)).toEqual(messages.slice(1))
  expect((await run).messages).toHaveLength(7)
})

test('a conversation can go on for many runs', async () => {
  let history: readonly ChatMessage[] = []
  for (let turn = 1; turn <= 5; turn++) {
    const run = await runLoop({ model: scriptedModel([says(`${turn}`)]), prompt: `Turn ${turn}?`, history })
    history = run.messages
  }
  expect(history).toHaveLength(10)
  expect(history.filter(({ role }) => role === 'user').map(({ content }) => content)).toContain('Turn 1?')
})

test('a call without an id gets one that no call in the history has', async () => {
  const withoutId: ScriptStep = () => ({
    message: { role: 'assistant', tool_calls: [{ type: 'function', function: { name: 'look', arguments: '{}' } }] },
    finishReason: 'tool_calls',
    usage: usage(),
  })
  const options = { tools: [look], prompt: 'Look.' }
  const first = await runLoop({ ...options, model: scriptedModel([withoutId, says('Done.')]) })
  const history = first.messages
  const second = await runLoop({ ...options, history, model: scriptedModel([withoutId, says('Done.')]) })
  expect([first.results[0]?.id, second.results[0]?.id]).toEqual(['call_1_1', 'call_3_1'])
})

test('an endpoint without native tools gets the texts of a history, also if they come in parts', () => {
  const parts = [
    { type: 'text', text: 'Hi ' },
    { type: 'text', text: 'there.' },
  ]
  const textOf = (message: ChatMessage) => textMessage({ role: message.role, json: JSON.stringify(message) }).json
  expect(textOf({ role: 'tool', tool_call_id: 'a', content: parts })).toContain('Hi there.')
  expect(textOf({ ...asks('a'), role: 'assistant', content: parts })).toContain('Hi there.')
})

test('the bytes of history count towards limits.messageBytes', async () => {
  const history = [
    { role: 'user', content: 'x'.repeat(2_000) },
    { role: 'assistant', content: 'Thanks.' },
  ]
  const { model, run } = followUp(history, { tools: [look], limits: { messageBytes: 1_000 } })
  expect(await run).toMatchObject({ stopReason: 'answered', limit: 'messageBytes' })
  expect(model.requests[0]?.tools).toBeUndefined()
})

const user = { role: 'user', content: 'Hello?' }
const asks = (...ids: readonly string[]) => ({
  role: 'assistant',
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'look', arguments: '{}' } })),
})
const result = (id: unknown) => ({ role: 'tool', tool_call_id: id, content: '1' })
const withCall = (change: object) => ({ role: 'assistant', tool_calls: [{ ...asks('a').tool_calls[0], ...change }] })
const circular: { role: string; content: string; self?: unknown } = { role: 'user', content: 'x' }
circular.self = circular
const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))

test.each<[string, unknown, string]>([
  ['that is a text', 'Hello?', 'history is "Hello?"; it must be an array of messages, such as run.messages.'],
  ['that is a run', { messages: [] }, 'history is {"messages":[]}; it must be an array'],
  ['that is null', null, 'history is null; it must be an array'],
  ['with a text as message', [user, 'Hello?'], 'history[1] is "Hello?"; it must be a chat message.'],
  ['with a hole', Array(1), 'history[0] is undefined; it must be a chat message.'],
  [
    'with an unknown role',
    [{ ...user, role: 'developer' }],
    'history[0] has the role "developer". It must be one of system',
  ],
  [
    'with a misspelled role',
    [{ ...user, role: 'asistant' }],
    'history[0] has the role "asistant". Did you mean "assistant"?',
  ],
  ['without a role', [{ content: 'x' }], 'history[0] has the role undefined.'],
  ['with a message without content', [{ role: 'user' }], 'history[0] has the content undefined; it must be a text.'],
  ['with an empty message', [{ role: 'user', content: '' }], 'history[0] has an empty content. Leave the message out.'],
  ['with an empty reply', [user, { role: 'assistant', content: '' }], 'history[1] has an empty content.'],
  ['with a value that is not JSON', [{ ...user, at: new Map() }], 'history[0] contains a Map at /at'],
  ['with a message that contains itself', [circular], 'history[0] contains an object that contains itself at /self'],
  [
    'with two system messages',
    [
      { ...user, role: 'system' },
      { ...user, role: 'system' },
    ],
    'history[1] is a system message;',
  ],
  ['with a late system message', [user, { ...user, role: 'system' }], 'history[1] is a system message; only the first'],
  [
    'with a result without a call',
    [user, result('a')],
    'history[1] is the result of the call "a", which does not come before it.',
  ],
  [
    'with a result too many',
    [asks('a'), result('a'), result('a')],
    'history[2] is the result of the call "a", which does not',
  ],
  [
    'with a result without an id',
    [asks('a'), result(undefined)],
    'history[1] is the result of the call undefined; the result of "a"',
  ],
  [
    'with results in another order',
    [asks('a', 'b'), result('b'), result('a')],
    'history[1] is the result of the call "b"; the result of "a" must come first.',
  ],
  [
    'with a call without a result',
    [user, asks('a', 'b'), result('a')],
    'history[1] has the call "b" without a result. To continue a paused run,',
  ],
  [
    'with a message before a result',
    [asks('a'), user, result('a')],
    'history[1] is a message of user, but the result of the call "a" must come first.',
  ],
  [
    'with two calls with one id',
    [asks('a', 'a'), result('a'), result('a')],
    'history[0] has two calls with the id "a".',
  ],
  [
    'with calls that are no list',
    [{ role: 'assistant', content: 'x', tool_calls: 'look' }],
    'history[0] has the tool_calls "look";',
  ],
  ['with a call without an id', [withCall({ id: '' })], 'history[0] has a wrong tool_calls[0]: its id is "".'],
  ['with a call of another type', [withCall({ type: 'custom' })], 'tool_calls[0]: its type is "custom"'],
  ['with a call without a function', [withCall({ function: null })], 'tool_calls[0]: it has no function.name.'],
  [
    'with calls in a result',
    [asks('a'), { ...result('a'), tool_calls: asks('b').tool_calls }],
    'history[1] is a message of tool with tool_calls, which only a message of assistant can have.',
  ],
  [
    'with calls of a user',
    [{ ...user, ...asks('a'), role: 'user' }],
    'history[0] is a message of user with tool_calls,',
  ],
  ['with a result of a user', [{ ...user, tool_call_id: 'a' }], 'history[0] is a message of user with tool_call_id,'],
  ['with an outdated call', [{ ...user, role: 'assistant', function_call: {} }], 'history[0] has a function_call,'],
  [
    'with an empty result',
    [asks('a'), { ...result('a'), content: '' }],
    'history[1] has an empty content. Write what the tool returned, such as "null".',
  ],
  ['with an empty part', [{ ...user, content: [{ type: 'text', text: '' }] }], 'has the content[0] {"type":"text"'],
  [
    'with a part without a type',
    [{ ...user, content: [{ type: 'text', text: 'Hi.' }, {}] }],
    'history[0] has the content[1] {};',
  ],
  ['that nests too deep', [{ ...user, deep: nested(100_000) }], 'as JSON: it nests too deep.'],
  [
    'whose getter throws',
    [
      {
        role: 'user',
        get content() {
          throw new Error('Not loaded.')
        },
      },
    ],
    'history[0] cannot be represented as JSON: Not loaded.',
  ],
  [
    'whose toJSON makes another role of a message',
    [user, { ...user, toJSON: () => ({ ...user, role: 'system' }) }],
    'history[1] is a system message;',
  ],
  ['whose toJSON returns a text', [{ ...user, toJSON: () => 'Hello?' }], 'history[0] is "Hello?" as JSON;'],
  [
    'with arguments that are an object',
    [withCall({ function: { name: 'look', arguments: {} } })],
    'its function.arguments are {};',
  ],
])('a history %s is refused before any request, with the index of the message', async (_, history, message) => {
  const { model, run } = followUp(history)
  await expect(run).rejects.toThrow(message)
  await expect(run).rejects.toBeInstanceOf(LoopError)
  expect(model.requests).toEqual([])
})

test('content beside calls that a server would refuse is left out, and other fields are kept', async () => {
  const reply = { ...asks('a'), content: null, reasoning_content: 'Hm.' }
  const { model, run } = followUp([user, reply, result('a'), { role: 'assistant', content: 'Yes.', tool_calls: [] }])
  expect(await run).toMatchObject({ stopReason: 'answered' })
  const sent = model.requests[0]?.messages ?? []
  expect(sent[1]).toEqual({ ...asks('a'), reasoning_content: 'Hm.' })
  expect(sent[3]).toEqual({ role: 'assistant', content: 'Yes.' })
})

test('the messages of any run are a valid history of the next one', async () => {
  const step = fc.constantFrom('call', 'two calls', 'unknown', 'answer', 'empty')
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 5 }), fc.integer({ min: 1, max: 5 }), async (steps, rounds) => {
      const model = scriptedModel(
        Array.from({ length: 10 }, (_, index) => (request) => {
          const kind = request.tools === undefined ? 'answer' : (steps[index] ?? 'answer')
          if (kind === 'answer') return says('Done.')
          if (kind === 'empty') return ''
          const name = kind === 'unknown' ? 'unknown' : 'look'
          const toolCalls = Array.from({ length: kind === 'two calls' ? 2 : 1 }, () => ({ name, input: { index } }))
          return { toolCalls }
        }),
      )
      const { messages } = await runLoop({ model, tools: [look], prompt: 'Work.', limits: { rounds } })
      const { model: second, run } = followUp(messages)
      expect(await run).toMatchObject({ stopReason: 'answered' })
      expect(second.requests).toHaveLength(1)
    }),
    { numRuns: 50 },
  )
})

test('an interrupted run has a result for every call in its messages', async () => {
  const controller = new AbortController()
  const stuck = emptyTool({ name: 'stuck', execute: () => new Promise(() => controller.abort()) })
  const run = await runLoop({
    model: scriptedModel([calls('stuck', {}, 'c1')]),
    tools: [stuck],
    prompt: 'Work.',
    signal: controller.signal,
  })
  expect(run.stopReason).toBe('cancelled')
  expect(await followUp(run.messages).run).toMatchObject({ stopReason: 'answered' })
})

test('a run with a history of calls is resumed from any of its checkpoints, and can pause', async () => {
  const { messages: history } = await firstRun()
  const ask = defineTool({ name: 'ask', description: 'Asks a person.', inputSchema: { type: 'object' } })
  const taken: string[] = []
  const onCheckpoint = (at: unknown) => taken.push(JSON.stringify(at))
  const options = { prompt: 'Go on.', tools: [look, ask], history }
  const steps = [calls('look', { n: 1 }, 'a'), calls('ask', {}, 'b'), says('Done.')]
  const run = await runLoop({ ...options, onCheckpoint, model: scriptedModel(steps.slice(0, 2)) })
  if (run.stopReason !== 'paused') throw new Error(run.stopReason)
  const decisions = { [run.pending[0]?.callId ?? '']: { value: 1 } }
  for (const text of taken) {
    const resumeFrom: Checkpoint = JSON.parse(text)
    const isPaused = resumeFrom.stop_reason === 'paused'
    const model = scriptedModel(steps.slice(resumeFrom.rounds, isPaused ? 3 : 2))
    const resumed = await runLoop({ ...options, resumeFrom, model, ...(isPaused && { decisions }) })
    expect(resumed.stopReason).toBe(isPaused ? 'answered' : 'paused')
    expect(resumed.results.map(({ id }) => id)).toEqual(isPaused ? ['a', 'b'] : ['a'])
    expect(resumed.messages.slice(1, 5)).toEqual(history.slice(1))
  }
  const damaged = { ...JSON.parse(taken.at(-1) ?? ''), history_messages: 0 }
  await expect(runLoop({ ...options, resumeFrom: damaged, model: scriptedModel([]) })).rejects.toMatchObject({
    code: 'invalid_checkpoint',
  })
})

test('the order of members in a stored history does not matter for a resume', async () => {
  const history: ChatMessage[] = [user as ChatMessage, { role: 'assistant', content: 'Hi.', name: 'x' }]
  const reordered = history.map((message) => Object.fromEntries(Object.entries(message).reverse()) as ChatMessage)
  const taken: string[] = []
  const options = { prompt: 'Go on.', tools: [look] }
  const onCheckpoint = (at: unknown) => taken.push(JSON.stringify(at))
  await runLoop({ ...options, history, onCheckpoint, model: scriptedModel([calls('look', {}), says('Done.')]) })
  const resumeFrom = JSON.parse(taken[1] ?? '')
  const run = await runLoop({ ...options, history: reordered, resumeFrom, model: scriptedModel([says('Done.')]) })
  expect(run).toMatchObject({ stopReason: 'answered', rounds: 2 })
  expect(run.messages.slice(1, 3)).toEqual(history)
})

test.each<[string, Partial<RunOptions>, string]>([
  [
    'another prompt',
    { prompt: 'Something else?' },
    'resumeFrom belongs to a run with another prompt. Pass what that run',
  ],
  ['other instructions', { instructions: 'Hurry.' }, 'resumeFrom belongs to a run with other instructions.'],
  ['no instructions', { instructions: undefined }, 'with other instructions.'],
  ['another history', { history: [{ role: 'user', content: 'Hello?' }] }, 'with another history.'],
  [
    'everything else',
    { prompt: 'x', instructions: 'y', history: [user as ChatMessage] },
    'another prompt and other instructions and another history',
  ],
])('a checkpoint of a run with %s is refused before any request', async (_, change, message) => {
  const taken: string[] = []
  const options = { prompt: 'What is there?', instructions: 'Look.', tools: [look] }
  const onCheckpoint = (at: unknown) => taken.push(JSON.stringify(at))
  await runLoop({ ...options, onCheckpoint, model: scriptedModel([calls('look', {}), says('Done.')]) })
  const model = scriptedModel([])
  for (const resumeFrom of taken.map((text) => JSON.parse(text))) {
    const run = runLoop({ ...options, ...change, model, resumeFrom })
    await expect(run).rejects.toMatchObject({
      code: 'checkpoint_of_another_prompt',
      message: expect.stringContaining(message),
    })
  }
  expect(model.requests).toEqual([])
  const again = await runLoop({
    ...options,
    ...change,
    resumeFrom: JSON.parse(taken[1] ?? ''),
    onUnreadableCheckpoint: 'restart',
    model: scriptedModel([says('Done.')]),
  })
  expect(again).toMatchObject({ stopReason: 'answered', rounds: 1 })
  expect(again.trace[0]).toMatchObject({
    type: 'warning',
    message: expect.stringContaining(message.split('.', 1)[0] ?? ''),
  })
})

test('a finished run with another prompt and another kind of answer is a checkpoint of another prompt', async () => {
  const taken: Checkpoint[] = []
  const onCheckpoint = (at: Checkpoint) => taken.push(at)
  await runLoop({ prompt: 'What is there?', model: scriptedModel([says('A dog.')]), onCheckpoint })
  const answer = { schema: { type: 'object', properties: {}, additionalProperties: false } } as const
  const options = { model: scriptedModel([]), answer, resumeFrom: taken.at(-1) }
  const another = runLoop({ ...options, prompt: 'Something else?' })
  await expect(another).rejects.toMatchObject({ code: 'checkpoint_of_another_prompt' })
  const same = runLoop({ ...options, prompt: 'What is there?' })
  await expect(same).rejects.toMatchObject({ code: 'invalid_checkpoint' })
})
