import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { describe, expect, test, vi } from 'vitest'
import { checkpointVersion } from '../../lib/loop/checkpoint.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { packCheckpoint, unpackCheckpoint } from '../../lib/temporal/checkpoint-codec.ts'
import { loopActivity } from '../../lib/temporal/index.ts'
import type { ScriptedRequest } from '../../lib/testing/index.ts'
import { defineTool } from '../../router/define-tool.ts'
import { completion, replyJson, startLocalServer } from '../minimax/support/local-server.ts'
import { activityError } from '../support/activity-harness.ts'
import { emptyTool } from '../support/factories.ts'
import { calls, fails, says, scriptedModel } from '../support/scripted-model.ts'
import { temporalForTests } from '../support/temporal-server.ts'
import { emptyCheckpoint } from './support/empty-checkpoint.ts'
import { getCity, heartbeatTimeout, overloaded, work } from './support/one-run.ts'
import { useHarness } from './support/use-harness.ts'

const source = await temporalForTests()

describe.skipIf(source === undefined)('a run in an activity under hostile conditions', () => {
  const harness = useHarness(source)

  test.each<readonly [string, unknown, because?: string]>([
    ['of another activity', { cursor: 3 }],
    ['that are a text', '{"checkpoint":1}'],
    [
      'that are cut off',
      { progress: {}, checkpoint: { encoding: 'gzip+base64', data: packCheckpoint({ version: 1 }).data.slice(0, 9) } },
    ],
    [
      'of a later version',
      { progress: {}, checkpoint: packCheckpoint({ ...emptyCheckpoint, version: checkpointVersion + 1 }) },
      `has version ${checkpointVersion + 1}`,
    ],
    [
      'with a damaged checkpoint',
      { progress: {}, checkpoint: packCheckpoint({ ...emptyCheckpoint, messages: [null] }) },
    ],
    [
      'with a null among the results',
      {
        progress: {},
        checkpoint: packCheckpoint({ ...emptyCheckpoint, messages: [{ role: 'tool', json: '{}' }], results: [null] }),
      },
    ],
  ])('heartbeat details %s make the run start again, with a warning in its trace', async (_, details, because = '') => {
    const model = scriptedModel([says('done')])
    const run = loopActivity(() => ({ model, prompt: 'x' }))
    const activities = {
      work: async () => {
        if (Context.current().info.attempt > 1) return run()
        Context.current().heartbeat(details)
        throw ApplicationFailure.create({ message: 'first', nextRetryDelay: 1 })
      },
    }
    await using worker = await harness.startWorker(activities)
    const handle = await harness.start(worker, 'work', { heartbeatTimeout })
    const result = await handle.result()
    expect(result).toMatchObject({ stop_reason: 'answered', answer: 'done', rounds: 1 })
    expect(JSON.stringify(result)).toMatch(/The run starts again, because its checkpoint cannot be used/)
    expect(JSON.stringify(result)).toContain(because)
  })

  test.each<readonly [string, unknown]>([
    ['an older version', packCheckpoint(ofVersionOne())],
    [
      'a later version that has started tools with side effects',
      packCheckpoint({ ...emptyCheckpoint, version: checkpointVersion + 1, has_side_effects: true }),
    ],
    [
      'a run with side effects, cut off',
      { ...packCheckpoint({ ...emptyCheckpoint, has_side_effects: true }), data: 'AAAA' },
    ],
    [
      'a run with side effects, damaged',
      packCheckpoint({ ...emptyCheckpoint, messages: [null], has_side_effects: true }),
    ],
  ])('a checkpoint of %s fails the activity once, unless the run may start again', async (_, checkpoint) => {
    for (const restart of [false, true]) {
      let attempts = 0
      const model = scriptedModel([says('done')])
      const onUnreadable = restart ? ({ onUnreadableCheckpoint: 'restart' } as const) : {}
      const run = loopActivity(() => ({ model, prompt: 'x', ...onUnreadable }))
      const activities = {
        work: async () => {
          if (attempts++ > 0) return run()
          Context.current().heartbeat({ progress: {}, checkpoint })
          throw ApplicationFailure.create({ message: 'first', nextRetryDelay: 1 })
        },
      }
      await using worker = await harness.startWorker(activities)
      const handle = await harness.start(worker, 'work', { heartbeatTimeout })
      if (restart) {
        expect(await handle.result()).toMatchObject({ stop_reason: 'answered', answer: 'done' })
      } else {
        expect(await activityError(handle)).toMatchObject({ type: 'CheckpointOfAnotherVersion', nonRetryable: true })
        expect(attempts).toBe(2)
      }
    }
  })

  test.each([false, true])(
    'a deploy that changes the prompt between two attempts: a tool with side effects has run (%s)',
    async (hasActed) => {
      const model = scriptedModel([calls('act', {}), fails(overloaded), says('done')])
      const act = emptyTool({ name: 'act', annotations: { readOnlyHint: !hasActed }, execute: () => 'acted' })
      const prompt = () => (Context.current().info.attempt === 1 ? 'Pay.' : 'Pay now.')
      const activities = { work: loopActivity(() => ({ model, tools: [act], prompt: prompt() })) }
      await using worker = await harness.startWorker(activities)
      const handle = await harness.start(worker, 'work', { heartbeatTimeout, retry: { initialInterval: 10 } })
      if (hasActed) {
        const message = expect.stringMatching(/another prompt\..*side effects: act \(.*start a new workflow/)
        const failure = { type: 'CheckpointOfAnotherVersion', nonRetryable: true, message }
        expect(await activityError(handle)).toMatchObject(failure)
        expect(model.requests).toHaveLength(2)
      } else {
        const message = expect.stringMatching(/The run starts again.*another prompt/)
        const trace = expect.arrayContaining([expect.objectContaining({ type: 'warning', message })])
        expect(await handle.result()).toMatchObject({ stop_reason: 'answered', rounds: 1, trace })
        expect(model.requests.at(-1)?.messages.map(({ content }) => content)).toContain('Pay now.')
      }
    },
  )

  test('a failure before the run begins does not lose the checkpoint', async () => {
    const model = scriptedModel([calls('get_city', {}), fails(overloaded), says('Oslo')])
    const activities = {
      work: loopActivity(() => {
        if (Context.current().info.attempt === 2) throw new Error('the configuration cannot be read just now')
        return { model, tools: [getCity], prompt: 'Which city?' }
      }),
    }
    await using worker = await harness.startWorker(activities)
    const retry = { initialInterval: 10 }
    const handle = await harness.start(worker, 'work', { heartbeatTimeout, retry })
    expect(await handle.result()).toMatchObject({ stop_reason: 'answered', answer: 'Oslo', rounds: 2 })
    expect(model.requests).toHaveLength(3)
  })

  test('an attempt that is blocked longer than the heartbeat timeout is given up, and the next one resumes', async () => {
    let blocked = 0
    const block = defineTool({
      name: 'block',
      description: 'Blocks the process.',
      inputSchema: { type: 'object', properties: {} },
      annotations: { readOnlyHint: true, idempotentHint: true },
      execute: () => {
        // Only the first time.
        const until = Date.now() + (blocked++ === 0 ? 5_000 : 0)
        while (Date.now() < until);
        return { ok: true }
      },
    })
    let askedFirst = 0
    // Attempts overlap here, so the model decides by the messages, not by the number of the request.
    const model = scriptedModel(
      Array.from({ length: 20 }, () => ({ messages }: ScriptedRequest) => {
        if (messages.some(({ role }) => role === 'tool')) return says('done')
        askedFirst++
        return calls('block', {})
      }),
    )
    await using worker = await harness.startWorker(work({ model, tools: [block], prompt: 'x' }))
    const handle = await harness.start(worker, 'work', { heartbeatTimeout: '2s', retry: { initialInterval: 10 } })
    expect(await handle.result()).toMatchObject({ stop_reason: 'answered', answer: 'done', rounds: 2 })
    // The checkpoint with the reply was sent before the tool blocked the process.
    expect(askedFirst).toBe(1)
    expect(blocked).toBeLessThanOrEqual(2)
  })

  test('a run returns its partial result before the start-to-close timeout', async () => {
    const model = scriptedModel([calls('get_city', {}), ({ signal }) => untilAborted(signal)])
    await using worker = await harness.startWorker(work({ model, tools: [getCity], prompt: 'x' }))
    const handle = await harness.start(worker, 'work', { heartbeatTimeout, startToCloseTimeout: '4s' })
    const run = await handle.result()
    expect(run).toMatchObject({ stop_reason: 'deadline', rounds: 1, error: expect.anything() })
    expect(JSON.stringify(run)).toContain('get_city')
    expect(model.requests).toHaveLength(2)
  })

  test('after a rate limit the next request is sent when the requested time has passed', async () => {
    const askedAt: number[] = []
    await using endpoint = await startLocalServer((_request, response, number) => {
      askedAt.push(performance.now())
      if (number > 0) return replyJson(response, 200, completion)
      const error = { type: 'rate_limit_error', message: 'rate limit exceeded (1002)' }
      return replyJson(response, 429, { type: 'error', error }, { 'retry-after': '2' })
    })
    const model = minimax({ url: endpoint.url, token: 'any', retries: 0, env: {} })
    await using worker = await harness.startWorker(work({ model, prompt: 'x' }))
    const handle = await harness.start(worker, 'work', { heartbeatTimeout })
    expect(await handle.result()).toMatchObject({ stop_reason: 'answered', answer: 'Warm.' })
    expect(askedAt).toHaveLength(2)
    expect((askedAt[1] ?? 0) - (askedAt[0] ?? 0)).toBeGreaterThanOrEqual(1_990)
  })

  test('no heartbeat, result or failure contains the token', async () => {
    const token = 'plain-words-for-a-token'
    await using endpoint = await startLocalServer((_request, response, number) =>
      number === 0
        ? replyJson(response, 529, { error: { type: 'overloaded_error', message: `busy, ${token} (1000)` } })
        : undefined,
    )
    const model = minimax({ url: endpoint.url, token, retries: 0, env: {} })
    await using worker = await harness.startWorker(work({ model, prompt: 'x' }))
    const handle = await harness.start(worker, 'work', { heartbeatTimeout, retry: { initialInterval: 10 } })
    await vi.waitFor(() => expect(endpoint.bodies).toHaveLength(2), { timeout: 20_000 })
    const { pending, details } = await vi.waitFor(async () => {
      const [pending] = (await handle.describe()).raw.pendingActivities ?? []
      const details = Buffer.from(pending?.heartbeatDetails?.payloads?.[0]?.data ?? []).toString()
      expect(details).toContain('waiting for the model')
      return { pending, details }
    }, 20_000)
    expect(pending?.lastFailure?.message).toContain('busy')
    const unpacked = unpackCheckpoint(JSON.parse(details))
    expect(JSON.stringify([pending, details, unpacked])).not.toContain(token)
    await handle.cancel()
    await handle.result()
    expect(JSON.stringify(await handle.fetchHistory())).not.toContain(token)
  })
})

/** A checkpoint as an earlier release wrote it. */
function ofVersionOne() {
  const {
    answer_requested: _,
    pending_answer: __,
    stop_reason: ___,
    has_side_effects: ____,
    ...older
  } = emptyCheckpoint
  return { ...older, version: 1, rounds: 3 }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}
