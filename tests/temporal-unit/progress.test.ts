import { expect, test } from 'vitest'
import type { LoopEvent } from '../../lib/loop/events.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { nextProgress, type RunProgress, readProgress, startProgress } from '../../lib/temporal/progress.ts'
import { defineTool } from '../../router/define-tool.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'

const tool = defineTool({
  name: 'divide',
  description: 'Divides.',
  inputSchema: { type: 'object', properties: { by: { type: 'number' } }, required: ['by'] },
  execute: ({ by }) => {
    if (by === 0) throw new Error('by zero')
    return { result: 1 / by }
  },
})

test('progress has the round, the current step, and counts of tool calls and errors', async () => {
  const seen: RunProgress[] = []
  let progress = startProgress(2)
  const onEvent = (event: LoopEvent) => {
    progress = nextProgress(progress, event)
    seen.push(progress)
  }
  const model = scriptedModel([calls('divide', { by: 0 }, 'a'), calls('divide', { by: 4 }, 'b'), says('a quarter')])
  await runLoop({ model, tools: [tool], prompt: 'divide', onEvent })
  expect(
    seen.map(({ round, doing }) => `${round} ${doing}`).filter((text, index, all) => text !== all[index - 1]),
  ).toEqual([
    '0 starting',
    '1 waiting for the model',
    '1 divide',
    '2 waiting for the model',
    '2 divide',
    '3 waiting for the model',
    '3 reading the answer',
    '3 done: answered',
  ])
  expect(seen.at(-1)).toMatchObject({
    attempt: 2,
    max_rounds: 10,
    tool_calls: 2,
    tool_errors: 1,
    resumed_rounds: 0,
  })
  expect(seen.at(-1)?.last_calls).toMatchObject([
    { call: 'model', status: 'ok', tokens: 15 },
    { call: 'divide', status: 'error' },
    { call: 'model', status: 'ok' },
    { call: 'divide', status: 'ok' },
    { call: 'model', status: 'ok' },
  ])
})

test('progress of another release is read as far as it fits', () => {
  expect(readProgress({ progress: { doing: 'divide', round: 3, last_calls: 'none' } })).toEqual({
    ...startProgress(0),
    doing: 'divide',
    round: 3,
  })
  expect(readProgress({ progress: { round: 3 } })).toBeUndefined()
})
