import { randomUUID } from 'node:crypto'
import { Client, Connection } from '@temporalio/client'
import {
  type DataConverter,
  defaultPayloadConverter,
  type Payload,
  type PayloadCodec,
  type SerializationContext,
} from '@temporalio/common'
import { NativeConnection, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { takeoverWorkerOptions } from '../../lib/temporal/index.ts'
import { defineTool } from '../../router/define-tool.ts'
import { type ActivityHarness, activityHarness } from '../support/activity-harness.ts'
import { calls, fails, says, scriptedModel } from '../support/scripted-model.ts'
import { seededText } from '../support/seeded-text.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'
import { busy, work } from './support/one-run.ts'

const source = await temporalForTests()
/** Payloads that are larger go to the storage. */
const threshold = 50_000
/** Encoding of a payload that is a key of the storage. */
const reference = 'binary/stored-elsewhere'

let server: TemporalServer
let harness: ActivityHarness
let workerConnection: NativeConnection
let connection: Connection

describe.skipIf(source === undefined)('large checkpoints in a storage outside of Temporal, by a payload codec', () => {
  beforeAll(async () => {
    server = await openTemporal(source)
    harness = await activityHarness(server)
    workerConnection = await NativeConnection.connect({ address: server.address })
    connection = await Connection.connect({ address: server.address })
  })
  afterAll(async () => {
    await workerConnection?.close()
    await connection?.close()
    await harness?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
  })

  test('the heartbeat has a reference only, and the next attempt resumes from the stored checkpoint', async () => {
    const storage = memoryStorage()
    const { tool, executed } = loudTool()
    const model = scriptedModel([
      calls('shout', { length: 200_000 }),
      calls('shout', { length: 200_001 }),
      fails(busy(2_000)),
      says('done'),
    ])
    await using place = await startWorker(work({ model, tools: [tool], prompt: 'x' }), storage.dataConverter)
    const handle = await place.start()
    const details = await vi.waitFor(
      async () => {
        const [pending] = (await handle.describe()).raw.pendingActivities ?? []
        expect(pending?.attempt).toBe(2)
        return pending?.heartbeatDetails?.payloads?.[0]
      },
      { timeout: 30_000, interval: 20 },
    )
    expect(details?.data?.length).toBeLessThan(5_000)
    expect(await handle.result()).toMatchObject({ stop_reason: 'answered', answer: 'done', rounds: 3 })
    expect(executed()).toBe(2)
    expect(model.requests).toHaveLength(4)
    expect(model.requests[3]?.messages).toEqual(model.requests[2]?.messages)
    expect(storage.retrieved.some((payload) => textOf(payload).includes('gzip+base64'))).toBe(true)
  })

  test('while the storage fails, no tool with side effects starts, and the run continues after it', async () => {
    const storage = memoryStorage()
    const executedWhileAway: number[] = []
    const { tool, executed } = loudTool(() => void executedWhileAway.push(storage.failures))
    const model = scriptedModel([
      calls('shout', { length: 200_000 }),
      () => {
        // Each failed heartbeat is tried again after half a second, so this is over before the heartbeat timeout.
        storage.failures = 3
        return calls('shout', { length: 10 })
      },
      says('done'),
    ])
    await using place = await startWorker(work({ model, tools: [tool], prompt: 'x' }), storage.dataConverter)
    const handle = await place.start('20s')
    expect(await handle.result()).toMatchObject({ stop_reason: 'answered', answer: 'done', rounds: 3 })
    expect(executed()).toBe(2)
    expect(executedWhileAway).toEqual([0, 0])
    expect(storage.refused()).toBe(3)
    expect(model.requests).toHaveLength(3)
  })

  test('a heartbeat that the run sends itself is encoded for its workflow, as the SDK decodes it', async () => {
    let release = (): void => {}
    const released = new Promise<void>((resolve) => (release = resolve))
    const model = scriptedModel([calls('shout', { length: 10 }), () => released.then(() => says('done'))])
    const { tool } = loudTool()
    await using place = await startWorker(work({ model, tools: [tool], prompt: 'x' }), {
      payloadCodecs: [boundCodec()],
    })
    const handle = await place.start()
    const owner = await vi.waitFor(
      async () => {
        const [pending] = (await handle.describe()).raw.pendingActivities ?? []
        const [details] = pending?.heartbeatDetails?.payloads ?? []
        const owner = details?.metadata?.['owner']
        expect(owner).toBeDefined()
        return Buffer.from(owner ?? []).toString()
      },
      { timeout: 30_000, interval: 20 },
    )
    release()
    expect(owner).toBe(handle.workflowId)
    expect(await handle.result()).toMatchObject({ stop_reason: 'answered', answer: 'done' })
  })
})

/**
 * A storage as users have it in a bucket, and a codec that leaves a reference in place of each large payload. The storage
 * refuses as many payloads as `failures` says. The SDK's own `ExternalStorage` (1.24.0, experimental) is not used: npm installs
 * several copies of protobufjs, and then its first reference ends the worker with "type must be a Type".
 */
function memoryStorage() {
  const stored = new Map<string, Payload>()
  const retrieved: Payload[] = []
  let refused = 0
  const codec: PayloadCodec = {
    encode: async (payloads) =>
      payloads.map((payload) => {
        if ((payload.data?.length ?? 0) <= threshold) return payload
        if (state.failures > 0) {
          state.failures--
          refused++
          throw new Error('the storage is away')
        }
        const key = randomUUID()
        stored.set(key, payload)
        return { metadata: { encoding: Buffer.from(reference) }, data: Buffer.from(key) }
      }),
    decode: async (payloads) =>
      payloads.map((payload) => {
        if (Buffer.from(payload.metadata?.['encoding'] ?? []).toString() !== reference) return payload
        const found = stored.get(Buffer.from(payload.data ?? []).toString())
        if (found === undefined) throw new Error('not stored')
        retrieved.push(found)
        return found
      }),
  }
  const dataConverter: DataConverter = { payloadCodecs: [codec] }
  const state = { failures: 0, dataConverter, retrieved, refused: () => refused }
  return state
}

/** A codec, like one with a key per workflow, that refuses what was encoded for another workflow or for none. */
function boundCodec(): PayloadCodec {
  const owner = (context: SerializationContext | undefined) => context?.workflowId ?? 'nobody'
  return {
    encode: async (payloads, context) =>
      payloads.map((payload) => ({
        ...payload,
        metadata: { ...payload.metadata, owner: Buffer.from(owner(context)) },
      })),
    decode: async (payloads, context) =>
      payloads.map((payload) => {
        const encodedFor = Buffer.from(payload.metadata?.['owner'] ?? []).toString()
        if (encodedFor !== owner(context)) throw new Error(`encoded for ${encodedFor}, decoded for ${owner(context)}`)
        return payload
      }),
  }
}

/** A tool with side effects that returns the requested number of characters, which do not compress. */
function loudTool(onExecute = (): void => {}) {
  let count = 0
  const tool = defineTool({
    name: 'shout',
    description: 'Shouts.',
    inputSchema: { type: 'object', properties: { length: { type: 'integer' } }, required: ['length'] },
    annotations: { readOnlyHint: false, idempotentHint: false },
    execute: ({ length }) => {
      count++
      onExecute()
      return { said: seededText(length)(length) }
    },
  })
  return { tool, executed: () => count }
}

function textOf(payload: Payload): string {
  return JSON.stringify(defaultPayloadConverter.fromPayload(payload))
}

async function startWorker(activities: ReturnType<typeof work>, dataConverter: DataConverter) {
  const taskQueue = `external-${randomUUID()}`
  const { namespace } = server
  const { workflowBundle } = harness
  const worker = await Worker.create({
    connection: workerConnection,
    namespace,
    taskQueue,
    workflowBundle,
    activities,
    dataConverter,
    ...takeoverWorkerOptions,
  })
  const running = worker.run()
  const client = new Client({ connection, namespace, dataConverter })
  return {
    start: (heartbeatTimeout = '5s') =>
      client.workflow.start('oneActivityWorkflow', {
        args: [{ activity: 'work', options: { heartbeatTimeout, startToCloseTimeout: '1m' } }],
        taskQueue,
        workflowId: `external-${randomUUID()}`,
      }),
    async [Symbol.asyncDispose]() {
      worker.shutdown()
      await running
    },
  }
}
