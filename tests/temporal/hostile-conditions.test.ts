import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { checkpointVersion } from '../../lib/loop/checkpoint.ts'
import type { Model } from '../../lib/loop/model.ts'
import { ModelError } from '../../lib/loop/model-error.ts'
import type { RunOptions } from '../../lib/loop/run.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { packCheckpoint, unpackCheckpoint } from '../../lib/temporal/heartbeat-details.ts'
import { loopActivity, runInActivity } from '../../lib/temporal/index.ts'
import type { ScriptedRequest } from '../../lib/testing/index.ts'
import { defineTool } from '../../router/tool.ts'
import { completion, replyJson, startLocalServer } from '../minimax/support/local-server.ts'
import { type ActivityHarness, activityError, activityHarness } from '../support/activity-harness.ts'
import { calls, fails, says, scriptedModel } from '../support/scripted-model.ts'
import { seededText } from '../support/seeded-text.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'

const source = await temporalForTests()
let server: TemporalServer
let harness: ActivityHarness
const heartbeatTimeout = '3s'
const overloaded = new ModelError('busy', { kind: 'overloaded', retryable: true, retryAfterMs: 1 })

function work(options: Omit<RunOptions, 'signal' | 'resumeFrom' | 'onCheckpoint' | 'runId'>) {
  return { work: loopActivity(() => options) }
}

/** Returns as many characters as it is asked for, which do not compress. */
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

function warnings(): string[] {
  return harness.logs
    .filter(({ level }) => level === 'WARN')
    .map(({ message, meta }) => `${message} ${JSON.stringify(meta)}`)
}

describe.skipIf(source === undefined)('a run in an activity under hostile conditions', () => {
  beforeAll(async () => {
    server = await openTemporal(source)
    harness = await activityHarness(server)
  })
  afterAll(async () => {
    await harness?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
  })

  test('a checkpoint too large for a heartbeat is left out with a warning; the next attempt goes on from the one before', async () => {
    const { tool, executed } = loudTool({ readOnlyHint: false, idempotentHint: false })
    const model = scriptedModel([
      calls('shout', { length: 10 }, 'a'),
      calls('shout', { length: 3_000_000 }, 'b'),
      fails(overloaded),
      calls('shout', { length: 20 }, 'c'),
      says('done'),
    ])
    const limits = { resultBytes: 4_000_000, checkpointBytes: 16_000_000, transcriptBytes: 16_000_000 }
    await using worker = await harness.startWorker(work({ model, tools: [tool], prompt: 'x', limits }))
    const run = await (await harness.start(worker, 'work', { heartbeatTimeout })).result()
    expect(run).toMatchObject({ stopReason: 'answered', answer: 'done' })
    expect(warnings()).toContainEqual(expect.stringMatching(/too large for a heartbeat.*"saved_rounds":2/))
    // The reply that asked for it was saved, its result was not: nobody knows what the second call did.
    expect(executed()).toBe(3)
    expect(JSON.stringify(run)).toContain('outcome_unknown')
    expect(model.requests).toHaveLength(5)
  })

  test('within the default budget the large result of a repeatable tool is shed and derived again', async () => {
    const { tool, executed } = loudTool({ readOnlyHint: true, idempotentHint: true })
    const model = scriptedModel([calls('shout', { length: 3_000_000 }), fails(overloaded), says('done')])
    const limits = { resultBytes: 4_000_000 }
    await using worker = await harness.startWorker(work({ model, tools: [tool], prompt: 'x', limits }))
    const run = await (await harness.start(worker, 'work', { heartbeatTimeout })).result()
    expect(run).toMatchObject({ stopReason: 'answered', answer: 'done', rounds: 2 })
    expect(executed()).toBe(2)
    expect(model.requests[2]?.messages).toEqual(model.requests[1]?.messages)
  })

  test('an answer that no payload holds fails by name, once', async () => {
    const model = scriptedModel([says('a'.repeat(3_000_000)), says('a'.repeat(3_000_000))])
    await using worker = await harness.startWorker(work({ model, prompt: 'x' }))
    const error = await activityError(await harness.start(worker, 'work', { heartbeatTimeout }))
    expect(error).toMatchObject({ type: 'ResultTooLarge', nonRetryable: true })
    expect(model.requests).toHaveLength(1)
  })

  test('an input of more than 2 MB is refused by the server before anything runs', async () => {
    let ran = 0
    await using worker = await harness.startWorker({
      work: loopActivity(() => ({ model: counting(), prompt: `${++ran}` })),
    })
    const started = harness.start(worker, 'work', { heartbeatTimeout }, 'i'.repeat(3_000_000))
    await expect(started).rejects.toMatchObject({ cause: { message: expect.stringMatching(/exceeds (size )?limit/) } })
    expect(ran).toBe(0)
  })

  test("somebody's failure of 5 MB fails the activity at once, not at its timeout", async () => {
    const huge = async () => {
      throw ApplicationFailure.nonRetryable('m'.repeat(5_000_000), 'Mine')
    }
    await using worker = await harness.startWorker({
      work: () => runInActivity(huge, () => ({ stopReason: 'answered', rounds: 0 })),
    })
    const error = await activityError(await harness.start(worker, 'work', { heartbeatTimeout }))
    expect(error).toMatchObject({ type: 'Mine', nonRetryable: true })
    expect(error.message.length).toBeLessThan(5_000)
  })

  test.each<readonly [string, unknown]>([
    ['of another activity', { cursor: 3 }],
    ['a text', '{"checkpoint":1}'],
    [
      'cut off',
      { progress: {}, checkpoint: { encoding: 'gzip+base64', data: packCheckpoint({ version: 1 }).data.slice(0, 9) } },
    ],
    ['of an older version', { progress: {}, checkpoint: packCheckpoint({ version: 0, rounds: 3 }) }],
    ['damaged inside', { progress: {}, checkpoint: packCheckpoint({ ...empty(), messages: [null] }) }],
    [
      'with a result of nothing',
      {
        progress: {},
        checkpoint: packCheckpoint({ ...empty(), messages: [{ role: 'tool', json: '{}' }], results: [null] }),
      },
    ],
  ])('heartbeat details %s mean a clean start, with a line in the log', async (_, details) => {
    const model = scriptedModel([says('done')])
    const run = loopActivity(() => ({ model, prompt: 'x' }))
    const activities = {
      work: async () => {
        if (Context.current().info.attempt > 1) return run(undefined)
        Context.current().heartbeat(details)
        throw ApplicationFailure.create({ message: 'first', nextRetryDelay: 1 })
      },
    }
    const before = warnings().length
    await using worker = await harness.startWorker(activities)
    const handle = await harness.start(worker, 'work', { heartbeatTimeout })
    expect(await handle.result()).toMatchObject({ stopReason: 'answered', answer: 'done', rounds: 1 })
    expect(warnings().slice(before)).toContainEqual(expect.stringMatching(/starts afresh.*"reason":".+"/))
  })

  test('a failure before the run begins does not lose the checkpoint', async () => {
    const getCity = defineTool({
      name: 'get_city',
      description: 'A city.',
      inputSchema: { type: 'object', properties: {} },
      annotations: { readOnlyHint: true, idempotentHint: true },
      execute: () => ({ city: 'Oslo' }),
    })
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
    expect(await handle.result()).toMatchObject({ stopReason: 'answered', answer: 'Oslo', rounds: 2 })
    expect(model.requests).toHaveLength(3)
  })

  test('blocked for longer than the heartbeat timeout, the attempt is given up, and the next one goes on', async () => {
    let blocked = 0
    const block = defineTool({
      name: 'block',
      description: 'Blocks the process.',
      inputSchema: { type: 'object', properties: {} },
      annotations: { readOnlyHint: true, idempotentHint: true },
      execute: () => {
        // The first time only.
        const until = Date.now() + (blocked++ === 0 ? 3_000 : 0)
        while (Date.now() < until);
        return { ok: true }
      },
    })
    let askedFirst = 0
    // Attempts overlap here, so the model goes by the conversation.
    const model = scriptedModel(
      Array.from({ length: 20 }, () => ({ messages }: ScriptedRequest) => {
        if (messages.some(({ role }) => role === 'tool')) return says('done')
        askedFirst++
        return calls('block', {})
      }),
    )
    await using worker = await harness.startWorker(work({ model, tools: [block], prompt: 'x' }))
    const handle = await harness.start(worker, 'work', { heartbeatTimeout: '1s', retry: { initialInterval: 10 } })
    expect(await handle.result()).toMatchObject({ stopReason: 'answered', answer: 'done', rounds: 2 })
    // The reply was on its way to the server before the tool blocked everything.
    expect(askedFirst).toBe(1)
    expect(blocked).toBeGreaterThan(1)
  })

  test('hands in what it has before start-to-close is over', async () => {
    const getCity = defineTool({
      name: 'get_city',
      description: 'A city.',
      inputSchema: { type: 'object', properties: {} },
      execute: () => ({ city: 'Oslo' }),
    })
    const model = scriptedModel([calls('get_city', {}), ({ signal }) => untilAborted(signal)])
    await using worker = await harness.startWorker(work({ model, tools: [getCity], prompt: 'x' }))
    const handle = await harness.start(worker, 'work', { heartbeatTimeout, startToCloseTimeout: '4s' })
    const run = await handle.result()
    expect(run).toMatchObject({ stopReason: 'deadline', rounds: 1, trace: { error: expect.anything() } })
    expect(JSON.stringify(run)).toContain('get_city')
    expect(model.requests).toHaveLength(2)
  })

  test('waits as long as a rate limit asks for, and asks once more', async () => {
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
    expect(await handle.result()).toMatchObject({ stopReason: 'answered', answer: 'Warm.' })
    expect(askedAt).toHaveLength(2)
    expect((askedAt[1] ?? 0) - (askedAt[0] ?? 0)).toBeGreaterThanOrEqual(1_990)
  })

  test('no heartbeat, result or failure holds the token', async () => {
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

function counting(): Model {
  return scriptedModel([says('x')])
}

/** A checkpoint of today's version, of a run in which nothing happened. */
function empty() {
  return {
    version: checkpointVersion,
    run_id: 'r',
    rounds: 0,
    messages: [],
    pending: [],
    results: [],
    usage: { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 },
    last_tokens: 0,
    fastest_ms: 0,
    slowest_ms: 0,
    elapsed_ms: 0,
    closing: null,
    announced: false,
    unjudged: null,
    stop: null,
    partial: null,
    answer: null,
    entries: [],
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}
