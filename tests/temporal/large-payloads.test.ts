import { randomUUID } from 'node:crypto'
import { ApplicationFailure } from '@temporalio/common'
import { describe, expect, test } from 'vitest'
import { loopActivity, runInActivity } from '../../lib/temporal/index.ts'
import { messagesLimitBytes, pausedLimitBytes } from '../../lib/temporal/payload-state.ts'
import { defineTool } from '../../router/define-tool.ts'
import { activityError } from '../support/activity-harness.ts'
import { calls, fails, says, scriptedModel } from '../support/scripted-model.ts'
import { seededText } from '../support/seeded-text.ts'
import { temporalForTests } from '../support/temporal-server.ts'
import { heartbeatTimeout, overloaded, work } from './support/one-run.ts'
import { useHarness } from './support/use-harness.ts'

const source = await temporalForTests()

/** A tool that returns the requested number of characters, which do not compress. */
function loudTool(annotations: { readonly readOnlyHint: boolean; readonly idempotentHint: boolean }) {
  let executed = 0
  const tool = defineTool({
    name: 'shout',
    description: 'Shouts.',
    inputSchema: { type: 'object', properties: { length: { type: 'integer' } }, required: ['length'] },
    annotations,
    execute: ({ length }) => {
      executed++
      return { said: seededText(length)(length) }
    },
  })
  return { tool, executed: () => executed }
}

describe.skipIf(source === undefined)('data that is too large for a payload of Temporal', () => {
  const harness = useHarness(source)

  test('a checkpoint that is too large for a heartbeat is left out with a warning, and an attempt in the same process still has it', async () => {
    const { tool, executed } = loudTool({ readOnlyHint: false, idempotentHint: false })
    const model = scriptedModel([
      calls('shout', { length: 10 }, 'a'),
      calls('shout', { length: 3_000_000 }, 'b'),
      fails(overloaded),
      calls('shout', { length: 20 }, 'c'),
      says('done'),
    ])
    const limits = { resultBytes: 4_000_000, checkpointBytes: 16_000_000, messageBytes: 16_000_000 }
    await using worker = await harness.startWorker(work({ model, tools: [tool], prompt: 'x', limits }))
    const run = await (await harness.start(worker, 'work', { heartbeatTimeout })).result()
    expect(run).toMatchObject({ stop_reason: 'answered', answer: 'done' })
    expect(harness.warnings()).toContainEqual(expect.stringMatching(/too large for a heartbeat.*"saved_rounds":2/))
    // The third call is refused: its checkpoint cannot be stored.
    expect(executed()).toBe(2)
    expect(JSON.stringify(run)).not.toContain('outcome_unknown')
    expect(model.requests).toHaveLength(5)
  })

  test('by default the large value of a result is dropped from the checkpoint, because the model has seen its excerpt', async () => {
    const { tool, executed } = loudTool({ readOnlyHint: true, idempotentHint: true })
    const model = scriptedModel([calls('shout', { length: 3_000_000 }), fails(overloaded), says('done')])
    const limits = { resultBytes: 4_000_000 }
    await using worker = await harness.startWorker(work({ model, tools: [tool], prompt: 'x', limits }))
    const run = await (await harness.start(worker, 'work', { heartbeatTimeout })).result()
    expect(run).toMatchObject({ stop_reason: 'answered', answer: 'done', rounds: 2 })
    expect(executed()).toBe(1)
    expect(model.requests[2]?.messages).toEqual(model.requests[1]?.messages)
  })

  test('an answer that is too large for a payload fails once, with ResultTooLarge', async () => {
    const model = scriptedModel([says('a'.repeat(3_000_000)), says('a'.repeat(3_000_000))])
    await using worker = await harness.startWorker(work({ model, prompt: 'x' }))
    const error = await activityError(await harness.start(worker, 'work', { heartbeatTimeout }))
    expect(error).toMatchObject({ type: 'ResultTooLarge', nonRetryable: true })
    expect(model.requests).toHaveLength(1)
  })

  test('the server refuses an input of more than 2 MB before anything runs', async () => {
    let ran = 0
    await using worker = await harness.startWorker({
      work: loopActivity(() => ({ model: scriptedModel([says('x')]), prompt: `${++ran}` })),
    })
    const started = harness.start(worker, 'work', { heartbeatTimeout }, 'i'.repeat(3_000_000))
    await expect(started).rejects.toMatchObject({ cause: { message: expect.stringMatching(/exceeds (size )?limit/) } })
    expect(ran).toBe(0)
  })

  test('a foreign failure of 5 MB fails the activity at once instead of at its timeout', async () => {
    const huge = async () => {
      throw ApplicationFailure.nonRetryable('m'.repeat(5_000_000), 'Mine')
    }
    await using worker = await harness.startWorker({
      work: () => runInActivity(huge, () => ({ stop_reason: 'answered', rounds: 0 })),
    })
    const error = await activityError(await harness.start(worker, 'work', { heartbeatTimeout }))
    expect(error).toMatchObject({ type: 'Mine', nonRetryable: true })
    expect(error.message.length).toBeLessThan(5_000)
  })

  test('arguments with the largest checkpoint, the largest messages and 500 kB of values arrive', async () => {
    const activities = { work: async (said: string) => said.length }
    await using worker = await harness.startWorker(activities)
    const length = pausedLimitBytes + messagesLimitBytes + 500_000
    const { taskQueue } = worker
    const started = { args: [length], taskQueue, workflowId: randomUUID() }
    expect(await harness.client.workflow.execute('largeArgumentWorkflow', started)).toBe(length)
  })

  test('an activity argument of more than 2 MB ends the workflow at once, before anything runs', async () => {
    let ran = 0
    await using worker = await harness.startWorker({
      work: loopActivity((said: string) => ({ model: scriptedModel([says('x')]), prompt: `${said} ${++ran}` })),
    })
    const { taskQueue } = worker
    const started = { args: [3_000_000], taskQueue, workflowId: randomUUID() }
    await expect(harness.client.workflow.execute('largeArgumentWorkflow', started)).rejects.toMatchObject({
      cause: { name: 'TerminatedFailure', message: expect.stringContaining('Input exceeds size limit') },
    })
    expect(ran).toBe(0)
  })
})
