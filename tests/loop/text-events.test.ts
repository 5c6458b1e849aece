import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LoopEvent } from '../../lib/loop/events.ts'
import type { Model, ModelReply } from '../../lib/loop/model.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { createMinimaxModel } from '../../lib/minimax/minimax.ts'
import { faults, type ReplyDraft, scriptedModel, startMockServer } from '../../lib/testing/index.ts'
import { chunk, done, events as frames, stop } from '../minimax/support/event-stream.ts'
import { startLocalServer } from '../minimax/support/local-server.ts'
import { tools } from '../router/support/exchange.ts'
import { nearlyCalls } from '../router/support/nearly-valid.ts'
import { numberOfCases } from '../router/support/runs.ts'
import { getWeather } from '../support/weather.ts'

const prompt = 'How warm is it in Oslo?'
const usage = { inputTokens: 1, outputTokens: 1, cachedInputTokens: 0, reasoningTokens: 0 }

/** What a listener shows: one text per round, emptied by a reset. It fails if the text of a reply is another one. */
class Screen {
  readonly texts: string[] = []
  readonly types: string[] = []
  readonly #attempts: number[] = []
  #isOver = false

  readonly onEvent = (event: LoopEvent): void => {
    expect(this.#isOver).toBe(false)
    this.types.push(event.type)
    if (event.type === 'text-delta') {
      expect(event.text).not.toBe('')
      const { round, attempt } = event
      // All text on the screen is of one attempt.
      if ((this.texts[round] ?? '') !== '') expect(attempt).toBe(this.#attempts[round])
      expect(attempt).toBeGreaterThanOrEqual(this.#attempts[round] ?? 1)
      this.#attempts[round] = attempt
      this.texts[round] = (this.texts[round] ?? '') + event.text
    }
    if (event.type === 'text-reset') {
      expect(event.attempt).toBe(this.#attempts[event.round])
      expect(this.texts[event.round]).not.toBe('')
      this.texts[event.round] = ''
    }
    if (event.type === 'reply') expect(this.texts[event.round] ?? '').toBe(event.text)
    if (event.type === 'run-end') this.#isOver = true
  }
}

/** A client of a server, with streaming and without waits before retries. */
function streaming(url: string, retries = 2) {
  const options = { url, token: 'plain-test-token', env: {}, stream: true, retries }
  return createMinimaxModel(options, { firstWaitMs: 1 })
}

/** A model that passes its text on in pieces. */
function piecewise(play: (show: (text: string) => void, round: number) => string | Promise<string>): Model {
  let round = 0
  return {
    name: 'piecewise',
    provider: 'test',
    async complete({ onText = () => {} }): Promise<ModelReply> {
      const content = await play(onText, ++round)
      return { message: { role: 'assistant', content }, finishReason: 'stop', usage }
    },
  }
}

/** A model that passes these pieces on, and then replies with another text. */
function showing(...pieces: readonly unknown[]): Model {
  return piecewise((show) => {
    for (const piece of pieces) Reflect.apply(show, undefined, [piece])
    return 'It is warm.'
  })
}

test('the text of a stream arrives as events while the server still writes', async () => {
  let goOn = () => {}
  await using server = await startLocalServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(frames(chunk({ content: '<think>Hm.</think>It is ' })))
    goOn = () => response.end(frames(chunk({ content: 'warm.' }, stop), done))
  })
  const model = streaming(server.url)
  const screen = new Screen()
  const seen: unknown[] = []
  const run = await runLoop({
    model,
    prompt,
    onEvent: (event) => {
      screen.onEvent(event)
      if (event.type !== 'text-delta') return
      seen.push({ round: event.round, attempt: event.attempt, text: event.text })
      // The server continues only now.
      goOn()
    },
  })
  await model.close()
  expect(run).toMatchObject({ stopReason: 'answered', answer: 'It is warm.' })
  expect(seen).toEqual([
    { round: 1, attempt: 1, text: 'It is' },
    { round: 1, attempt: 1, text: ' warm.' },
  ])
  expect(JSON.stringify(run.trace)).not.toContain('text-delta')
})

test('a reply that fails in mid-stream is reset before it is asked for again', async () => {
  await using server = await startMockServer({
    responder: () => ({ content: 'It is warm in Oslo today, with a little wind from the west. '.repeat(8) }),
    faults: [faults.at(1, faults.streamQuirk('error-midway')), faults.at(2, faults.streamQuirk('ends-midway'))],
  })
  const model = streaming(server.url)
  const screen = new Screen()
  const resets: number[] = []
  const run = await runLoop({
    model,
    prompt,
    onEvent: (event) => {
      screen.onEvent(event)
      if (event.type === 'text-reset') resets.push(event.attempt)
    },
  })
  await model.close()
  expect(run).toMatchObject({ stopReason: 'answered', answer: screen.texts[1] })
  expect(resets).toEqual([1, 2])
  const order = screen.types.filter((type, index) => type !== screen.types[index - 1])
  const again = ['text-delta', 'text-reset', 'retry']
  expect(order).toEqual(['run-start', 'round-start', ...again, ...again, 'text-delta', 'reply', 'run-end'])
})

test.each([
  ['a model that does not stream', scriptedModel(['It is warm.'])],
  ['a model that ignores a retry', showing('It is cold, or ', 'It is warm.')],
  ['a model that passes on only a part', showing('It is')],
  ['a model that passes on too much', showing('It is warm. Or not.')],
  ['a model that passes on something else', showing('', undefined, 5, null)],
])('%s: the events have the text of the reply in the end', async (_name, model) => {
  const screen = new Screen()
  const run = await runLoop({ model, prompt, onEvent: screen.onEvent })
  expect(run).toMatchObject({ stopReason: 'answered', answer: 'It is warm.' })
  expect(screen.texts[1]).toBe('It is warm.')
})

test('thinking that was never opened is taken back', async () => {
  await using server = await startLocalServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const pieces = [...'They ask.\n</think>\n\nIt is warm.'].map((content) => chunk({ content }))
    response.end(frames(...pieces, chunk({}, stop), done))
  })
  const model = streaming(server.url)
  const screen = new Screen()
  await runLoop({ model, prompt, onEvent: screen.onEvent })
  await model.close()
  expect(screen.texts[1]).toBe('It is warm.')
  expect(screen.types).toContain('text-reset')
})

test('a reply without visible text has no text event', async () => {
  const screen = new Screen()
  const toolCalls = [{ name: 'get_weather', input: { city: 'Oslo' } }]
  await runLoop({
    model: scriptedModel([{ toolCalls }, 'Warm.']),
    tools: [getWeather],
    prompt,
    onEvent: screen.onEvent,
  })
  expect(screen.texts).toEqual([undefined, undefined, 'Warm.'])
})

test('two runs on one model get their own texts', async () => {
  await using server = await startMockServer({
    responder: ({ messages }) => ({ content: `The answer to ${messages.at(-1)?.content} is long. `.repeat(20).trim() }),
  })
  const model = streaming(server.url)
  const runs = await Promise.all(
    ['first', 'second', 'third'].map(async (question) => {
      const screen = new Screen()
      const run = await runLoop({ model, prompt: question, onEvent: screen.onEvent })
      return { question, run, text: screen.texts[1] ?? '' }
    }),
  )
  await model.close()
  for (const { question, run, text } of runs) {
    expect(run).toMatchObject({ stopReason: 'answered', answer: text })
    expect(text).toContain(`The answer to ${question} is`)
  }
})

test('a listener that throws at every piece of text gets all of it, and the run is not harmed', async () => {
  let heard = ''
  const run = await runLoop({
    model: piecewise((show) => {
      for (const letter of 'It is warm.') show(letter)
      return 'It is warm.'
    }),
    prompt,
    onEvent: (event) => {
      if (event.type === 'text-delta') heard += event.text
      if (event.type === 'text-delta') throw new Error('listener broke')
    },
  })
  expect(heard).toBe('It is warm.')
  expect(run).toMatchObject({ stopReason: 'answered', answer: 'It is warm.' })
  expect(run.trace.filter(({ type }) => type === 'warning')).toHaveLength(1)
})

test('a listener that aborts the run gets no more text, also if the model goes on', async () => {
  const controller = new AbortController()
  const screen = new Screen()
  let showLater: (text: string) => void = () => {}
  const run = await runLoop({
    model: piecewise((show) => {
      showLater = show
      for (const letter of 'It is warm.') show(letter)
      return new Promise(() => {})
    }),
    prompt,
    signal: controller.signal,
    onEvent: (event) => {
      screen.onEvent(event)
      if (screen.texts[1] === 'It') controller.abort()
    },
  })
  showLater('too late')
  expect(run.stopReason).toBe('cancelled')
  expect(screen.texts[1]).toBe('It')
  expect(screen.types.at(-1)).toBe('run-end')
})

test('run-end is the last event, also if the listener throws at it', async () => {
  const types: string[] = []
  const run = await runLoop({
    model: scriptedModel(['Hi.']),
    prompt,
    onEvent: ({ type }) => {
      types.push(type)
      if (type === 'run-end') throw new Error('No screen.')
    },
  })
  expect(types.at(-1)).toBe('run-end')
  expect(run.trace.at(-1)).toMatchObject({ type: 'warning', source: 'onEvent', message: 'No screen.' })
})

test('text that a model passes on after its reply is ignored', async () => {
  const screen = new Screen()
  const late: ((text: string) => void)[] = []
  const model = piecewise((show, round) => {
    for (const show of late) show(' late')
    late.push(show)
    return round < 3 ? `Not JSON ${round}.` : '{"celsius":4}'
  })
  const answer = {
    schema: { type: 'object', properties: { celsius: { type: 'number' } }, required: ['celsius'] },
  } as const
  const run = await runLoop({ model, prompt, answer, onEvent: screen.onEvent })
  expect(run.stopReason).toBe('answered')
  expect(screen.texts.slice(1)).toEqual(['Not JSON 1.', 'Not JSON 2.', '{"celsius":4}'])
})

test('without a listener a model is not asked to pass its text on', async () => {
  const given: unknown[] = []
  const model = scriptedModel(['Warm.', 'Warm.'])
  const spy: Model = {
    ...model,
    complete(request) {
      given.push(request.onText)
      return model.complete(request)
    },
  }
  await runLoop({ model: spy, prompt })
  await runLoop({ model: spy, prompt, onEvent: () => {} })
  expect(given).toEqual([undefined, expect.any(Function)])
})

/** Longer than a chunk of the mock server, so that some of it is shown before a stream breaks. */
const prose = 'I look at the weather of each place. '.repeat(10)
const breaks = ['error-midway', 'event-error', 'ends-midway', 'base-resp-error-midway'] as const
const harmless = ['one-delta', 'cumulative', 'json-body', 'whole-last-frame', 'early-finish', 'no-done'] as const
const quirks = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.constantFrom(...breaks) },
  { weight: 1, arbitrary: fc.constantFrom(...harmless) },
)

test('with any replies and retries in mid-stream, the text of each round is the text of its reply', async () => {
  let resets = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(nearlyCalls, { minLength: 1, maxLength: 3 }),
      fc.array(quirks, { maxLength: 8 }),
      async (contents, quirks) => {
        const schedule = quirks.flatMap((name, index) =>
          name === undefined ? [] : [faults.at(index + 1, faults.streamQuirk(name))],
        )
        const responder = ({ messages }: { readonly messages: readonly { readonly role: string }[] }): ReplyDraft => {
          const round = messages.filter(({ role }) => role === 'assistant').length
          const content = contents[round]
          return { content: content === undefined ? 'Done.' : `${prose}\n${content.slice(0, 300)}` }
        }
        await using server = await startMockServer({ responder, faults: schedule })
        const model = streaming(server.url, 8)
        const screen = new Screen()
        const run = await runLoop({ model, prompt, tools, onEvent: screen.onEvent, limits: { rounds: 4 } })
        await model.close()
        expect('error' in run && run.error).toBeFalsy()
        resets += screen.types.filter((type) => type === 'text-reset').length
      },
    ),
    { numRuns: Math.min(numberOfCases(60), 1000) },
  )
  expect(resets).toBeGreaterThan(0)
}, 120_000)
