import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Client, Connection, type WorkflowHandle } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { WaitingActivityCall } from '../../lib/temporal/index.ts'
import { type MockServer, type ReplyDraft, startMockServer } from '../../lib/testing/index.ts'
import { writeExamples } from '../support/readme-examples.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'
import { ExampleWorker, replaceIn, writeWorker } from './support/example-worker.ts'
import { Shop } from './support/shop.ts'

const source = await temporalForTests()
const refund = { name: 'refund', input: { order: 4711, euros: 40 } }
const closeAccount = { name: 'close_account', input: { customer: 'Ada' } }

describe.skipIf(source === undefined)('the example of README that waits for a person', () => {
  let server: TemporalServer
  let connection: Connection
  let client: Client
  let examples: Awaited<ReturnType<typeof writeExamples>>
  beforeAll(async () => {
    server = await openTemporal(source)
    connection = await Connection.connect({ address: server.address })
    client = new Client({ connection, namespace: server.namespace })
    examples = await writeExamples('complaint')
    await writeWorker(examples.folder, 'complaint-worker.ts', {
      workflows: 'complaint-workflow.ts',
      imports: "import { activities } from './complaint-activities.ts'",
      activities: 'activities',
    })
    // A killed worker is noticed soon.
    const workflow = join(examples.folder, 'complaint-workflow.ts')
    await replaceIn(workflow, "heartbeatTimeout: '20s'", "heartbeatTimeout: '6s'")
    await replaceIn(workflow, "startToCloseTimeout: '1m'", "startToCloseTimeout: '5s'")
  })
  afterAll(async () => {
    await examples?.remove()
    await connection?.close()
    await server?.[Symbol.asyncDispose]()
  })

  test('an approved refund is paid once, although the worker is killed while the run waits', async () => {
    await using site = await openSite([refund])
    const first = await site.startWorker()
    const { handle } = await site.complain('My parcel is broken.')
    const [call] = await waiting(handle)
    expect(call).toMatchObject({ tool: 'refund', input: refund.input, reason: 'no_execute' })
    await first.kill()
    expect(await openActivities(handle)).toEqual([])
    // The decision arrives while no worker is there.
    await handle.signal('decide', call?.call_id, 'approve')
    await site.startWorker()
    expect(await handle.result()).toBe('ok: {"done":"refund"}')
    expect(site.shop.requests).toEqual([{ action: 'refund', key: call?.call_id, input: refund.input }])
    // No reply is paid for twice.
    expect(site.model.requests).toHaveLength(2)
  })

  test('while a run waits, the only slot of its worker is free for another run', async () => {
    await using site = await openSite([refund])
    await site.startWorker()
    const { handle } = await site.complain('My parcel is broken.')
    const [call] = await waiting(handle)
    expect(await openActivities(handle)).toEqual([])
    const other = await site.complain('Nothing, thank you.')
    expect(await other.handle.result()).toBe('Good bye.')
    await handle.signal('decide', call?.call_id, 'approve')
    expect(await handle.result()).toBe('ok: {"done":"refund"}')
  })

  test('a denied call is not executed, and the model gets the reason', async () => {
    await using site = await openSite([refund, closeAccount])
    await site.startWorker()
    const { handle } = await site.complain('Close my account!')
    const [first, second] = await waiting(handle)
    await handle.signal('decide', second?.call_id, { deny: 'Ada still owes us 40 euros.' })
    await handle.signal('decide', first?.call_id, { deny: 'The parcel was not broken.' })
    const result = await handle.result()
    expect(result).toContain('The parcel was not broken.')
    expect(result).toContain('Ada still owes us 40 euros.')
    expect(site.shop.requests).toEqual([])
    expect(site.model.requests).toHaveLength(2)
  })

  test('an approved call in the loop runs once, although its attempt is killed and gets the decision again', async () => {
    await using site = await openSite([closeAccount])
    const first = await site.startWorker()
    const { handle } = await site.complain('Close my account!')
    const [call] = await waiting(handle)
    expect(call).toMatchObject({ tool: 'close_account', reason: 'approve' })
    site.shop.isSilent = true
    await handle.signal('decide', call?.call_id, 'approve')
    await site.shop.untilRequests(1)
    await first.kill()
    await site.startWorker()
    expect(await handle.result()).toContain('unknown')
    expect(site.shop.requests).toEqual([{ action: 'close-account', key: call?.call_id, input: closeAccount.input }])
  })

  test('an approved call whose result was stored is not run again by the next attempt', async () => {
    await using site = await openSite([closeAccount])
    const first = await site.startWorker()
    const { handle } = await site.complain('Close my account!')
    const [call] = await waiting(handle)
    site.hold()
    await handle.signal('decide', call?.call_id, 'approve')
    await site.untilHeld()
    await untilStored(handle)
    await first.kill()
    site.release()
    await site.startWorker()
    expect(await handle.result()).toBe('ok: {"done":"close-account"}')
    expect(site.shop.requests).toHaveLength(1)
  })

  test('a payment that is repeated after a crash has the same key, so the shop pays once', async () => {
    await using site = await openSite([refund])
    const first = await site.startWorker()
    const { handle } = await site.complain('My parcel is broken.')
    const [call] = await waiting(handle)
    site.shop.isSilent = true
    await handle.signal('decide', call?.call_id, 'approve')
    await site.shop.untilRequests(1)
    await first.kill()
    site.shop.isSilent = false
    await site.startWorker()
    expect(await handle.result()).toBe('ok: {"done":"refund"}')
    expect(site.shop.requests.length).toBeGreaterThan(1)
    expect([...site.shop.effects.keys()]).toEqual([call?.call_id])
  })

  test.each(['while it waits', 'while the model works'])(
    'a workflow that is cancelled %s ends as CANCELLED',
    async (when) => {
      await using site = await openSite([refund])
      await site.startWorker()
      if (when === 'while the model works') site.hold()
      const { handle } = await site.complain('My parcel is broken.')
      await (when === 'while it waits' ? waiting(handle) : site.untilHeld())
      await handle.cancel()
      await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } })
      expect((await handle.describe()).status.name).toBe('CANCELLED')
      expect(site.shop.requests).toEqual([])
    },
  )

  /** A shop, and a model that asks for these calls once and then repeats their results. */
  async function openSite(calls: NonNullable<ReplyDraft['toolCalls']>) {
    const shop = await Shop.open()
    const gate = { held: false, isClosed: false, open: () => {} }
    const model: MockServer = await startMockServer({
      responder: async ({ messages, signal }) => {
        if (gate.isClosed) {
          gate.held = true
          await new Promise<void>((resolve) => {
            gate.open = resolve
            signal.addEventListener('abort', () => resolve(), { once: true })
          })
        }
        const results = messages.filter(({ role }) => role === 'tool').map(({ content }) => content)
        if (results.length > 0) return { content: `ok: ${results.join(' ')}` }
        if (JSON.stringify(messages).includes('Nothing')) return { content: 'Good bye.' }
        return { toolCalls: [...calls] }
      },
    })
    const taskQueue = `complaints-${randomUUID()}`
    const workers: ExampleWorker[] = []
    const env = {
      TEMPORAL_ADDRESS: server.address,
      TASK_QUEUE: taskQueue,
      SHOP_URL: shop.url,
      MINIMAX_CHAT_COMPLETIONS_URL: model.url,
      ANTHROPIC_AUTH_TOKEN: 'test-token',
    }
    return {
      shop,
      model,
      async startWorker(): Promise<ExampleWorker> {
        const worker = new ExampleWorker(examples.folder, 'complaint-worker.ts', env)
        workers.push(worker)
        await worker.ready
        return worker
      },
      async complain(complaint: string) {
        const workflowId = `complaint-${randomUUID()}`
        return {
          handle: await client.workflow.start('complaintWorkflow', { taskQueue, workflowId, args: [complaint] }),
        }
      },
      /** From now on, the model waits before it replies. */
      hold() {
        gate.isClosed = true
      },
      untilHeld: () => vi.waitFor(() => expect(gate.held).toBe(true), { timeout: 20_000 }),
      release() {
        gate.isClosed = false
        gate.open()
      },
      async [Symbol.asyncDispose]() {
        gate.open()
        await Promise.all(workers.map((worker) => worker.kill()))
        await model[Symbol.asyncDispose]()
        await shop[Symbol.asyncDispose]()
      },
    }
  }
})

/** The calls that the workflow waits for, when there are some. */
function waiting(handle: WorkflowHandle): Promise<readonly WaitingActivityCall[]> {
  return vi.waitFor(
    async () => {
      const calls = await handle.query<readonly WaitingActivityCall[]>('waiting')
      expect(calls.length).toBeGreaterThan(0)
      return calls
    },
    { timeout: 30_000, interval: 100 },
  )
}

async function openActivities(handle: WorkflowHandle): Promise<readonly unknown[]> {
  return (await handle.describe()).raw.pendingActivities ?? []
}

/** Waits until the server has the result of a call in the heartbeat of the activity. */
async function untilStored(handle: WorkflowHandle): Promise<void> {
  await vi.waitFor(
    async () => {
      const [activity] = (await handle.describe()).raw.pendingActivities ?? []
      const payload = activity?.heartbeatDetails?.payloads?.[0]
      const details: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : undefined
      expect(details).toMatchObject({ progress: { tool_calls: 1 }, checkpoint: { has_side_effects: true } })
    },
    { timeout: 20_000, interval: 100 },
  )
}
