import { setTimeout as setTimer } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { type McpToolsError, type McpWarning, mcpTools } from '../../lib/mcp/index.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'
import { callTool, outcomeOf } from './support/call-tool.ts'
import { connectRaw, RpcError, remoteTool } from './support/raw-server.ts'

const never = new Promise<never>(() => {})
const text = (value: string) => ({ content: [{ type: 'text', text: value }] })

test('names for the model have allowed characters, a prefix, and stay unique', async () => {
  const long = 'x'.repeat(80)
  const names = ['search', 'files.read', 'files/read', 'files_read', 'größe', long, `${long}y`]
  const { client } = await connectRaw({
    tools: names.map((name) => remoteTool(name)),
    call: ({ name }) => text(String(name)),
  })
  const tools = await mcpTools(client, { prefix: 'fs_' })
  const assigned = tools.map(({ name }) => name)
  expect(assigned).toEqual([
    'fs_search',
    expect.stringMatching(/^fs_files_read_[0-9a-f]{8}$/),
    expect.stringMatching(/^fs_files_read_[0-9a-f]{8}$/),
    'fs_files_read',
    'fs_gr__e',
    expect.stringMatching(/^fs_x{52}_[0-9a-f]{8}$/),
    expect.stringMatching(/^fs_x{52}_[0-9a-f]{8}$/),
  ])
  expect(new Set(assigned).size).toBe(names.length)
  for (const [index, name] of assigned.entries()) expect(outcomeOf(await callTool(tools, name, {}))).toBe(names[index])
})

test('the order of the list does not change the names', async () => {
  const named = async (names: readonly string[]) => {
    const { client } = await connectRaw({ tools: names.map((name) => remoteTool(name, { description: name })) })
    return new Map((await mcpTools(client)).map(({ name, description }) => [description, name]))
  }
  const names = ['a.b', 'a/b', 'a_b', 'c.d']
  expect([...(await named(names))].sort()).toEqual([...(await named([...names].reverse()))].sort())
})

test('annotations count only for a server that the caller trusts', async () => {
  const annotations = { readOnlyHint: true, idempotentHint: true, destructiveHint: 'no', title: 'Reads' }
  const { client } = await connectRaw({ tools: [remoteTool('read', { annotations })] })
  expect((await mcpTools(client))[0]).toMatchObject({ annotations: {}, title: 'Reads' })
  const [trusted] = await mcpTools(client, { trustAnnotations: true })
  expect(trusted?.annotations).toEqual({ readOnlyHint: true, idempotentHint: true })
})

test('all pages of the list are read', async () => {
  const { client } = await connectRaw({
    tools: ({ cursor }) =>
      cursor === undefined
        ? { tools: [remoteTool('first')], nextCursor: 'two' }
        : { tools: [remoteTool('second')], nextCursor: '' },
  })
  expect((await mcpTools(client)).map(({ name }) => name)).toEqual(['first', 'second'])
})

test('each call carries its idempotency key', async () => {
  const { client, received } = await connectRaw({ tools: [remoteTool('add')] })
  const tools = await mcpTools(client)
  const model = scriptedModel([calls('add', {}), says('Done.')])
  const run = await runLoop({ model, tools, prompt: 'Add.', runId: 'run-1' })
  const call = received.find(({ method }) => method === 'tools/call')
  expect(call?.params).toEqual({
    name: 'add',
    arguments: {},
    _meta: { 'tenrounds/call_id': run.results[0]?.callId },
  })
})

test('a cancelled run and a timeout send notifications/cancelled', async () => {
  const { client, received } = await connectRaw({ tools: [remoteTool('wait')], call: () => never })
  const tools = await mcpTools(client, { timeoutMs: 30 })
  const controller = new AbortController()
  const cancelled = callTool(tools, 'wait', {}, { signal: controller.signal })
  controller.abort()
  expect(outcomeOf(await cancelled)).toMatchObject({ kind: 'cancelled' })
  expect(outcomeOf(await callTool(tools, 'wait', {}))).toEqual({
    kind: 'timeout',
    message: '"wait" did not finish within 30 ms.',
  })
  await vi.waitFor(() => {
    const ids = (name: string) => received.filter(({ method }) => method === name)
    expect(ids('notifications/cancelled').map(({ params }) => params?.['requestId'])).toEqual(
      ids('tools/call').map(({ id }) => id),
    )
  })
})

test('a call without progress ends after idleTimeoutMs, and progress extends it', async () => {
  const { client } = await connectRaw({
    tools: [remoteTool('silent'), remoteTool('busy')],
    call: async ({ name, _meta }, { send }) => {
      if (name === 'silent') return never
      const { progressToken } = Object(_meta)
      for (let progress = 1; progress <= 10; progress++) {
        await new Promise((resolve) => setTimeout(resolve, 40))
        await send({ method: 'notifications/progress', params: { progressToken, progress } })
      }
      return text('done')
    },
  })
  const tools = await mcpTools(client, { idleTimeoutMs: 300 })
  const [silent, busy] = await Promise.all([callTool(tools, 'silent', {}), callTool(tools, 'busy', {})])
  expect(outcomeOf(silent)).toEqual({
    kind: 'tool_failed',
    message:
      'The MCP server reported no progress of "silent" for 300 ms, so the call was cancelled. The call may have had its effect.',
  })
  expect(outcomeOf(busy)).toBe('done')
})

test('a listener of progress that throws does not fail the call, and its message is cleaned', async () => {
  const { client } = await connectRaw({
    tools: [remoteTool('work')],
    call: async ({ _meta }, { send }) => {
      const { progressToken } = Object(_meta)
      const message = `\u001b[2Jhalf\u202e${'x'.repeat(1000)}`
      await send({ method: 'notifications/progress', params: { progressToken, progress: 1, total: 2, message } })
      await new Promise(setImmediate)
      return text('done')
    },
  })
  const onProgress = vi.fn(() => {
    throw new Error('the listener failed')
  })
  const tools = await mcpTools(client, { onProgress })
  expect(outcomeOf(await callTool(tools, 'work', {}))).toBe('done')
  expect(onProgress).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ progress: 1, total: 2, message: expect.stringMatching(/^\[2Jhalf x+ …$/) }),
  )
})

test('errors of a tool and of the protocol are error results with the text of the server', async () => {
  const { client } = await connectRaw({
    tools: [remoteTool('fails'), remoteTool('vanished'), remoteTool('silent')],
    call: ({ name }) => {
      if (name === 'fails') return { isError: true, ...text('The disk is full.') }
      if (name === 'silent') return { isError: true, content: [] }
      throw new RpcError(-32602, 'Tool vanished not found')
    },
  })
  const tools = await mcpTools(client)
  const messages = await Promise.all(['fails', 'vanished', 'silent'].map((name) => callTool(tools, name, {})))
  expect(messages.map(outcomeOf)).toEqual([
    { kind: 'tool_failed', message: 'The disk is full.' },
    {
      kind: 'tool_failed',
      message: expect.stringMatching(
        /^The MCP server answered the call of "vanished" with an error: .*Tool vanished not found \(code -32602\)\.$/,
      ),
    },
    { kind: 'tool_failed', message: 'The tool of the MCP server failed without a message.' },
  ])
})

test.each([
  [{ resultType: 'input_required', inputRequests: {} }],
  [{ task: { taskId: 't', status: 'working' } }],
  [{ toolResult: 'paid' }],
])('the result %j of a server is not taken for an empty result', async (result) => {
  const { client } = await connectRaw({ tools: [remoteTool('pay')], call: () => result })
  const outcome = outcomeOf(await callTool(await mcpTools(client), 'pay', {}))
  expect(outcome).toEqual({
    kind: 'tool_failed',
    message: 'The MCP server answered the call of "pay" with something that is not a result of a tool.',
  })
})

test('a connection that closes during a call says that the call may have had its effect', async () => {
  const { client } = await connectRaw({ tools: [remoteTool('pay')], call: (_, { close }) => close().then(() => never) })
  const tools = await mcpTools(client)
  expect(outcomeOf(await callTool(tools, 'pay', {}))).toMatchObject({
    message: 'The connection to the MCP server was closed during the call of "pay". The call may have had its effect.',
  })
})

const networkError = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
const unknownSession = Object.assign(new Error('Session not found'), { code: 404 })

test.each([
  ['cannot be reached any more', undefined, 'ping', () => Promise.reject(networkError)],
  ['was started again', undefined, 'ping', () => Promise.reject(unknownSession)],
  ['of a newer revision cannot be reached', 'modern', 'server/discover', () => Promise.reject(networkError)],
])('a server that %s during a call ends the call before its timeout', async (_, era, probe, answer) => {
  const client = await waitingClient(era, probe, answer)
  const outcome = outcomeOf(await client.callFor(10_000))
  expect(outcome).toMatchObject({
    message: expect.stringMatching(
      /^The MCP server can no longer be reached, so the call of "wait" has no result\. The call may/,
    ),
  })
})

test.each([
  ['is slow', () => new Promise(() => {})],
  ['knows no ping', () => Promise.reject(new RpcError(-32601, 'Method not found'))],
  [
    'has a client that refuses to ping',
    () => {
      throw new Error('not supported')
    },
  ],
])('a server that %s during a call keeps the call until its timeout', async (_, answer) => {
  const client = await waitingClient(undefined, 'ping', answer)
  expect(outcomeOf(await client.callFor(60_000))).toMatchObject({ kind: 'timeout' })
})

test.each([
  ['ECONNREFUSED', /^"pay" was not called, because its MCP server cannot be reached: fetch failed \(cause: lost\)$/],
  [
    'ECONNRESET',
    /^The call of "pay" got no result: fetch failed\. The call may have had its effect\. \(cause: lost\)$/,
  ],
])('after %s the error says whether the call may have had its effect', async (code, message) => {
  const cause = Object.assign(new Error('lost'), { code })
  const tools = await mcpTools({
    ...{ transport: {}, getServerCapabilities: () => ({ tools: {} }) },
    request: ({ method }: { readonly method: string }) =>
      method === 'tools/list'
        ? Promise.resolve({ tools: [remoteTool('pay')] })
        : Promise.reject(new TypeError('fetch failed', { cause })),
  })
  expect(outcomeOf(await callTool(tools, 'pay', {}))).toMatchObject({ message: expect.stringMatching(message) })
})

/** A client whose tool never answers. Its probes get `answer`. */
async function waitingClient(era: string | undefined, probe: string, answer: () => Promise<unknown>) {
  const wait = (signal: AbortSignal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const client = {
    transport: {},
    getProtocolEra: () => era,
    getServerCapabilities: () => ({ tools: {} }),
    callTool: (_: unknown, { signal }: { readonly signal: AbortSignal }) => wait(signal),
    request: ({ method }: { readonly method: string }, _: unknown, { signal }: { readonly signal: AbortSignal }) => {
      if (method === 'tools/list') return Promise.resolve({ tools: [remoteTool('wait')] })
      return method === probe ? answer() : wait(signal)
    },
  }
  const tools = await mcpTools(client)
  return {
    callFor: async (ms: number) => {
      vi.useFakeTimers()
      try {
        const result = callTool(tools, 'wait', {})
        await vi.advanceTimersByTimeAsync(ms)
        return await result
      } finally {
        vi.useRealTimers()
      }
    },
  }
}

test('text that is JSON is parsed, so that later calls can refer to its parts', async () => {
  const texts = ['{"rows":[1,2]}', '[1]', '"quoted"', '{"id":9007199254740993}', '{broken']
  const { client } = await connectRaw({
    tools: texts.map((_, index) => remoteTool(`t${index}`)),
    call: ({ name }) => text(texts[Number(String(name).slice(1))] ?? ''),
  })
  const tools = await mcpTools(client)
  const results = await Promise.all(texts.map((_, index) => callTool(tools, `t${index}`, {})))
  expect(results.map(outcomeOf)).toEqual([{ rows: [1, 2] }, [1], '"quoted"', '{"id":9007199254740993}', '{broken'])
})

test('a call can refer to a part of an earlier result of a server', async () => {
  const rows = { type: 'array', items: { type: 'number' } }
  const { client, received } = await connectRaw({
    tools: [remoteTool('load'), remoteTool('sum', { inputSchema: { type: 'object', properties: { rows } } })],
    call: ({ name }) => text(name === 'load' ? '{"rows":[1,2,3]}' : '6'),
  })
  const model = scriptedModel([calls('load', {}), calls('sum', { rows: { $result: 'load#/rows' } }), says('6')])
  await runLoop({ model, tools: await mcpTools(client), prompt: 'Sum the rows.' })
  expect(received.at(-1)?.params?.['arguments']).toEqual({ rows: [1, 2, 3] })
})

test('binary content is described by its type and size', async () => {
  const data = Buffer.alloc(3000).toString('base64')
  const { client } = await connectRaw({
    tools: [remoteTool('media')],
    call: () => ({
      content: [
        { type: 'audio', data, mimeType: 'audio/wav' },
        { type: 'resource', resource: { uri: 'file:///a.bin', mimeType: 'application/zip', blob: data } },
        { type: 'resource', resource: { uri: 'file:///a.txt', text: 'hello' } },
        { type: 'resource_link', uri: 'file:///b.txt', name: 'b.txt', description: 'Notes' },
        { type: 'hologram', data },
      ],
    }),
  })
  expect(outcomeOf(await callTool(await mcpTools(client), 'media', {}))).toEqual([
    { type: 'audio', mime_type: 'audio/wav', bytes: 3000, data: 'left out' },
    { type: 'resource', uri: 'file:///a.bin', mime_type: 'application/zip', bytes: 3000, data: 'left out' },
    { type: 'resource', uri: 'file:///a.txt', text: 'hello' },
    { type: 'resource_link', uri: 'file:///b.txt', name: 'b.txt', description: 'Notes' },
    { type: 'unknown', name: 'hologram' },
  ])
})

test('a server without tools gives an empty list', async () => {
  const client = { transport: {}, getServerCapabilities: () => ({ prompts: {} }), request: () => Promise.reject() }
  expect(await mcpTools(client)).toEqual([])
})

test.each([
  [{ prefix: 'a.b' }, 'prefix is "a.b"; it must be 1 to 32 of the characters'],
  [{ prefix: '' }, 'prefix is ""'],
  [{ trustAnnotations: 'yes' }, 'trustAnnotations is "yes"; it must be true or false.'],
  [{ timeoutMs: 0 }, 'timeoutMs is 0; it must be a positive whole number.'],
  [{ idleTimeoutMs: 1.5 }, 'idleTimeoutMs is 1.5'],
  [{ maxTools: -1 }, 'maxTools is -1'],
  [{ maxResultBytes: '1' }, 'maxResultBytes is "1"'],
  [{ badTools: 'drop' }, "badTools is \"drop\"; it must be 'leave_out' or 'refuse'."],
  [{ onWarning: true }, 'onWarning is true; it must be a function.'],
  [{ onProgress: {} }, 'onProgress is {}; it must be a function.'],
  [{ signal: 'now' }, 'signal is "now"; it must be an AbortSignal.'],
  [{ trustAnotations: true }, 'trustAnotations is not an option of mcpTools. Did you mean "trustAnnotations"?'],
  [[], 'The options of mcpTools are []; they must be a plain object.'],
  [new Map([['maxTools', 1]]), 'The options of mcpTools are an object of the class Map; they must be a plain object.'],
])('the option %j is refused before any request', async (options, message) => {
  const { client, received } = await connectRaw({ tools: [] })
  const requests = received.length
  await expect(mcpTools(client, Object(options))).rejects.toMatchObject({
    code: 'invalid_option',
    message: expect.stringContaining(message),
  })
  expect(received.length).toBe(requests)
})

test('a client that is not one, or is not connected, is refused', async () => {
  await expect(mcpTools(Object('client'))).rejects.toThrow('it must be a Client of @modelcontextprotocol/client')
  const { client } = await connectRaw({ tools: [] })
  await client.close()
  await expect(mcpTools(client)).rejects.toThrow(
    'client is not connected; call `await client.connect(transport)` first.',
  )
})

test('a list that takes too long names the option for its time', async () => {
  const { client } = await connectRaw({ tools: () => never })
  await expect(mcpTools(client, { timeoutMs: 20 })).rejects.toMatchObject({
    code: 'mcp_list_failed',
    message: 'The list of tools of the MCP server was not read: it took longer than 20 ms (timeoutMs).',
  })
})

test('the signal ends reading the list', async () => {
  const { client } = await connectRaw({ tools: () => never })
  const controller = new AbortController()
  const tools = mcpTools(client, { signal: controller.signal })
  controller.abort()
  await expect(tools).rejects.toMatchObject({ code: 'mcp_list_failed' } satisfies Partial<McpToolsError>)
})

test('a very long timeout does not end a call at once', async () => {
  const { client } = await connectRaw({ tools: [remoteTool('work')], call: () => setTimer(20, text('done')) })
  const forever = Number.MAX_SAFE_INTEGER
  const tools = await mcpTools(client, { timeoutMs: forever, idleTimeoutMs: forever })
  expect(outcomeOf(await callTool(tools, 'work', {}))).toBe('done')
})

test('the list is a snapshot, and reading it again shows the new tools', async () => {
  const tools = [remoteTool('old')]
  const { client } = await connectRaw({ tools: () => ({ tools }) })
  const before = await mcpTools(client)
  tools.splice(0, 1, remoteTool('new'))
  expect(before.map(({ name }) => name)).toEqual(['old'])
  const warnings: McpWarning[] = []
  const after = await mcpTools(client, { onWarning: (warning) => warnings.push(warning) })
  expect(after.map(({ name }) => name)).toEqual(['new'])
  expect(warnings).toEqual([])
})
