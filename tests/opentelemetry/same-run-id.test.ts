import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { openTelemetry } from '../../lib/opentelemetry/index.ts'
import { calls, type ScriptStep, scriptedModel } from '../support/scripted-model.ts'
import { getWeather } from '../support/weather.ts'
import { recordSpans } from './support/record-spans.ts'

const runs = 'invoke_agent'
const askOslo = calls('get_weather', { city: 'Oslo' })

function listen() {
  const { tracer, started, ended } = recordSpans()
  const onEvent = openTelemetry({ tracer })
  const start = (steps: readonly ScriptStep[]) =>
    runLoop({ model: scriptedModel(steps), tools: [getWeather], prompt: 'How warm?', runId: 'run-1', onEvent })
  return { start, started, ended }
}

test('a resumed run has only the tokens of its own replies, and the sum is the usage of the run', async () => {
  const { tracer, ended } = recordSpans()
  const given = { tools: [getWeather], prompt: 'How warm?', onEvent: openTelemetry({ tracer }) }
  const checkpoints: Checkpoint[] = []
  await runLoop({
    ...given,
    model: scriptedModel([askOslo, new Error('down')]),
    onCheckpoint: (checkpoint) => checkpoints.push(checkpoint),
  })
  const resumeFrom = checkpoints.at(-1)
  const run = await runLoop({
    ...given,
    model: scriptedModel([calls('get_weather', { city: 'Rome' }), 'Warm.']),
    resumeFrom,
  })
  const spans = ended().filter(({ name }) => name === runs)
  expect(spans.map(({ attributes }) => attributes['gen_ai.usage.input_tokens'])).toEqual([10, 20])
  expect(run.usage.inputTokens).toBe(30)
  expect(spans.map(({ attributes }) => attributes['tenrounds.rounds'])).toEqual([1, 3])
})

function gate() {
  let open: (answer: string) => void = () => {}
  const opened = new Promise<string>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

test('consecutive runs with the same id have a span each', async () => {
  const { start, started, ended } = listen()
  await start([new Error('down')])
  await start([askOslo, 'Warm.'])
  expect(ended().length).toBe(started().length)
  const spans = ended().filter(({ name }) => name === runs)
  expect(spans.map(({ attributes }) => attributes['tenrounds.stop_reason'])).toEqual(['failed', 'answered'])
  expect(spans.flatMap(({ events }) => events)).toEqual([])
})

test.each([
  { first: 'older', at: 0 },
  { first: 'newer', at: 1 },
])('two simultaneous runs with the same id leave no span open if the $first one ends first', async ({ at }) => {
  const { start, started, ended } = listen()
  const gates = [gate(), gate()]
  const both = gates.map(({ opened }) => start([askOslo, () => opened]))
  // Each run ends while the other one waits for its model.
  gates.at(at)?.open('Warm.')
  await both.at(at)
  expect(ended().filter(({ name }) => name === runs)).toHaveLength(1)
  gates.at(1 - at)?.open('Cold.')
  await Promise.all(both)
  expect(ended().length).toBe(started().length)
  const [older, newer, ...more] = ended().filter(({ name }) => name === runs)
  expect(more).toEqual([])
  expect(older).toMatchObject({ status: { code: 0 }, events: [{ name: 'superseded' }] })
  expect(older?.attributes).not.toHaveProperty('tenrounds.stop_reason')
  const tokens = [older, newer].map((span) => span?.attributes['gen_ai.usage.input_tokens'])
  expect(tokens).toEqual([0, 40])
  expect(newer).toMatchObject({ events: [], attributes: { 'tenrounds.stop_reason': 'answered' } })
})

test('an abandoned attempt that is cancelled later does not end the span of the next one', async () => {
  const { tracer, ended, started } = recordSpans()
  const onEvent = openTelemetry({ tracer })
  const given = { tools: [getWeather], prompt: 'How warm?', runId: 'run-1', onEvent }
  const abandoned = new AbortController()
  const { opened, open } = gate()
  const older = runLoop({ ...given, model: scriptedModel([() => opened]), signal: abandoned.signal })
  const newer = runLoop({ ...given, model: scriptedModel([() => opened.then(() => askOslo), 'Warm.']) })
  abandoned.abort()
  expect(await older).toMatchObject({ stopReason: 'cancelled' })
  open('late')
  await newer
  expect(ended().length).toBe(started().length)
  expect(ended().at(-1)).toMatchObject({
    name: runs,
    attributes: { 'tenrounds.stop_reason': 'answered', 'tenrounds.rounds': 2 },
  })
})
