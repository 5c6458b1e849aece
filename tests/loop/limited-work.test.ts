import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { defineTool } from '../../router/define-tool.ts'
import { createRouter } from '../../router/router.ts'
import { says, scriptedModel } from '../support/scripted-model.ts'

const sum = defineTool({
  name: 'sum',
  description: 'Adds numbers.',
  inputSchema: {
    type: 'object',
    properties: { values: { type: 'array', items: { type: 'number' } } },
    required: ['values'],
    additionalProperties: false,
  },
  execute: ({ values }) => values.length,
})

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

/** The results of one reply that calls `sum` with each of the lists. */
async function resultsOf(...lists: readonly unknown[][]) {
  const toolCalls = lists.map((values, at) => ({ name: 'sum', input: { values }, id: `s_${at}` }))
  const model = scriptedModel([() => ({ toolCalls }), says('Done.')])
  const run = await runLoop({ model, tools: [sum], prompt: 'Work.', inputs: { one: 1 } })
  return run.results
}

const reference = { $input: 'one' }

test('a call with more than 1000 references is refused, and the error says how many are allowed', async () => {
  const message = expect.stringContaining('more than 1000 references, and at most 1000 are allowed in one call')
  expect(await resultsOf(times(1000, reference), times(1001, reference))).toMatchObject([
    { status: 'ok', value: 1000 },
    { status: 'error', error: { kind: 'invalid_input', message } },
  ])
})

test('references that are written as text count, too', async () => {
  const [result] = await resultsOf(times(1001, JSON.stringify(reference)))
  expect(result).toMatchObject({ status: 'error', error: { message: expect.stringContaining('1000 references') } })
})

test('of the arguments of one reply at most 100,000 values are read', async () => {
  const message = expect.stringContaining('more than 100000 values')
  expect(await resultsOf(times(90_000, 1), times(90_000, 2), [3])).toMatchObject([
    { status: 'ok', value: 90_000 },
    { status: 'error', error: { kind: 'unreadable_call', message } },
    { status: 'error', error: { kind: 'unreadable_call' } },
  ])
})

test('commas and brackets within a long text are not counted as values', async () => {
  const [result] = await resultsOf([',[{'.repeat(100_000)])
  expect(result).toMatchObject({ status: 'error', error: { kind: 'invalid_input' } })
})

test('a call with more than 5000 wrong values goes back to the model, and one with fewer is repaired', async () => {
  const message = expect.stringContaining('expected number, received "1"')
  expect(await resultsOf(times(5000, '1'), times(5001, '1'))).toMatchObject([
    { status: 'ok', value: 5000 },
    { status: 'error', error: { kind: 'invalid_input', message } },
  ])
})

test('a router without a loop has none of these limits', async () => {
  const router = createRouter([sum])
  const text = JSON.stringify({ values: [...times(110_000, 1), ...times(5001, '1'), ...times(1001, reference)] })
  const call = { id: 'c', type: 'function', function: { name: 'sum', arguments: text } }
  const { calls } = router.read({ role: 'assistant', tool_calls: [call] })
  const references = { inputs: { one: 1 }, result: () => undefined, resultNames: () => [] }
  expect(await router.dispatch(calls, { references })).toMatchObject([{ status: 'ok', value: 116_002 }])
})
