import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { defineTool } from '../../router/define-tool.ts'
import { emptyTool, usage } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'

const prompt = 'Look.'
const batch =
  (...asked: readonly (readonly [name: string, input: object, id: string])[]): ScriptStep =>
  () => ({
    message: {
      role: 'assistant',
      tool_calls: asked.map(([name, input, id]) => ({
        id,
        type: 'function',
        function: { name, arguments: JSON.stringify(input) },
      })),
    },
    finishReason: 'tool_calls',
    usage: usage(),
  })

function counter(name: string, idempotentHint?: boolean) {
  let count = 0
  return emptyTool({
    name,
    description: name,
    ...(idempotentHint === undefined ? {} : { annotations: { idempotentHint } }),
    execute: () => ++count,
  })
}
const broken = emptyTool({
  name: 'broken',
  description: 'Fails.',
  execute: () => {
    throw new Error('out of order')
  },
})

/** A value that one tool reads and another one sets. */
function settable() {
  let state = 0
  const look = emptyTool({
    name: 'look',
    description: 'Looks.',
    annotations: { readOnlyHint: true },
    execute: () => state,
  })
  const fix = defineTool({
    name: 'fix',
    description: 'Fixes.',
    inputSchema: { type: 'object', properties: { to: { type: 'integer' } }, required: ['to'] },
    execute: ({ to }) => {
      state = to
    },
  })
  return { look, fix }
}

test('a polling tool is executed each time', async () => {
  const poll = (id: string) => calls('poll', {}, id)
  const run = await runLoop({
    model: scriptedModel([poll('a'), poll('b'), poll('c'), poll('d'), says('Done.')]),
    tools: [counter('poll', false)],
    prompt,
  })
  expect(run.results.map(({ content }) => content)).toEqual(['1', '2', '3', '4'])
  expect(run).not.toHaveProperty('limit')
})

test('the order of members does not make a different call', async () => {
  const model = scriptedModel([
    calls('look', { a: 1, b: [2] }, 'x'),
    calls('look', { b: [2], a: 1 }, 'y'),
    says('Done.'),
  ])
  const run = await runLoop({ model, tools: [counter('look')], prompt })
  expect(run.results[1]).toMatchObject({ servedFrom: 'x', value: 1 })
})

test('a call with a temporary error is executed again, and counts as a repetition', async () => {
  const again = (id: string) => calls('broken', {}, id)
  const run = await runLoop({
    model: scriptedModel([again('a'), again('b'), again('c'), says('Done.')]),
    tools: [broken],
    prompt,
  })
  expect(run.results.every((result) => result.status === 'error' && result.servedFrom === undefined)).toBe(true)
  expect(run).toMatchObject({ limit: 'repetition', stopReason: 'answered' })
})

test('looking again after each fix is not a repetition', async () => {
  const { look, fix } = settable()
  const looks = ['a', 'b', 'c', 'd'].flatMap((id, to) => [calls('look', {}, id), calls('fix', { to }, `fix ${id}`)])
  const run = await runLoop({ model: scriptedModel([...looks, says('Done.')]), tools: [look, fix], prompt })
  expect(run).toMatchObject({ stopReason: 'answered', rounds: 9 })
  expect(run).not.toHaveProperty('limit')
  expect(run.results.flatMap((result) => (result.name === 'look' && 'value' in result ? result.value : []))).toEqual([
    0, 0, 1, 2,
  ])
})

test('applying the same fix three times is a repetition', async () => {
  const { look, fix } = settable()
  const same = ['a', 'b', 'c'].flatMap((id) => [calls('look', {}, id), calls('fix', { to: 1 }, `fix ${id}`)])
  const stuck = await runLoop({ model: scriptedModel([...same, says('Done.')]), tools: [look, fix], prompt })
  expect(stuck).toMatchObject({ stopReason: 'answered', limit: 'repetition', rounds: 7 })
  expect(stuck.trace.find(({ type }) => type === 'limit')).toMatchObject({
    detail: 'the model asked for the same call of fix three times',
  })
})

test('a read-only call is executed again after a reply in which a fix ran beside it', async () => {
  const { look, fix } = settable()
  const model = scriptedModel([
    batch(['look', {}, 'a'], ['fix', { to: 1 }, 'b']),
    calls('look', {}, 'c'),
    calls('fix', { to: 1 }, 'd'),
    says('Done.'),
  ])
  const run = await runLoop({ model, tools: [look, fix], prompt })
  expect(run.results.map((result) => ('value' in result ? result.value : undefined))).toEqual([0, null, 1, null])
  expect(run.results.map(({ servedFrom }) => servedFrom)).toEqual([undefined, undefined, undefined, 'b'])
})

test('asking for the same unknown tool three times turns tools off', async () => {
  const unknown = ['a', 'b', 'c'].map((id) => calls('loook', {}, id))
  expect(await runLoop({ model: scriptedModel([...unknown, says('Done.')]), tools: [broken], prompt })).toMatchObject({
    limit: 'repetition',
  })
})

test('identical calls of one reply are executed once, failing ones too, and each has a result', async () => {
  const model = scriptedModel([
    batch(['look', {}, 'a']),
    batch(
      ['look', {}, 'b'],
      ['broken', { of: { $result: 'look' } }, 'c'],
      ['broken', { of: { $result: 'look' } }, 'd'],
    ),
    says('Done.'),
  ])
  const run = await runLoop({ model, tools: [counter('look'), broken], prompt })
  expect(run.results.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
  expect(run.results[3]).toMatchObject({ status: 'error', servedFrom: 'c' })
  expect(run.stopReason).toBe('answered')
})

test('the same reference to a newer result is a different call', async () => {
  const model = scriptedModel([
    calls('poll', {}, 'a'),
    calls('look', { at: { $result: 'poll' } }, 'b'),
    calls('poll', {}, 'c'),
    calls('look', { at: { $result: 'poll' } }, 'd'),
    says('Done.'),
  ])
  const run = await runLoop({ model, tools: [counter('poll', false), counter('look')], prompt })
  expect(run.results.map(({ servedFrom }) => servedFrom)).toEqual([undefined, undefined, undefined, undefined])
})

test('pointers with a second "#" and objects that only look like references are different calls', async () => {
  const model = scriptedModel([
    calls('look', { 'a#1': 1 }, 'k'),
    calls('look', { $result: 'k', n: 1 }, 'x'),
    calls('look', { $result: 'k', n: 2 }, 'y'),
    says('Done.'),
  ])
  const run = await runLoop({ model, tools: [counter('look')], prompt })
  expect(run.results.map(({ status }) => status)).toEqual(['ok', 'error', 'error'])
  expect(run.results.every(({ servedFrom }) => servedFrom === undefined)).toBe(true)
})
