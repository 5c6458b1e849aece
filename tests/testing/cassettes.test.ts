import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { ModelError } from '../../lib/loop/errors.ts'
import type { Model } from '../../lib/loop/model.ts'
import type { Clock } from '../../lib/loop/run-deadline.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { recordModel, replayModel, type ScriptStep, scriptedModel, startMockServer } from '../../lib/testing/index.ts'
import { redactDeep } from '../../router/text/redact.ts'
import { clientOf, modelRequest } from '../minimax/support/request.ts'
import { usage } from '../support/factories.ts'
import { getWeather, weatherAnswer } from '../support/weather.ts'

const folder = mkdtempSync(join(tmpdir(), 'cassettes-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newFile = () => join(folder, 'new', `${files++}.jsonl`)

const clock: Clock = { now: () => 0, after: () => () => {} }
const run = (model: Model, prompt = 'How warm is it in Oslo?', rounds = 4) =>
  runLoop({
    model,
    tools: [getWeather],
    prompt,
    answer: { schema: weatherAnswer },
    limits: { rounds },
    runId: 'r',
    clock,
  })
const asks = (city: unknown, id: string): ScriptStep => ({ toolCalls: [{ name: 'get_weather', input: { city }, id }] })

/** A cassette of one question and its answer. */
async function cassette(): Promise<string> {
  const file = newFile()
  await run(recordModel(scriptedModel([asks('Oslo', 'a'), '{"celsius":4}']), file))
  return file
}

const failure = fc.constantFrom(
  new ModelError('MiniMax: busy', { code: 'overloaded', retryable: true, status: 529, retryAfterMs: 7 }),
  new ModelError('MiniMax: no', { code: 'quota', retryable: false, providerCode: '1008', requestId: 'r1' }),
  new TypeError('a mistake'),
)
const step: fc.Arbitrary<ScriptStep> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.string({ maxLength: 5 }), fc.constantFrom('a', 'b', '')).map(([c, i]) => asks(c, i)),
  },
  fc.constantFrom('{"celsius":4}', '{"celsius":"x"}', '<think>Hm.</think>No.', 'Bearer abcdefgh12345678'),
  failure,
)

test('a replayed run is the same as the recorded one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 5 }), fc.integer({ min: 1, max: 5 }), async (steps, rounds) => {
      const file = newFile()
      const recorded = await run(recordModel(scriptedModel(steps), file), 'Oslo?', rounds)
      const replayed = await run(replayModel(file), 'Oslo?', rounds)
      // Only secrets that the model wrote are masked in the cassette.
      expect(JSON.stringify(replayed)).toBe(JSON.stringify(redactDeep(recorded)))
    }),
    { numRuns: 150 },
  )
})

test('a run over an endpoint is replayed without the endpoint', async () => {
  const file = newFile()
  let answered = 0
  const mockServer = await startMockServer({
    responder: () =>
      answered++ === 0
        ? { toolCalls: [{ name: 'get_weather', input: { city: 'Oslo' } }] }
        : { content: '{"celsius":4}' },
  })
  const client = clientOf(mockServer.url)
  const recorded = await run(recordModel(client, file))
  await client.close()
  await mockServer.close()
  expect(recorded).toMatchObject({ stopReason: 'answered', answer: { celsius: 4 } })
  expect(await run(replayModel(file))).toEqual(recorded)
})

test('a run over the JSON protocol is replayed as such: a fenced request is a call there', async () => {
  const file = newFile()
  let answered = 0
  const asked = '```json\n{"tool_calls":[{"name":"get_weather","input":{"city":"Oslo"}}]}\n```'
  await using mockServer = await startMockServer({
    responder: () => ({ content: answered++ === 0 ? asked : '{"celsius":4}' }),
  })
  const client = clientOf(mockServer.url, { protocol: 'json' })
  const recorded = await run(recordModel(client, file))
  await client.close()
  expect(recorded).toMatchObject({ stopReason: 'answered', rounds: 2 })
  expect(await run(replayModel(file))).toEqual(recorded)
})

test('equal requests get their replies in recorded order, and then an error', async () => {
  const file = newFile()
  const busy = new ModelError('MiniMax: busy', { code: 'overloaded', retryable: true })
  const recorder = recordModel(scriptedModel(['one', busy, 'three']), file)
  for (let count = 0; count < 3; count++) await recorder.complete(modelRequest()).catch(() => {})
  const model = replayModel(file)
  // Neither the deadline nor the order of members makes it a different request.
  const other = { role: 'user', json: '{"content":"How warm is it in Oslo?","role":"user"}' } as const
  expect((await model.complete(modelRequest({ timeoutMs: 5 }))).message.content).toBe('one')
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ code: 'overloaded', message: 'MiniMax: busy' })
  expect((await model.complete(modelRequest({ messages: [other] }))).message.content).toBe('three')
  await expect(model.complete(modelRequest())).rejects.toThrow('was recorded 3 times, and the run sent it once more')
})

test('a miss is not retryable and shows the first difference with both values', async () => {
  const model = replayModel(await cassette())
  const outcome = await run(model, `How warm is it in Bergen? ${'Long. '.repeat(200)}`)
  expect(outcome).toMatchObject({ stopReason: 'failed', rounds: 0, error: { code: 'protocol', retryable: false } })
  const { message = '' } = 'error' in outcome ? (outcome.error ?? {}) : {}
  expect(message).toMatch(
    /nearest recorded request is in line 1\. The first difference is at \/messages\/1\/content: recorded /,
  )
  expect(message).toMatch(/recorded "How warm is it in Oslo\?", sent "How warm is it in Bergen\? .* …/)
  expect(message.length).toBeLessThan(1000)
})

test('a miss is compared with the nearest request, not with the first one', async () => {
  const file = await cassette()
  const text = readFileSync(file, 'utf8').split('\n')
  const second = JSON.parse(text[1] ?? '').request
  second.messages[3].content = second.messages[3].content.replace('4', '5')
  const messages = second.messages.map((message: { role: 'user' }) => ({
    role: message.role,
    json: JSON.stringify(message),
  }))
  const outcome = replayModel(file).complete(modelRequest({ messages, tools: JSON.stringify(second.tools) }))
  await expect(outcome).rejects.toThrow(
    /in line 2\. The first difference is at \/messages\/3\/content: .*:4.*, sent .*:5/,
  )
})

test('a miss says which message is missing', async () => {
  const file = await cassette()
  await expect(replayModel(file).complete(modelRequest({ messages: [] }))).rejects.toThrow(
    /at \/messages\/0: recorded \{"role":"system".*, sent nothing/,
  )
  writeFileSync(file, '')
  await expect(replayModel(file).complete(modelRequest())).rejects.toThrow('The cassette is empty.')
})

test('a cassette contains no secrets in requests, replies and failures', async () => {
  const file = newFile()
  const secret = 'sk-0123456789abcdef'
  const message = { role: 'user', content: `My key is ${secret}.` } as const
  const request = modelRequest({ messages: [{ role: message.role, json: JSON.stringify(message) }] })
  const failure = new ModelError(`MiniMax: ${secret} is wrong`, { code: 'authentication', retryable: false })
  const recorder = recordModel(scriptedModel([`Yours is ${secret}.`, failure]), file)
  // The run itself gets the reply unchanged.
  expect((await recorder.complete(request)).message.content).toContain(secret)
  await expect(recorder.complete(request)).rejects.toBe(failure)
  expect(readFileSync(file, 'utf8')).not.toContain(secret)
  expect((await replayModel(file).complete(request)).message.content).toBe('Yours is [redacted].')
})

test('an aborted call is not recorded, and a replayed model does not answer after an abort', async () => {
  const file = newFile()
  const controller = new AbortController()
  const request = modelRequest({ signal: controller.signal })
  const leaves = () => {
    controller.abort()
    return new ModelError('The call was aborted.', { code: 'aborted', retryable: false })
  }
  const recorder = recordModel(scriptedModel(['Warm.', leaves]), file)
  await recorder.complete(request)
  await expect(recorder.complete(request)).rejects.toMatchObject({ code: 'aborted' })
  expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(1)
  await expect(replayModel(file).complete(request)).rejects.toMatchObject({ code: 'aborted' })
})

test('a cassette that was cut off at any byte is readable and can be continued', async () => {
  const file = await cassette()
  const bytes = readFileSync(file)
  const firstLine = bytes.indexOf('\n') + 1
  for (const end of [0, 1, firstLine - 1, firstLine, firstLine + 1, bytes.length - 1]) {
    writeFileSync(file, bytes)
    truncateSync(file, end)
    expect(() => replayModel(file)).not.toThrow()
    await recordModel(scriptedModel(['Warm.']), file).complete(modelRequest())
    expect((await replayModel(file).complete(modelRequest())).message.content).toBe('Warm.')
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(end < firstLine ? 2 : 3)
  }
})

test.each([
  ['not JSON', 'nonsense\n', /jsonl:3 is not a JSON object\. Restore/],
  ['another version', '{"version":2,"key":"x"}\n', /jsonl:3 is not an entry of version 1 \(its version is 2\)/],
])('the error for a line that is %s names the line', async (_name, line, message) => {
  const file = await cassette()
  appendFileSync(file, line)
  expect(() => replayModel(file)).toThrow(message)
})

test('the error for a missing cassette says how to record it', () => {
  expect(() => replayModel(join(folder, 'none.jsonl'))).toThrow(
    /none\.jsonl does not exist\. Record it with recordModel/,
  )
})

test('every field name of a cassette is in snake_case', async () => {
  const file = newFile()
  const failure = new ModelError('MiniMax: busy', {
    ...({ code: 'overloaded', retryable: true, status: 529 } as const),
    ...{ retryAfterMs: 7, providerCode: '1008', requestId: 'r1' },
  })
  const message = { role: 'assistant', content: 'Warm.' } as const
  const reply = { message, finishReason: 'stop', usage: usage(), id: 'a', model: 'b' } as const
  const recorder = recordModel(scriptedModel([reply, failure]), file)
  for (let count = 0; count < 2; count++) await recorder.complete(modelRequest()).catch(() => {})
  const names = new Set<string>()
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    JSON.parse(line, (name, value: unknown) => {
      names.add(name)
      return value
    })
  }
  expect([...names].filter((name) => !/^[a-z0-9_]*$/.test(name))).toEqual([])
  expect(names).toContain('retry_after_ms')
  expect(await replayModel(file).complete(modelRequest())).toEqual(reply)
})
