import { MockActivityEnvironment } from '@temporalio/testing'
import { expect, test } from 'vitest'
import { unpackCheckpoint } from '../../lib/temporal/checkpoint-codec.ts'
import { loopActivity } from '../../lib/temporal/index.ts'
import { keysInOtherStyles } from '../support/key-styles.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'
import { getWeather } from '../support/weather.ts'

/** Runs an activity without a server. */
function mockEnvironment(): MockActivityEnvironment {
  return new MockActivityEnvironment({
    heartbeatTimeoutMs: 60_000,
    startToCloseTimeoutMs: 600_000,
    scheduleToCloseTimeoutMs: 0,
  })
}

test('the result and the heartbeats of an activity are snake_case documents', async () => {
  const environment = mockEnvironment()
  const heartbeats: unknown[] = []
  environment.on('heartbeat', (details: unknown) => heartbeats.push(details))
  const model = scriptedModel([calls('get_weather', { city: 'Oslo' }), says('It is 4 °C.')])
  const activity = loopActivity((city: string) => ({ model, tools: [getWeather], prompt: `How warm is ${city}?` }))

  const result = await environment.run(activity, 'Oslo')

  expect(result).toMatchObject({ stop_reason: 'answered', answer: 'It is 4 °C.', rounds: 2 })
  expect(heartbeats.length).toBeGreaterThanOrEqual(2)
  expect(heartbeats.at(-1)).toMatchObject({ progress: { round: 2 }, checkpoint: { encoding: 'gzip+base64' } })
  expect(keysInOtherStyles(result)).toEqual([])
  expect(keysInOtherStyles(heartbeats)).toEqual([])
  const unpacked = unpackCheckpoint(heartbeats.at(-1))
  expect(unpacked.kind).toBe('checkpoint')
  expect(keysInOtherStyles(unpacked)).toEqual([])
})

test('an activity that throws before its run begins fails with the error', async () => {
  const environment = mockEnvironment()
  const activity = loopActivity(() => {
    throw new Error('no configuration')
  })
  await expect(environment.run(activity)).rejects.toMatchObject({ message: 'no configuration', nonRetryable: false })
})

test('an async listener that fails does not end the process of the worker', async () => {
  const model = scriptedModel([says('It is 4 °C.')])
  const onEvent = async () => {
    throw new Error('No screen.')
  }
  const activity = loopActivity(() => ({ model, prompt: 'How warm is it?', onEvent }))
  const result = await mockEnvironment().run(activity)
  // An unhandled rejection would fail this test run.
  expect(result).toMatchObject({ stop_reason: 'answered' })
})
