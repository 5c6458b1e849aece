import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type MockServer, type ReplyDraft, startMockServer } from '../../lib/testing/index.ts'
import { hello, post } from './support/post.ts'

interface Chunk {
  readonly object: string
  readonly choices: readonly {
    readonly finish_reason?: string
    readonly delta: {
      readonly content?: string
      readonly reasoning_content?: string
      readonly tool_calls?: readonly {
        readonly index: number
        readonly id?: string
        readonly function: { readonly name?: string; readonly arguments: string }
      }[]
    }
  }[]
  readonly usage: object | null
}

const long: ReplyDraft = {
  content: 'Antwort: größer als ein Stück. '.repeat(20),
  reasoning: 'Hm. '.repeat(100),
  toolCalls: [
    { name: 'look', input: { places: Array.from({ length: 50 }, (_, index) => `place ${index} 🌍`) } },
    { name: 'wait', input: {} },
  ],
}

async function frames(mockServer: MockServer, body: object, path?: string): Promise<readonly string[]> {
  const { status, type, text } = await post(mockServer, { ...body, stream: true }, path === undefined ? {} : { path })
  expect({ status, type }).toEqual({ status: 200, type: 'text/event-stream; charset=utf-8' })
  const events = text.split('\n\n')
  expect(events.pop()).toBe('')
  return events.map((event) => {
    expect(event.startsWith('data: ')).toBe(true)
    return event.slice('data: '.length)
  })
}

/** Assembles a message from its chunks, as a client does. */
function assemble(chunks: readonly Chunk[]) {
  const calls: { id: string; name: string; text: string }[] = []
  let content = ''
  let reasoning = ''
  let finish: string | undefined
  for (const { delta, finish_reason } of chunks.flatMap(({ choices }) => choices)) {
    content += delta.content ?? ''
    reasoning += delta.reasoning_content ?? ''
    finish = finish_reason ?? finish
    for (const { index, id, function: part } of delta.tool_calls ?? []) {
      calls[index] ??= { id: id ?? '', name: part.name ?? '', text: '' }
      calls[index].text += part.arguments
    }
  }
  return { content, reasoning, finish, calls }
}

async function both(draft: ReplyDraft, extra: object) {
  await using mockServer = await startMockServer({ responder: () => draft })
  const body = { ...hello, ...extra, stream_options: { include_usage: true } }
  const whole = JSON.parse((await post(mockServer, body)).text)
  const { message, finish_reason } = whole.choices[0]
  const sent = await frames(mockServer, body)
  expect(sent.at(-1)).toBe('[DONE]')
  const chunks: Chunk[] = sent.slice(0, -1).map((frame) => JSON.parse(frame))
  return {
    whole: {
      content: message.content,
      reasoning: message.reasoning_content ?? '',
      finish: finish_reason,
      calls: (message.tool_calls ?? []).map((call: { id: string; function: { name: string; arguments: string } }) => ({
        id: call.id,
        name: call.function.name,
        text: call.function.arguments,
      })),
    },
    usage: whole.usage,
    chunks,
  }
}

test.each([false, true])('a stream holds the same reply as a whole answer (reasoning_split %s)', async (split) => {
  const { whole, usage, chunks } = await both(long, { reasoning_split: split })
  expect(assemble(chunks)).toEqual(whole)
  expect(chunks.length).toBeGreaterThan(10)
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage })
  expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true)
})

test('any text is the same after it was cut into chunks', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 600 }), fc.json(), async (content, json) => {
      const { whole, chunks } = await both({ content, toolCalls: [{ name: 'look', input: { json } }] }, {})
      expect(assemble(chunks)).toEqual(whole)
    }),
    { numRuns: 20 },
  )
})

test('only the closing chunk has a finish_reason key', async () => {
  const { chunks } = await both(long, {})
  const withReason = chunks.flatMap(({ choices }) => choices).filter((choice) => 'finish_reason' in choice)
  expect(withReason).toHaveLength(1)
})

test('on the native path the last frame is the whole completion with the usage', async () => {
  await using mockServer = await startMockServer({ responder: () => long })
  const path = '/v1/text/chatcompletion_v2'
  const whole = JSON.parse((await post(mockServer, hello, { path })).text)
  expect(JSON.parse((await frames(mockServer, hello, path)).at(-2) ?? '')).toEqual(whole)
})

test('with chunkDelayMs the chunks of a stream arrive one by one, and the stream is the same', async () => {
  await using plain = await startMockServer()
  await using slow = await startMockServer({ chunkDelayMs: 20 })
  const { text } = await post(plain, { ...hello, stream: true })
  const response = await fetch(`${slow.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ ...hello, stream: true }),
  })
  const decoder = new TextDecoder()
  const pieces: string[] = []
  for await (const piece of response.body ?? []) pieces.push(decoder.decode(piece, { stream: true }))
  expect(pieces.join('')).toBe(text)
  expect(pieces.length).toBeGreaterThan(1)
})
