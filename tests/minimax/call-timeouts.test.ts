import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { faults, faultTable, startMockServer } from '../../lib/testing/index.ts'
import { defineTool } from '../../router/define-tool.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { manualClock } from './support/manual-clock.ts'
import { clientOf, modelRequest } from './support/request.ts'

const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'Warm' } }] })}\n\n`
const last = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: '.' }, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`

/** Sends parts of a stream with a wait after each. */
async function drip(response: ServerResponse, parts: readonly string[], waitMs: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const part of parts) {
    if (response.destroyed) return
    response.write(part)
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
  response.end()
}

test.each([
  ['before the headers', false, { callTimeoutMs: 500 }, () => {}],
  ['before the headers of a stream', true, { idleTimeoutMs: 500 }, () => {}],
  [
    'in the body',
    false,
    { callTimeoutMs: 500 },
    (response: ServerResponse) => response.writeHead(200, { 'content-length': '1000' }).write('{"id":'),
  ],
  ['in a stream', true, { idleTimeoutMs: 500 }, (response: ServerResponse) => response.writeHead(200).write(event)],
] as const)('a connection that is silent %s costs one retry, not the call', async (_name, stream, timeouts, stall) => {
  await using server = await startLocalServer((_request, response, number) =>
    number === 0 ? stall(response) : replyJson(response, 200, completion),
  )
  const retried: unknown[] = []
  const model = clientOf(server.url, { stream, retries: 1, ...timeouts }, { clock: manualClock() })
  const reply = await model.complete(modelRequest({ onRetry: ({ code }) => retried.push(code) }))
  expect(reply).toMatchObject({ message: { content: 'Warm.' } })
  expect(retried).toEqual(['timeout'])
})

test.each([
  ['callTimeoutMs', false, { callTimeoutMs: 40 }, 'MiniMax did not answer within 40 ms (callTimeoutMs).'],
  ['idleTimeoutMs', true, { idleTimeoutMs: 40 }, 'MiniMax sent nothing for 40 ms (idleTimeoutMs).'],
  ['idleTimeoutMs without a stream', false, { idleTimeoutMs: 40 }, 'MiniMax sent nothing for 40 ms (idleTimeoutMs).'],
])('the error after %s names the option', async (_name, stream, timeouts, message) => {
  await using server = await startLocalServer(() => {})
  const outcome = clientOf(server.url, { stream, ...timeouts }).complete(modelRequest())
  await expect(outcome).rejects.toMatchObject({ code: 'timeout', retryable: true, message })
})

test('a stream may take longer than idleTimeoutMs as long as bytes arrive', async () => {
  const parts = [event, ': comment\n\n', event.slice(0, 20), event.slice(20), event, last]
  await using server = await startLocalServer((_request, response) => drip(response, parts, 250))
  const model = clientOf(server.url, { stream: true, idleTimeoutMs: 1000 })
  expect(await model.complete(modelRequest())).toMatchObject({ message: { content: 'WarmWarmWarm.' } })
})

test('callTimeoutMs ends a stream that never ends', async () => {
  const parts = Array.from({ length: 1000 }, () => event)
  await using server = await startLocalServer((_request, response) => drip(response, parts, 10))
  const model = clientOf(server.url, { stream: true, callTimeoutMs: 100 })
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ code: 'timeout' })
})

const look = defineTool({
  name: 'look',
  description: 'Looks at the thermometer.',
  inputSchema: { type: 'object', properties: {} },
  execute: () => 4,
})

/** The outcome of a run in which the server is silent during the first `silent` calls. */
async function runWithSilence(
  silent: number,
  deadlineMs: number,
  options: object,
  callsTool = false,
  fault = 'stall-before-headers',
) {
  const stall = faultTable.find(({ name }) => name === fault)
  if (stall === undefined) throw new Error('There is no fault with this name.')
  const server = await startMockServer({
    responder: ({ messages }) =>
      callsTool && messages.every(({ role }) => role !== 'tool')
        ? { toolCalls: [{ name: 'look', input: {} }] }
        : { content: 'Warm.' },
    faults: Array.from({ length: silent }, (_, index) => faults.at(index + 1, stall)),
  })
  const model = clientOf(server.url, options, { firstWaitMs: 1 })
  try {
    return await runLoop({ model, tools: [look], prompt: 'How warm is it in Oslo?', limits: { deadlineMs } })
  } finally {
    await model.close()
    await server.close()
  }
}

test.each([
  ['one silent call is answered', 1, 5000, { retries: 2, callTimeoutMs: 100 }, 'answered', undefined],
  ['more silent calls than retries fails', 2, 5000, { retries: 1, callTimeoutMs: 100 }, 'failed', 'timeout'],
  ['a silent call at its deadline ends there', 1, 200, { retries: 2, callTimeoutMs: 5000 }, 'deadline', 'timeout'],
])('a run with %s', async (_name, silent, deadlineMs, options, stopReason, code) => {
  const run = await runWithSilence(silent, deadlineMs, options)
  expect({ stopReason: run.stopReason, code: run.stopReason === 'answered' ? undefined : run.error?.code }).toEqual({
    stopReason,
    code,
  })
})

test('the time of a silent call does not make the loop turn tools off', async () => {
  const run = await runWithSilence(1, 3000, { retries: 1, callTimeoutMs: 1100 }, true)
  expect(run).toMatchObject({ stopReason: 'answered', rounds: 2, results: [{ name: 'look' }] })
  expect(run.limit).toBeUndefined()
})

test.each([false, true])(
  'with the default timeouts, one silent call does not use up a short deadline (stream: %s)',
  async (stream) => {
    const run = await runWithSilence(1, 2000, { stream, retries: 2 }, true)
    expect(run).toMatchObject({ stopReason: 'answered', rounds: 2, results: [{ name: 'look' }] })
  },
)

test('with the default timeouts, a reply that trickles in without end does not use up a short deadline', async () => {
  const run = await runWithSilence(1, 2000, { stream: true, retries: 2 }, true, 'endless-drip')
  expect(run).toMatchObject({ stopReason: 'answered', rounds: 2, results: [{ name: 'look' }] })
})

test.each([false, true])(
  'a run in which every call is silent ends as failed before its deadline (stream: %s)',
  async (stream) => {
    const run = await runWithSilence(10, 600, { stream, retries: 2 })
    expect(run).toMatchObject({ stopReason: 'failed', error: { code: 'timeout', retryable: true } })
  },
)

test('an explicit timeout is not shortened', async () => {
  const run = await runWithSilence(1, 300, { retries: 2, callTimeoutMs: 5000 })
  expect(run.stopReason).toBe('deadline')
})

test.each([
  [undefined, 'within 100 ms'],
  [40, 'within 100 ms'],
  [80, 'within 160 ms'],
  [500, 'within 200 ms'],
])('after a slowest reply of %s ms, a request with 200 ms left ends %s', async (slowestReplyMs, expected) => {
  await using server = await startLocalServer(() => {})
  const model = clientOf(server.url, {}, { clock: manualClock() })
  const outcome = model.complete(modelRequest({ timeoutMs: 200, slowestReplyMs }))
  await expect(outcome).rejects.toMatchObject({ code: 'timeout', message: expect.stringContaining(expected) })
  await model.close()
})
