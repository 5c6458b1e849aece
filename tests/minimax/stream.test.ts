import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ReplyDraft, startMockServer } from '../../lib/testing/index.ts'
import { wireUsage as usage } from '../support/factories.ts'
import { chunk, done, events, readStream, stop, streamServer } from './support/event-stream.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

const counted = { inputTokens: 10, outputTokens: 2, cachedInputTokens: 0, reasoningTokens: 0 }

test.each(['/v1/chat/completions', '/v1/text/chatcompletion_v2'])(
  'a stream from %s gives the same reply as a whole answer',
  async (path) => {
    let draft: ReplyDraft = {}
    await using mockServer = await startMockServer({ responder: () => draft, record: false })
    const [streamed, whole] = [true, false].map((stream) => clientOf(`${mockServer.url}${path}`, { stream }))
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constantFrom('', 'x'.repeat(500), '\n\n'))
    const drafts = fc.record(
      {
        content: text,
        reasoning: text,
        finishReason: fc.constantFrom('stop' as const, 'length' as const, 'content_filter' as const),
        toolCalls: fc.array(
          fc.record({ name: fc.constantFrom('look', 'wait'), input: fc.dictionary(fc.string(), fc.json()) }),
          { maxLength: 3 },
        ),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(drafts, async (next) => {
        draft = next
        expect(await streamed?.complete(modelRequest())).toEqual(await whole?.complete(modelRequest()))
      }),
      { numRuns: 60 },
    )
    await Promise.all([streamed?.close(), whole?.close()])
  },
)

test('usage is asked for with a stream', async () => {
  await using server = await streamServer((response) => response.end(events(chunk({ content: 'x' }, stop))))
  await clientOf(server.url, { stream: true }).complete(modelRequest())
  expect(JSON.parse(server.bodies[0] ?? '')).toMatchObject({ stream: true, stream_options: { include_usage: true } })
})

test('visible text is streamed before the reply is complete, and thinking is not', async () => {
  let goOn: (() => void) | undefined
  const texts: string[] = []
  await using server = await streamServer((response) => {
    response.write(events(chunk({ content: '<thi' }), chunk({ content: 'nk>Hm.</th' }), chunk({ content: 'ink>Wa' })))
    goOn = () => response.end(events(chunk({ content: 'rm <' }), chunk({ content: ' 5.' }, stop), done))
  })
  const onText = (text: string) => {
    texts.push(text)
    // The server continues only after the listener was called.
    goOn?.()
    goOn = undefined
    throw new Error('a listener that throws')
  }
  const reply = await clientOf(server.url, { stream: true }).complete(modelRequest({ onText }))
  expect(texts).toEqual(['Wa', 'rm', ' < 5.'])
  expect(reply.message.content).toBe('<think>Hm.</think>Warm < 5.')
})

test('leaked tool markup is not shown as text', async () => {
  const texts: string[] = []
  const frames = ['Let me look.\n<minimax:', 'tool_call>\n<invoke name="look">'].map((content) => chunk({ content }))
  await readStream([...frames, chunk({}, stop), done], { onText: (text) => texts.push(text) })
  expect(texts.join('')).toBe('Let me look.')
})

test.each([
  [true, ['Warm.']],
  [false, []],
])(
  'a stream that arrives in one piece is shown once, and a whole reply not at all (stream %s)',
  async (stream, shown) => {
    const texts: string[] = []
    await using server = await startLocalServer((_request, response) => {
      const message = { role: 'assistant', content: '<think>\nHm.\n</think>\nWarm.' }
      replyJson(response, 200, { ...completion, choices: [{ finish_reason: 'stop', message }] })
    })
    const onText = (text: string) => texts.push(text)
    await clientOf(server.url, { stream }).complete(modelRequest({ onText }))
    expect(texts.map((text) => text.trim())).toEqual(shown)
  },
)

test.each([
  ['a role that is empty', [chunk({ role: '', content: 'Warm.', reasoning_content: '' }, stop, { usage }), done]],
  ['no [DONE]', [chunk({ content: 'Warm.' }, stop, { usage })]],
  ['no empty line after the last event', [chunk({ content: 'Warm.' }, stop), `data: ${JSON.stringify({ usage })}`]],
  ['usage placeholders', [chunk({ content: 'Warm.' }, stop, { usage }), chunk({}, {}, { usage: { total_tokens: 0 } })]],
  [
    'usage in a chunk without choices',
    [chunk({ content: 'Warm.' }, stop), chunk({}, {}, { choices: [], usage }), done],
  ],
  ['two closing chunks', [chunk({ content: 'Warm.' }, stop), chunk({ content: '' }, stop, { usage }), done]],
  [
    'a finish reason that is null before the end',
    [chunk({ content: 'Warm.' }, { finish_reason: null }), chunk({}, stop, { usage })],
  ],
  ['no finish reason but [DONE]', [chunk({ content: 'Warm.' }, {}, { usage }), done]],
  [
    'the whole completion as last frame',
    [chunk({ content: 'Wa' }), chunk({ content: 'rm.' }), { ...completion, object: 'chat.completion' }, done],
  ],
  ['only the whole completion', [completion]],
  [
    'deltas that repeat all before',
    ['W', 'War', 'Warm.', 'Warm.'].map((content) => chunk({ content }, {}, { usage })).concat(chunk({}, stop)),
  ],
  [
    'comments and other fields',
    [': ping\n\n', 'retry: 10\n\n', 'event: message\nid: 7\n', chunk({ content: 'Warm.' }, stop, { usage })],
  ],
  ['carriage returns', [`data: ${JSON.stringify(chunk({ content: 'Warm.' }, stop, { usage }))}\r\n\r\n`]],
  [
    'two events without an empty line between',
    [`data: ${JSON.stringify(chunk({ content: 'Wa' }))}\n`, chunk({ content: 'rm.' }, stop, { usage }), done],
  ],
  ['a JSON body', [JSON.stringify(completion)]],
  ['a JSON body after blanks', [`\n  ${JSON.stringify(completion)}`]],
])('a stream with %s is read', async (_name, frames) => {
  const { message, finishReason, usage: read } = await readStream(frames)
  expect({ content: message.content, read }).toEqual({ content: 'Warm.', read: counted })
  expect(['stop', 'other']).toContain(finishReason)
})

test('a stream that arrives byte by byte is read, characters of several bytes included', async () => {
  const text = 'größer 🌍'
  const bytes = Buffer.from(events(chunk({ content: text }, stop), done))
  await using server = await streamServer(async (response) => {
    for (const byte of bytes) {
      response.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    response.end()
  })
  expect((await clientOf(server.url, { stream: true }).complete(modelRequest())).message.content).toBe(text)
})

test('increments with the same beginning are not repetitions', async () => {
  for (const pieces of [
    ['ha', 'ha'],
    ['1', '10'],
    ['\n', '\n\n', 'x'],
    ['-', '--', '-'],
    ['go ', 'go ', 'go '],
  ]) {
    const frames = pieces.map((content) => chunk({ content }))
    expect((await readStream([...frames, chunk({}, stop)])).message.content).toBe(pieces.join(''))
  }
})

test('thinking may arrive as text or as details, incremental or cumulative', async () => {
  const detail = (text: string) => ({ type: 'reasoning.text', id: 'reasoning-text-1', index: 0, text })
  const thoughts = ['Let me', 'Let me think.']
  const frames = thoughts.map((text) => chunk({ reasoning_content: text, reasoning_details: [detail(text)] }))
  const { message } = await readStream([...frames, chunk({ content: 'Warm.' }, stop), done])
  expect(message).toEqual({
    role: 'assistant',
    content: 'Warm.',
    reasoning_content: 'Let me think.',
    reasoning_details: [detail('Let me think.')],
  })
})

test('a JSON body of many chunks is read whole although a stream was asked for', async () => {
  const content = 'größer '.repeat(100_000)
  await using server = await startLocalServer((_request, response) => {
    const message = { role: 'assistant', content }
    replyJson(response, 200, { ...completion, choices: [{ finish_reason: 'stop', message }] })
  })
  expect((await clientOf(server.url, { stream: true }).complete(modelRequest())).message.content).toBe(content)
})

test('a stream is read although a whole answer was asked for', async () => {
  expect(await readStream([chunk({ content: 'Warm.' }, stop, { usage }), done], { stream: false })).toMatchObject({
    message: { content: 'Warm.' },
    usage: counted,
  })
})
