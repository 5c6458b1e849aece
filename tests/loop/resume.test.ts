import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import type { Limits } from '../../lib/loop/limits.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import type { ScriptedRequest } from '../../lib/testing/index.ts'
import { defineTool } from '../../router/define-tool.ts'
import { emptyTool, usage } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'

/** Its result grows with its input, so that some results are clipped and some are not. */
const repeat = defineTool({
  name: 'repeat',
  description: 'A text, several times.',
  inputSchema: {
    type: 'object',
    properties: { text: { type: 'string' }, times: { type: 'integer', minimum: 0, maximum: 2000 } },
    required: ['text', 'times'],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: true, idempotentHint: true },
  execute: ({ text, times }) => ({ text: text.repeat(times) }),
})
const measure = defineTool({
  name: 'measure',
  description: 'Length of a text.',
  inputSchema: {
    type: 'object',
    properties: { text: { type: 'string' } },
    required: ['text'],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: true },
  execute: ({ text }) => ({ length: text.length }),
})
const fail = emptyTool({
  name: 'fail',
  description: 'Never works.',
  annotations: { idempotentHint: true },
  execute: () => {
    throw new Error('out of order')
  },
})
/** The model is shown a view of its value: a text, JSON, or nothing that can be used. Some views are clipped. */
const outline = defineTool({
  name: 'outline',
  description: 'A text in short.',
  inputSchema: {
    type: 'object',
    properties: { times: { type: 'integer', minimum: 0, maximum: 2000 } },
    required: ['times'],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: true, idempotentHint: true },
  execute: ({ times }) => ({ text: 'line\n'.repeat(times) }),
  toContent: ({ text }, { times }) => {
    if (times % 3 === 0) return text
    if (times % 3 === 1) return { lines: times, first: text.slice(0, 400) }
    throw new Error('no outline')
  },
})
const tools = [repeat, outline, measure, fail]
const answer = { schema: { type: 'object', properties: { done: { const: true } }, required: ['done'] } } as const

const call = fc.oneof(
  fc.record({
    name: fc.constant('repeat'),
    input: fc.record({ text: fc.constantFrom('a', 'ü', '"'), times: fc.integer({ min: 0, max: 2000 }) }),
  }),
  fc.record({ name: fc.constant('outline'), input: fc.record({ times: fc.integer({ min: 0, max: 300 }) }) }),
  fc.constant({ name: 'measure', input: { text: { $result: 'repeat#/text' } } }),
  fc.constant({ name: 'measure', input: { text: { $result: 'outline#/text' } } }),
  fc.constant({ name: 'fail', input: {} }),
  fc.constant({ name: 'measure', input: { txt: 1 } }),
  fc.constant({ name: 'unknown', input: {} }),
)
const replies = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.array(call, { minLength: 1, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constant('{"done":1}') },
  ),
  {
    maxLength: 7,
  },
)

/** A model without state, like a real one: its reply depends on the number of replies in the messages. */
function modelOf(
  script: readonly (string | readonly { readonly name: string; readonly input: object }[])[],
  paid: number[],
) {
  const step: ScriptStep = (request) => {
    const round = request.messages.filter(({ role }) => role === 'assistant').length
    paid.push(round)
    const reply = script[round] ?? '{"done":true}'
    if (typeof reply === 'string' || request.tools === undefined)
      return says(typeof reply === 'string' ? reply : '{"done":true}')
    const tool_calls = reply.map(({ name, input }, index) => ({
      id: `call_${round}_${index}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(input) },
    }))
    return { message: { role: 'assistant', tool_calls }, finishReason: 'tool_calls', usage: usage() }
  }
  return scriptedModel(Array(20).fill(step))
}

const withoutTimes = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (key, member) => (/Ms$|_ms$/.test(key) ? undefined : member)))

/** The request of each round. */
const sent = ({ requests }: { readonly requests: readonly ScriptedRequest[] }) =>
  new Map(requests.map(({ messages, tools }) => [assistants(messages), JSON.stringify({ messages, tools })]))
const assistants = (messages: readonly { readonly role: string }[]) =>
  messages.filter(({ role }) => role === 'assistant').length

const someLimits = fc.constantFrom<Partial<Limits>>(
  {},
  { rounds: 3 },
  { tokens: 9 },
  { calls: 3 },
  { callsPerRound: 1 },
)

test.each([
  ['whole', 1_000_000],
  ['shortened', 7_000],
])(
  'a run that is resumed from any checkpoint ends the same way, sends the same requests and asks for no reply twice (%s checkpoints)',
  async (kind, checkpointBytes) => {
    await fc.assert(
      fc.asyncProperty(replies, someLimits, async (script, chosen) => {
        const limits = { resultBytes: 600, checkpointBytes, ...chosen }
        const options = { tools, prompt: 'Work.', answer, runId: 'run', limits }
        const taken: string[] = []
        const model = modelOf(script, [])
        const whole = await runLoop({ ...options, model, onCheckpoint: (at) => taken.push(JSON.stringify(at)) })
        expect(whole.stopReason).not.toBe('failed')
        const asked = sent(model)
        for (const text of taken) {
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(checkpointBytes)
          const resumeFrom: Checkpoint = JSON.parse(text)
          const paid: number[] = []
          const second = modelOf(script, paid)
          const { trace, ...resumed } = await runLoop({ ...options, model: second, resumeFrom })
          const { trace: wholeTrace, ...first } = whole
          expect(withoutTimes(resumed)).toEqual(withoutTimes(first))
          for (const [round, request] of sent(second)) expect(request).toBe(asked.get(round))
          // A checkpoint without enough room keeps the newer half of the trace, and its first entry says so.
          if (kind === 'whole') expect(withoutTimes(trace)).toEqual(withoutTimes(wholeTrace))
          const [oldest] = resumeFrom.trace
          if (JSON.stringify(oldest) !== JSON.stringify(wholeTrace[0])) {
            expect(oldest).toMatchObject({
              type: 'warning',
              message: expect.stringMatching(/^\d+ older entries were left/),
            })
          }
          expect(paid).toEqual(
            Array.from({ length: whole.rounds - resumeFrom.rounds }, (_, index) => resumeFrom.rounds + index),
          )
        }
      }),
      { numRuns: 60 },
    )
  },
)

test('on resume, a pending call with side effects gets an unknown outcome, and a repeatable one runs again', async () => {
  const ran: string[] = []
  const tool = (name: string, idempotentHint?: boolean) =>
    emptyTool({
      name,
      description: name,
      ...(idempotentHint === undefined ? {} : { annotations: { idempotentHint } }),
      execute: (_, { callId }) => ran.push(`${name} ${callId}`),
    })
  const both: ScriptStep = () => ({
    message: {
      role: 'assistant',
      tool_calls: ['pay', 'look'].map((name) => ({ id: name, type: 'function', function: { name, arguments: '{}' } })),
    },
    finishReason: 'tool_calls',
    usage: usage(),
  })
  const options = { tools: [tool('pay'), tool('look', true)], prompt: 'Pay.', runId: 'run' }
  const taken: Checkpoint[] = []
  await runLoop({ ...options, model: scriptedModel([both, says('Paid.')]), onCheckpoint: (at) => taken.push(at) })
  const afterReply = taken[0]
  if (afterReply === undefined) throw new Error('no checkpoint was taken')
  expect(afterReply.pending).toHaveLength(2)
  const before = ran.splice(0)
  const run = await runLoop({
    ...options,
    model: scriptedModel([says('Paid.')]),
    resumeFrom: structuredClone(afterReply),
  })
  expect(ran).toEqual(before.filter((one) => one.startsWith('look')))
  expect(run.results).toMatchObject([
    { status: 'error', error: { kind: 'outcome_unknown' } },
    { status: 'ok', callId: expect.stringMatching(/^run\/1\/1\/[0-9a-f]{16}$/) },
  ])
})

test('a checkpoint taken after the accepted answer gives that answer without a request', async () => {
  const taken: Checkpoint[] = []
  const options = { prompt: 'Work.', answer, runId: 'run', limits: { rounds: 1 } }
  await runLoop({ ...options, model: scriptedModel([says('{"done":true}')]), onCheckpoint: (at) => taken.push(at) })
  const run = await runLoop({
    ...options,
    model: scriptedModel([]),
    resumeFrom: structuredClone(taken.at(-1)) as Checkpoint,
  })
  expect(run).toMatchObject({ stopReason: 'answered', answer: { done: true }, rounds: 1 })
})

test('a checkpoint that cannot be made small enough is skipped, and the trace has a warning', async () => {
  const big = emptyTool({
    name: 'big',
    description: 'Big.',
    execute: () => 'x'.repeat(5000),
  })
  let count = 0
  const run = await runLoop({
    model: scriptedModel([calls('big', {}), says('Done.')]),
    tools: [big],
    prompt: 'Work.',
    limits: { checkpointBytes: 3000 },
    onCheckpoint: () => count++,
  })
  expect(run.stopReason).toBe('answered')
  expect(count).toBe(1)
  expect(run.trace).toContainEqual(
    expect.objectContaining({ type: 'warning', source: 'onCheckpoint', message: expect.stringContaining('3000') }),
  )
})

const damages: readonly (readonly [string, object, string])[] = [
  ['no version', { version: undefined }, 'resumeFrom is not a checkpoint: it has no version.'],
  ['a version that is a text', { version: '5' }, 'resumeFrom is not a checkpoint: its version is "5".'],
  ['no messages', { messages: undefined }, '"messages" is missing'],
  ['a message that is null', { messages: [null] }, '/messages/0: expected object'],
  ['negative rounds', { rounds: -1 }, '/rounds: must be >= 0'],
  ['rounds that are not whole', { rounds: 2.5 }, '/rounds: expected integer'],
  ['usage that is null', { usage: null }, '/usage: expected object'],
  ['an unknown limit', { limit_reached: 'toString' }, '/limit_reached: expected one of'],
  ['an answer without a value', { answer: {} }, 'required property "value" is missing'],
  ['an answer that does not fit the schema', { answer: { value: 7 } }, 'answer that does not fit'],
  ['a trace entry that is null', { trace: [null] }, '/trace/0: expected object'],
  [
    'results without messages',
    {
      results: [
        {
          key: 'k',
          call: { id: 'a', name: 'b', input: {} },
          call_id: 'c',
          status: 'ok',
          clipped: false,
          duration_ms: 1,
          repairs: [],
        },
      ],
    },
    '0 tool messages for 1 results',
  ],
  [
    'pending calls that no message asks for',
    { pending: [{ id: 'a', name: 'b', input: {}, repairs: [], begun: 0 }] },
    'has 0 calls for 0 results and 1 pending',
  ],
]

test('a checkpoint of another run is refused, and the message has both ids', async () => {
  const taken: Checkpoint[] = []
  const options = { prompt: 'Work.', onCheckpoint: (at: Checkpoint) => taken.push(at) }
  await runLoop({ ...options, model: scriptedModel([says('Done.')]), runId: 'one' })
  const run = runLoop({ ...options, model: scriptedModel([]), runId: 'other', resumeFrom: taken[0] })
  await expect(run).rejects.toMatchObject({
    name: 'LoopError',
    code: 'invalid_checkpoint',
    message: expect.stringContaining('resumeFrom is a checkpoint of the run "one", but runId is "other".'),
  })
})

test.each(damages)('a checkpoint with %s is refused', async (_, damage, message) => {
  const taken: Checkpoint[] = []
  await runLoop({ model: scriptedModel([says('Done.')]), prompt: 'Work.', onCheckpoint: (at) => taken.push(at) })
  const resumeFrom = { ...taken[0], ...damage } as Checkpoint
  const run = runLoop({ model: scriptedModel([]), prompt: 'Work.', resumeFrom })
  await expect(run).rejects.toMatchObject({
    name: 'LoopError',
    code: 'invalid_checkpoint',
    message: expect.stringContaining(message),
  })
})
