import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import type { Clock } from '../../lib/loop/run-deadline.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { defineTool } from '../../router/define-tool.ts'
import type { ToolAnnotations } from '../../router/tool.ts'
import { emptyTool } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'

const prompt = 'Work.'
const many =
  (count: number, round = 0): ScriptStep =>
  () => ({
    toolCalls: Array.from({ length: count }, (_, index) => ({ name: 'work', input: { n: `${round}/${index}` } })),
  })

function worker(
  execute: (input: { n: string }) => unknown = () => 'ok',
  annotations: ToolAnnotations = { readOnlyHint: true },
) {
  return defineTool({
    name: 'work',
    description: 'Works.',
    inputSchema: { type: 'object', properties: { n: { type: 'string' } }, required: ['n'] },
    annotations,
    execute,
  })
}
const kinds = (run: { readonly results: readonly { readonly status: string }[] }) =>
  run.results.map(({ status }) => status)

test.each([
  [2, ['ok', 'ok', 'error']],
  [3, ['ok', 'ok', 'ok']],
  [4, ['ok', 'ok', 'ok']],
])('of three calls of one reply, callsPerRound %i executes that many', async (callsPerRound, expected) => {
  const model = scriptedModel([many(3), says('Done.')])
  expect(kinds(await runLoop({ model, tools: [worker()], prompt, limits: { callsPerRound } }))).toEqual(expected)
})

test('of a reply with thousands of calls, four times callsPerRound are read, and one result counts the others', async () => {
  const model = scriptedModel([many(5000), says('Done.')])
  const run = await runLoop({ model, tools: [worker()], prompt, limits: { callsPerRound: 3 } })
  expect(run.stopReason).toBe('answered')
  expect(kinds(run)).toEqual([...Array(3).fill('ok'), ...Array(10).fill('error')])
  expect(run.results.at(-1)?.content).toContain('This call and 4987 after it were ignored')
})

test('calls over the limit can be asked for again until all are done, and each is in the trace', async () => {
  const rest = (from: number): ScriptStep => {
    const toolCalls = Array.from({ length: 5 - from }, (_, index) => ({
      name: 'work',
      input: { n: `${from + index}` },
    }))
    return () => ({ toolCalls })
  }
  const model = scriptedModel([rest(0), rest(1), rest(2), rest(3), rest(4), says('Done.')])
  const run = await runLoop({ model, tools: [worker()], prompt, limits: { callsPerRound: 1 } })
  expect(run).not.toHaveProperty('limit')
  expect(kinds(run).filter((status) => status === 'ok')).toHaveLength(5)
  expect(run.trace.filter(({ type }) => type === 'tool-end')).toHaveLength(run.results.length)
})

test('the limit of calls holds within one reply, and only calls that reach a tool count', async () => {
  const invalid = calls('work', { m: 1 }, 'invalid')
  const model = scriptedModel([invalid, many(3), says('Done.')])
  const run = await runLoop({ model, tools: [worker()], prompt, limits: { calls: 2 } })
  expect(kinds(run)).toEqual(['error', 'ok', 'ok', 'error'])
  expect(run).toMatchObject({ limit: 'calls', stopReason: 'answered' })
})

test.each([1, 2, 5])('with a concurrency of %i, that many calls run at once', async (concurrency) => {
  let running = 0
  let most = 0
  const tool = worker(async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 5))
    running--
  })
  await runLoop({ model: scriptedModel([many(6), says('Done.')]), tools: [tool], prompt, limits: { concurrency } })
  expect(most).toBe(concurrency)
})

test.each([
  [299, true],
  [300, false],
  [301, false],
])('a result of 300 bytes is clipped if resultBytes is %i: %s', async (resultBytes, clipped) => {
  const tool = worker(() => 'ü'.repeat(149))
  const model = scriptedModel([many(1), says('Done.')])
  const run = await runLoop({ model, tools: [tool], prompt, limits: { resultBytes } })
  expect(run.results[0]).toMatchObject({ clipped })
  expect(Buffer.byteLength(run.results[0]?.content ?? '')).toBeLessThanOrEqual(resultBytes)
})

test('messages are measured in bytes, and at the limit the model is asked for its answer', async () => {
  const measured: number[] = []
  const model = scriptedModel([many(1), many(1, 1), says('Done.')])
  const tool = worker(() => 'ü'.repeat(500))
  const options = { tools: [tool], prompt }
  await runLoop({
    ...options,
    model,
    onCheckpoint: ({ messages }) => measured.push(messages.reduce((sum, { json }) => sum + Buffer.byteLength(json), 0)),
  })
  const afterFirst = measured[1] ?? 0
  for (const [messageBytes, rounds] of [
    [afterFirst - 1, 2],
    [afterFirst, 2],
    [afterFirst + 1, 3],
  ] as const) {
    const asksWhileItCan: ScriptStep = (request) =>
      request.tools === undefined
        ? says('Done.')
        : { toolCalls: [{ name: 'work', input: { n: `${request.number - 1}/0` } }] }
    const run = await runLoop({
      ...options,
      model: scriptedModel(Array(rounds).fill(asksWhileItCan)),
      limits: { messageBytes },
    })
    expect(run).toMatchObject({ limit: 'messageBytes', rounds, stopReason: 'answered' })
  }
})

/** A clock that advances only when a scripted step says so. */
function steppedClock(stepMs: number): Clock & { tick(): void } {
  let now = 0
  return { now: () => now, after: () => () => {}, tick: () => (now += stepMs) }
}

test.each([
  [399, 3],
  [400, 3],
  [401, 4],
])(
  'with %i ms and replies of 100 ms, the answer round is number %i, because a normal round needs time for two replies',
  async (deadlineMs, rounds) => {
    const clock = steppedClock(100)
    const step =
      (round: number): ScriptStep =>
      (request) => {
        clock.tick()
        return request.tools === undefined ? says('Done.') : { toolCalls: [{ name: 'work', input: { n: `${round}` } }] }
      }
    const model = scriptedModel(Array.from({ length: rounds }, (_, round) => step(round)))
    const run = await runLoop({ model, tools: [worker()], prompt, clock, limits: { deadlineMs } })
    expect(run).toMatchObject({ limit: 'deadline', rounds, stopReason: 'answered' })
  },
)

test('a tool gets the time that the run has left, minus the time for the answer', async () => {
  const clock = steppedClock(300)
  const model = scriptedModel([
    () => {
      clock.tick()
      return { toolCalls: [{ name: 'work', input: { n: '0' } }] }
    },
    says('Done.'),
  ])
  const tool = worker(() => new Promise(() => {}))
  const run = await runLoop({ model, tools: [tool], prompt, clock, limits: { deadlineMs: 640 } })
  expect(run).toMatchObject({
    stopReason: 'answered',
    limit: 'deadline',
    results: [{ error: { kind: 'timeout', message: expect.stringContaining('within 170 ms') } }],
  })
})

const answer = {
  schema: { type: 'object', properties: { a: { const: 1 }, b: { const: 1 } }, required: ['a', 'b'] },
} as const

test('after the limit of calls, problems go back while rounds remain, and calling tools ends the run', async () => {
  const options = { tools: [worker()], prompt, answer, limits: { calls: 1 } }
  const model = scriptedModel([many(1), says('{"a":2}'), says('{"a":1,"b":1}')])
  expect(await runLoop({ ...options, model })).toMatchObject({ stopReason: 'answered', rounds: 3, limit: 'calls' })
  const stubborn = scriptedModel([many(1), many(1, 1)])
  const run = await runLoop({ ...options, model: stubborn })
  expect(run).toMatchObject({ stopReason: 'rounds', rounds: 2, limit: 'calls' })
})

test('the first limit that is reached is reported, once', async () => {
  const same = (id: string) => calls('work', { n: 'same' }, id)
  const model = scriptedModel([same('a'), same('b'), same('c'), says('{}'), says('{}')])
  const run = await runLoop({ model, tools: [worker()], prompt, answer, limits: { rounds: 5 } })
  expect(run).toMatchObject({ limit: 'repetition', rounds: 5 })
  expect(run.trace.filter(({ type }) => type === 'limit')).toHaveLength(1)
})

test('the candidate with the fewest problems is kept, and of two equals the later one', async () => {
  const model = scriptedModel([says('{"a":1,"b":3}'), says('{"a":1,"b":2}'), says('{"a":2,"b":2}')])
  const run = await runLoop({ model, prompt, answer, limits: { rounds: 3 } })
  expect(run).toMatchObject({ partial: { value: { a: 1, b: 2 } } })
})

test('the first of two interruptions counts', async () => {
  const controller = new AbortController()
  const hangs: ScriptStep = () => {
    controller.abort(new Error('user left'))
    return new Promise<never>(() => {})
  }
  const limits = { deadlineMs: 5 }
  const run = await runLoop({ model: scriptedModel([hangs]), prompt, limits, signal: controller.signal })
  expect(run).toMatchObject({ stopReason: 'cancelled', error: { message: 'user left' } })
})

test.each([
  [
    'throws',
    () => {
      throw new Error('disk full')
    },
  ],
  ['rejects', () => Promise.reject(new Error('disk full'))],
])('an onCheckpoint that %s costs no round, and the trace has a warning', async (_, onCheckpoint) => {
  const model = scriptedModel([many(1), says('Done.')])
  const run = await runLoop({ model, tools: [worker()], prompt, onCheckpoint })
  expect(run.stopReason).toBe('answered')
  expect(run.trace).toContainEqual(
    expect.objectContaining({ type: 'warning', source: 'onCheckpoint', message: 'disk full' }),
  )
})

test('changing a checkpoint does not change the run', async () => {
  const model = scriptedModel([many(2), says('Done.')])
  const spoil = (checkpoint: Checkpoint) => {
    ;(checkpoint.pending as unknown[]).length = 0
    ;(checkpoint.usage as { input_tokens: number }).input_tokens = 0
  }
  const run = await runLoop({ model, tools: [worker()], prompt, onCheckpoint: spoil })
  expect(run).toMatchObject({ usage: { inputTokens: 20 }, results: [{ status: 'ok' }, { status: 'ok' }] })
})

test('a resumed run keeps its time, its candidate and its tokens', async () => {
  const taken: Checkpoint[] = []
  const options = { prompt, answer, runId: 'run' }
  const model = scriptedModel([says('{"a":1,"b":2}'), says('{"a":1,"b":1}')])
  await runLoop({ ...options, model, onCheckpoint: (at) => taken.push(at) })
  const at = taken.find(({ partial }) => partial !== null)
  if (at === undefined) throw new Error('No checkpoint has a candidate.')
  const resumeFrom = { ...structuredClone(at), elapsed_ms: 1000, slowest_ms: 300 }
  const run = await runLoop({
    ...options,
    model: scriptedModel([says('{}')]),
    resumeFrom,
    limits: { deadlineMs: 1500 },
  })
  expect(run).toMatchObject({ limit: 'deadline', partial: { value: { a: 1, b: 2 } } })
  const spent = { ...structuredClone(at), last_tokens: 15 }
  const tight = scriptedModel([says('{}')])
  expect(await runLoop({ ...options, model: tight, resumeFrom: spent, limits: { tokens: 30 } })).toMatchObject({
    limit: 'tokens',
    stopReason: 'tokens',
  })
})

test('a result is not reused after a tool that may have changed it', async () => {
  let count = 0
  const read = emptyTool({
    name: 'read',
    description: 'Reads.',
    annotations: { readOnlyHint: true },
    execute: () => count,
  })
  const write = emptyTool({
    name: 'write',
    description: 'Writes.',
    execute: () => ++count,
  })
  const model = scriptedModel([
    calls('read', {}, 'a'),
    calls('write', {}, 'b'),
    calls('read', {}, 'c'),
    calls('read', {}, 'd'),
    says('Done.'),
  ])
  const run = await runLoop({ model, tools: [read, write], prompt })
  expect(run.results.map(({ content, servedFrom }) => servedFrom ?? content)).toEqual(['0', '1', '1', 'c'])
})

test('the same call three times in one reply counts once, and polling with invalid input is a repetition', async () => {
  const thrice: ScriptStep = () => ({ toolCalls: [1, 2, 3].map(() => ({ name: 'work', input: { n: 'x' } })) })
  const once = await runLoop({ model: scriptedModel([thrice, says('Done.')]), tools: [worker()], prompt })
  expect(once).not.toHaveProperty('limit')
  const poll = worker(() => 'ok', { idempotentHint: false })
  const invalid = ['a', 'b', 'c'].map((id) => calls('work', { m: 1 }, id))
  const run = await runLoop({ model: scriptedModel([...invalid, says('Done.')]), tools: [poll], prompt })
  expect(run).toMatchObject({ limit: 'repetition' })
})
