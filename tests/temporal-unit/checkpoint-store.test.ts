import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Info } from '@temporalio/activity'
import type { Client } from '@temporalio/client'
import { ActivityCancellationDetails } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { unpackCheckpoint } from '../../lib/temporal/checkpoint-codec.ts'
import { loopActivity } from '../../lib/temporal/index.ts'
import type { ToolAnnotations } from '../../router/tool.ts'
import { emptyTool } from '../support/factories.ts'
import { calls, type ScriptStep, says, scriptedModel } from '../support/scripted-model.ts'

/** An attempt on a server that the test plays. */
function environmentOf(
  attempt: number,
  store: (taskToken: Uint8Array, details: unknown) => Promise<void>,
  further: Partial<Info> = {},
) {
  const withAbortSignal = <T>(_: AbortSignal, work: () => Promise<T>): Promise<T> => work()
  const activity = {
    withAbortSignal,
    withDeadline: <T>(_: number, send: () => Promise<T>): Promise<T> => send(),
    heartbeat: store,
  }
  const info = { attempt, heartbeatTimeoutMs: 60_000, startToCloseTimeoutMs: 600_000, scheduleToCloseTimeoutMs: 0 }
  return new MockActivityEnvironment(
    {
      ...info,
      currentAttemptScheduledTimestampMs: Date.now(),
      workflowExecution: { workflowId: 'test', runId: randomUUID() },
      ...further,
    },
    { client: { activity, withAbortSignal } as unknown as Client },
  )
}

test('a call that was running when its attempt was lost stays begun, here and on the server', async () => {
  const workflowExecution = { workflowId: 'test', runId: randomUUID() }
  let stored: unknown
  const store = async (_: Uint8Array, details: unknown): Promise<void> => {
    stored = structuredClone(details)
  }
  let ran = 0
  let lose = (): void => {}
  const slow = emptyTool({
    name: 'slow',
    annotations: { readOnlyHint: true },
    execute: () => {
      ran++
      setImmediate(lose)
      return new Promise<never>(() => {})
    },
  })
  const attempt = (number: number, script: readonly ScriptStep[]): Promise<unknown> => {
    const environment = environmentOf(number, store, { workflowExecution, heartbeatDetails: stored })
    lose = () => environment.cancel('NOT_FOUND', new ActivityCancellationDetails({ notFound: true }))
    return environment.run(loopActivity(() => ({ model: scriptedModel(script), tools: [slow], prompt: 'Work.' })))
  }
  await expect(attempt(1, [calls('slow', {})])).rejects.toThrow()
  await expect(attempt(2, [])).rejects.toThrow()
  expect(await attempt(3, [says('Done.')])).toMatchObject({ stop_reason: 'answered' })
  expect(ran).toBe(2)
})

/** Whether a tool with these annotations is started before the server has stored that it is begun. */
async function startsBeforeStored(attempt: number, annotations: ToolAnnotations): Promise<boolean> {
  let answer = (): void => {}
  const answered = new Promise<void>((resolve) => {
    answer = resolve
  })
  const environment = environmentOf(attempt, () => answered)
  let isStarted = false
  const look = emptyTool({ name: 'look', annotations, execute: () => (isStarted = true) })
  const model = scriptedModel([calls('look', {}), says('Done.')])
  const result = environment.run(loopActivity(() => ({ model, tools: [look], prompt: 'Look.' })))
  // The model is asked within a few milliseconds, except on a busy machine.
  while (model.requests.length === 0) await delay(10)
  await delay(600)
  const startedBefore = isStarted
  answer()
  expect(await result).toMatchObject({ stop_reason: 'answered' })
  expect(isStarted).toBe(true)
  return startedBefore
}

test.each<readonly [string, number, ToolAnnotations, boolean]>([
  ['in the first attempt, a read-only call', 1, { readOnlyHint: true }, true],
  ['in the first attempt, an idempotent call', 1, { idempotentHint: true }, true],
  ['in the first attempt, a call with side effects', 1, {}, false],
  ['in a later attempt, a read-only call', 2, { readOnlyHint: true }, false],
  ['in a later attempt, an idempotent call', 3, { idempotentHint: true }, false],
  ['in a later attempt, a call with side effects', 2, {}, false],
])('%s (attempt %i, %j) starts before the server has stored it: %s', async (_, attempt, annotations, expected) => {
  expect(await startsBeforeStored(attempt, annotations)).toBe(expected)
})

test.each<readonly [ToolAnnotations, number]>([
  [{ readOnlyHint: true }, 0],
  [{ idempotentHint: true }, 0],
  [{}, 1],
])('a worker shutdown during a call of a tool with %j leaves it begun %i times', async (annotations, begun) => {
  const environment = environmentOf(1, () => Promise.resolve())
  const handedToSdk: unknown[] = []
  environment.on('heartbeat', (details: unknown) => handedToSdk.push(details))
  const slow = emptyTool({
    name: 'slow',
    annotations,
    execute: () => {
      setImmediate(() =>
        environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true })),
      )
      return new Promise<never>(() => {})
    },
  })
  const model = scriptedModel([calls('slow', {})])
  const run = environment.run(loopActivity(() => ({ model, tools: [slow], prompt: 'Work.' })))
  await expect(run).rejects.toMatchObject({ type: 'WorkerShutdown' })
  const unpacked = unpackCheckpoint(handedToSdk.at(-1))
  const checkpoint = unpacked.kind === 'checkpoint' ? (unpacked.checkpoint as Checkpoint) : undefined
  expect(checkpoint?.pending.map((call) => call.begun)).toEqual([begun])
})

/** Blocks the process, as if it was frozen. */
function freeze(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

const gone = Object.assign(new Error('gone'), { name: 'ActivityNotFoundError' })

/** Runs a tool in an attempt whose process freezes when `store` is called, until the attempt is lost. */
async function runsAfterFreeze(annotations: ToolAnnotations, store: (beat: number) => Promise<void>): Promise<number> {
  let beats = 0
  let ran = 0
  const environment = environmentOf(1, () => store(++beats), { heartbeatTimeoutMs: 300 })
  const act = emptyTool({ name: 'act', annotations, execute: () => ++ran })
  const model = scriptedModel([calls('act', {}), says('Done.')])
  await expect(environment.run(loopActivity(() => ({ model, tools: [act], prompt: 'Act.' })))).rejects.toThrow()
  expect(model.requests).toHaveLength(1)
  return ran
}

test('a tool with side effects is not started if the process was frozen between the answer of the server and the start', async () => {
  const ran = await runsAfterFreeze({ readOnlyHint: false, idempotentHint: false }, async (beat) => {
    if (beat > 1) throw gone
    // The server has stored the checkpoint, and the process sees the answer when the attempt is lost.
    freeze(400)
  })
  expect(ran).toBe(0)
})

test('a tool that can be repeated is not started either if the process was frozen during its short wait', async () => {
  const ran = await runsAfterFreeze({ readOnlyHint: true, idempotentHint: true }, async () => {
    freeze(400)
    await delay(200)
    throw gone
  })
  expect(ran).toBe(0)
})
