import { expect, test } from 'vitest'
import { LoopError } from '../../lib/loop/errors.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { scriptedModel } from '../support/scripted-model.ts'
import { getWeather } from '../support/weather.ts'

const cycle: { self?: unknown } = {}
cycle.self = cycle

const schema = (answer: object) => ({ answer: { schema: answer } })

test.each([
  ['a limit of 0', { limits: { rounds: 0 } }, 'limits.rounds is 0; it has to be a positive whole number.'],
  ['a limit that is not whole', { limits: { rounds: 2.5 } }, 'limits.rounds is 2.5'],
  ['a limit that is NaN', { limits: { deadlineMs: Number.NaN } }, 'limits.deadlineMs is NaN'],
  ['an unknown limit', { limits: { round: 3 } }, 'limits.round is unknown; there are rounds, deadlineMs'],
  ['limits that are null', { limits: null }, 'limits is null; it has to be an object.'],
  ['an unknown option', { limit: {} }, 'limit is no option of runLoop; there are model, prompt'],
  ['two tools of one name', { tools: [getWeather, getWeather] }, 'tools: Two tools are named "get_weather"'],
  ['no model', { model: undefined }, 'model is undefined; it has to be a Model'],
  ['a prompt that is no text', { prompt: 5 }, 'prompt is 5; it has to be a string.'],
  ['instructions that are no text', { instructions: 42 }, 'instructions is 42; it has to be a string.'],
  [
    'a controller for a signal',
    { signal: new AbortController() },
    'signal is an object of the class AbortController; it has to be an AbortSignal.',
  ],
  ['a listener that is no function', { onCheckpoint: 'x' }, 'onCheckpoint is "x"; it has to be a function.'],
  ['inputs that are a list', { inputs: [] }, 'inputs is an array'],
  [
    'an answer schema with a typo',
    schema({ type: 'object', propertis: {} }),
    'answer.schema: "propertis" is not a JSON Schema keyword',
  ],
  ['an answer schema with a dead reference', schema({ $ref: '#/$defs/none' }), 'answer.schema/$ref is "#/$defs/none"'],
  [
    'a check that is no function',
    { answer: { schema: { type: 'object' }, check: 1 } },
    'answer.check is 1; it has to be a function.',
  ],
  [
    'an unknown part of the answer',
    { answer: { schema: { type: 'object' }, chek: () => [] } },
    'answer.chek is unknown; there are schema, check.',
  ],
  ['an answer that is no object', schema({ type: 'array' }), 'answer.schema.type is "array"; it has to be "object"'],
  ['an empty run id', { runId: '' }, 'runId is ""; it has to be a string that is not empty.'],
  ['a limit that is text', { limits: { rounds: '3' } }, 'limits.rounds is "3"; it has to be'],
  [
    'a model without a name',
    { model: { provider: 'x', complete: async () => {} } },
    'model is an object; it has to be a Model with name',
  ],
  ['a given that is a function', { inputs: { now: () => 1 } }, 'inputs.now cannot be written as JSON: a function.'],
  ['a given that is a map', { inputs: { a: { b: new Map() } } }, 'inputs.a cannot be written as JSON: a Map at /b'],
  [
    'a given with a large integer',
    { inputs: { a: [1n] } },
    'inputs.a cannot be written as JSON: Do not know how to serialize a BigInt.',
  ],
  [
    'a given that holds itself',
    { inputs: { a: cycle } },
    'inputs.a cannot be written as JSON: it holds itself, or nests too deep.',
  ],
  ['no options', undefined, "runLoop's argument is undefined"],
])('%s rejects at once, before any request, and names option and value', async (_, wrong, message) => {
  const model = scriptedModel([])
  const options = wrong === undefined ? undefined : { model, prompt: 'Hello?', ...wrong }
  const run = runLoop(options as Parameters<typeof runLoop>[0])
  await expect(run).rejects.toThrow(message)
  await expect(run).rejects.toBeInstanceOf(LoopError)
  expect(model.requests).toEqual([])
})
