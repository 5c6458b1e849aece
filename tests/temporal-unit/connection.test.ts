import { expect, test } from 'vitest'
import { connectTo, temporalSettings } from '../../workflows/connection.ts'

test('the settings are those of a local development server unless the environment says otherwise', () => {
  expect(temporalSettings({})).toEqual({ address: '127.0.0.1:7233', namespace: 'default', taskQueue: 'tenrounds' })
  const env = {
    TEMPORAL_ADDRESS: 'temporal.example:7233',
    TEMPORAL_NAMESPACE: 'incidents',
    TEMPORAL_TASK_QUEUE: 'night',
  }
  expect(temporalSettings(env)).toEqual({
    address: 'temporal.example:7233',
    namespace: 'incidents',
    taskQueue: 'night',
  })
})

test('a variable that is set but empty counts as not set', () => {
  expect(temporalSettings({ TEMPORAL_ADDRESS: '' }).address).toBe('127.0.0.1:7233')
})

test('a server that does not answer is named, with what to do', async () => {
  const refused = connectTo('127.0.0.1:1', () => Promise.reject(new Error('connection refused')))
  await expect(refused).rejects.toThrow(/127\.0\.0\.1:1 \(connection refused\).*TEMPORAL_ADDRESS/)
})
