import { MockActivityEnvironment } from '@temporalio/testing'
import { expect, test } from 'vitest'
import { LoopError } from '../../lib/loop/errors.ts'
import { loopActivity } from '../../lib/temporal/index.ts'
import { says, scriptedModel } from '../support/scripted-model.ts'

const options = () => ({ model: scriptedModel([says('Hi.')]), prompt: 'Hello?' })

test.each<[string, readonly unknown[], string]>([
  [
    'options in place of a function',
    [{ prompt: 'x' }],
    'The first argument of loopActivity is {"prompt":"x"}; it must be a',
  ],
  [
    'a misspelt setting',
    [options, { message: true }],
    'message is not an option of loopActivity. Did you mean "messages"?',
  ],
  ['a wrong onCancel', [options, { onCancel: 'throw' }], "onCancel is \"throw\"; it must be 'return' or 'fail'."],
  ['messages that are a text', [options, { messages: 'yes' }], 'messages is "yes"; it must be true or false.'],
  ['a mayWait that is no function', [options, { mayWait: true }], 'mayWait is true; it must be a function.'],
  [
    'settings that are a Map',
    [options, new Map()],
    'The second argument of loopActivity is an object of the class Map;',
  ],
  ['settings that are null', [options, null], 'The second argument of loopActivity is null; it must be a plain object'],
])('loopActivity refuses %s when it is called, not when the activity runs', (_, wrong, message) => {
  const define = () => Reflect.apply(loopActivity, undefined, wrong)
  expect(define).toThrow(LoopError)
  expect(define).toThrow(message)
})

test.each<[string, unknown, string]>([
  ['nothing', undefined, 'The function that was passed to loopActivity returned undefined; it must return a plain'],
  [
    'limits that are a Map',
    { ...options(), limits: new Map([['rounds', 1]]) },
    'limits is an object of the class Map;',
  ],
  ['decisions that are a Map', { ...options(), decisions: new Map() }, 'decisions is an object of the class Map;'],
  ['tools that are an object', { ...options(), tools: {} }, 'tools is {}; it must be an array of tools.'],
  ['a listener that is a text', { ...options(), onEvent: 'x' }, 'onEvent is "x"; it must be a function.'],
  ['an option of the activity', { ...options(), runId: 'x' }, 'runId is set by loopActivity. Leave it out'],
])('an activity whose function returns %s fails at once', async (_, returned, message) => {
  const activity = Reflect.apply(loopActivity, undefined, [() => returned])
  await expect(environment().run(activity)).rejects.toMatchObject({
    message: expect.stringContaining(message),
    nonRetryable: true,
  })
})

function environment(): MockActivityEnvironment {
  return new MockActivityEnvironment({
    heartbeatTimeoutMs: 60_000,
    startToCloseTimeoutMs: 600_000,
    scheduleToCloseTimeoutMs: 0,
  })
}
