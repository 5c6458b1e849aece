import { setImmediate as nextTurnOfNode } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { scriptedModel } from '../../lib/testing/index.ts'
import { defineTool } from '../../router/define-tool.ts'

test('many runs leave turns of the event loop to others', async () => {
  let turn = 0
  let isOver = false
  const countTurns = async () => {
    for (; !isOver; turn++) await nextTurnOfNode()
  }
  const stepsIn = new Map<number, number>()
  const tool = defineTool({
    name: 'work',
    description: 'Works for 5 ms.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    execute: () => {
      stepsIn.set(turn, (stepsIn.get(turn) ?? 0) + 1)
      const end = performance.now() + 5
      while (performance.now() < end);
      return 'done'
    },
  })
  const counting = countTurns()
  const runs = await Promise.all(
    Array.from({ length: 40 }, () => {
      const model = scriptedModel([{ toolCalls: [{ name: 'work', input: {} }] }, 'Done.'])
      return runLoop({ model, tools: [tool], prompt: 'Work.' })
    }),
  )
  isOver = true
  await counting
  expect(runs.map(({ stopReason }) => stopReason)).toEqual(runs.map(() => 'answered'))
  expect([...stepsIn.values()].reduce((sum, steps) => sum + steps)).toBe(40)
  // A slice of 10 ms has room for two steps and the beginning of a third. A turn has at most two slices.
  expect(Math.max(...stepsIn.values())).toBeLessThanOrEqual(6)
})

test('a run that is aborted while it waits for its turn sends no request', async () => {
  const controller = new AbortController()
  let requests = 0
  const runs = await Promise.all(
    Array.from({ length: 40 }, () =>
      runLoop({
        model: scriptedModel([
          () => {
            requests++
            const end = performance.now() + 11
            while (performance.now() < end);
            controller.abort()
            return 'Done.'
          },
        ]),
        prompt: 'Work.',
        signal: controller.signal,
      }),
    ),
  )
  expect(requests).toBeLessThanOrEqual(8)
  expect(runs.map(({ stopReason }) => stopReason)).toEqual(runs.map(() => 'cancelled'))
})
