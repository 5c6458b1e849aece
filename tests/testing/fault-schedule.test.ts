import { connect } from 'node:net'
import { request } from 'undici'
import { expect, test } from 'vitest'
import { type Fault, faults, faultTable, type ReplyDraft, startMockServer } from '../../lib/testing/index.ts'
import { hello, post } from './support/post.ts'

const drafts: readonly ReplyDraft[] = [
  { content: 'I look.', toolCalls: ['Größe', 'Oslo'].map((city) => ({ name: 'look', input: { city } })) },
  { content: '{"celsius":4}' },
]

/** The response as a plain client gets it, as one text. */
async function received(draft: ReplyDraft, stream: boolean, schedule: readonly Fault[]): Promise<string> {
  await using mockServer = await startMockServer({ responder: () => draft, faults: schedule, record: false })
  try {
    const response = await request(`${mockServer.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer test' },
      body: JSON.stringify({ ...hello, stream, reasoning_split: true, stream_options: { include_usage: true } }),
      signal: AbortSignal.timeout(250),
    })
    let chunks = 0
    let text = ''
    for await (const chunk of response.body.setEncoding('utf8')) {
      chunks++
      text += chunk
    }
    const { 'content-type': type, location, 'retry-after': wait } = response.headers
    return JSON.stringify([response.statusCode, type, location, wait, chunks > 5 && !stream, text])
  } catch (error) {
    return String(error)
  }
}

const sound = new Map<string, Promise<string>>()

test.each(faultTable.map((fault) => [fault.name, fault] as const))(
  '%s changes the response in every mode that it has',
  async (_name, fault) => {
    const modes = fault.mode === 'both' ? [false, true] : [fault.mode === 'stream']
    for (const stream of modes) {
      const changes = await Promise.all(
        drafts.map(async (draft, index) => {
          const key = `${index} ${stream}`
          if (!sound.has(key)) sound.set(key, received(draft, stream, []))
          return (await received(draft, stream, [fault])) !== (await sound.get(key))
        }),
      )
      // A slow stream has the same bytes in the same pieces. Only a whole reply shows the cuts.
      if (fault.name !== 'slow-drip' || !stream) expect(changes).toContain(true)
    }
  },
)

test('faults affect the chosen requests only, and the record names them', async () => {
  const schedule = [
    faults.at([1, 3], faults.errorReply('529')),
    faults.at(3, faults.slowDrip()),
    faults.from(5, faults.errorReply('502-page')),
  ]
  await using mockServer = await startMockServer({ faults: schedule })
  const statuses: number[] = []
  for (let count = 0; count < 6; count++) statuses.push((await post(mockServer, hello)).status)
  expect(statuses).toEqual([529, 200, 529, 200, 502, 502])
  expect(mockServer.requests.map(({ faults: names }) => names)).toEqual([
    ['529'],
    undefined,
    ['529', 'slow-drip'],
    undefined,
    ['502-page'],
    ['502-page'],
  ])
})

test('a fault without a schedule affects every request', async () => {
  await using mockServer = await startMockServer({ faults: [faults.errorReply('401')] })
  expect([(await post(mockServer, hello)).status, (await post(mockServer, hello)).status]).toEqual([401, 401])
})

test('several faults change first the completion, then the frames, then the bytes', async () => {
  const combined = [
    faults.body('wrong-content-type'),
    faults.streamQuirk('no-done'),
    faults.streamQuirk('carriage-returns'),
    faults.damagedReply('answer-in-fence'),
  ]
  await using mockServer = await startMockServer({
    responder: () => ({ content: '{"celsius":4}', reasoning: '' }),
    faults: combined,
  })
  const { type, text } = await post(mockServer, { ...hello, stream: true })
  expect(type).toBe('text/plain')
  expect(text).toContain('```json\\n{\\"celsius\\":4}')
  expect(text).toContain('\r\n\r\n')
  expect(text).not.toContain('[DONE]')
})

test('an unknown fault is refused with its name and a list of all faults', async () => {
  const none = undefined as never
  const names = /529.*no-done|no-done.*529/s
  await expect(startMockServer({ faults: [none] })).rejects.toThrow(names)
  await expect(startMockServer({ faults: [none] })).rejects.toThrow('faults[0] is undefined')
  await expect(startMockServer({ faults: [faults.at(1, faults.errorReply('529'), none)] })).rejects.toThrow(names)
  await expect(startMockServer({ faults: ['529' as never] })).rejects.toThrow('faults[0] is "529"')
  expect(() => faults.connection('nope' as never)).toThrow(
    /This group has no fault "nope"\. It has refuse, .*slow-drip/,
  )
})

test.each([0, -1, 1.5, Number.NaN])(
  'a fault at request %d is refused, because requests are counted from 1',
  (number) => {
    const fault = faults.errorReply('529')
    expect(() => faults.at(number, fault)).toThrow('counted from 1')
    expect(() => faults.at([1, number], fault)).toThrow(String(number))
    expect(() => faults.from(number, fault)).toThrow('counted from 1')
  },
)

test('an invalid request is refused, even if a fault is scheduled for it', async () => {
  await using mockServer = await startMockServer({ faults: [faults.errorReply('529')] })
  expect((await post(mockServer, { ...hello, messages: [] })).status).toBe(400)
})

test('a server that shut down silently does not answer new connections', async () => {
  await using mockServer = await startMockServer({ faults: [faults.connection('stall-while-connecting')] })
  await expect(post(mockServer, hello)).rejects.toThrow()
  const heard: string[] = []
  const socket = connect(Number(new URL(mockServer.url).port), '127.0.0.1')
  for (const event of ['connect', 'error', 'close']) socket.on(event, () => heard.push(event))
  // A refusal would arrive within this time.
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(heard).toEqual([])
  socket.destroy()
})

test('a server that shut down refuses new connections', async () => {
  await using mockServer = await startMockServer({ faults: [faults.connection('refuse')] })
  await expect(post(mockServer, hello)).rejects.toThrow()
  await expect(post(mockServer, hello)).rejects.toThrow(/ECONNREFUSED/)
})

test.each([
  ['no-done', 'faults[0] is "no-done"; pass faults.streamQuirk(\'no-done\').'],
  ['529', "pass faults.errorReply('529')."],
  ['no-dnoe', "pass faults.streamQuirk('no-done')."],
])('the name %s in place of a fault is refused with the call that returns it', async (name, message) => {
  await expect(startMockServer({ faults: [name] as never })).rejects.toThrow(message)
})

test('anything else in place of a fault is refused with all names', async () => {
  await expect(startMockServer({ faults: [5] as never })).rejects.toThrow(/such as .* Faults: .*no-done/)
})
