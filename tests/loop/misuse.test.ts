import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { LoopError } from '../../lib/loop/errors.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { scriptedModel } from '../support/scripted-model.ts'
import { getWeather } from '../support/weather.ts'

const cycle: { self?: unknown } = {}
cycle.self = cycle

const schema = (answer: object) => ({ answer: { schema: answer } })

test.each([
  ['a limit of 0', { limits: { rounds: 0 } }, 'limits.rounds is 0; it must be a positive whole number.'],
  ['a limit that is not whole', { limits: { rounds: 2.5 } }, 'limits.rounds is 2.5'],
  ['a limit that is NaN', { limits: { deadlineMs: Number.NaN } }, 'limits.deadlineMs is NaN'],
  ['a misspelled limit', { limits: { round: 3 } }, 'limits.round is not a limit. Did you mean "rounds"?'],
  ['an unknown limit', { limits: { money: 3 } }, 'limits.money is not a limit. The limits are rounds, deadlineMs'],
  ['limits that are null', { limits: null }, 'limits is null; it must be a plain object.'],
  ['a misspelled prompt', { promt: 'x' }, 'promt is not an option of runLoop. Did you mean "prompt"?'],
  ['a shortened option', { instruction: 'x' }, 'instruction is not an option of runLoop. Did you mean "instructions"?'],
  ['the name of another library for instructions', { system: 'x' }, 'Did you mean "instructions"?'],
  ['the name of another library for the conversation', { messages: [] }, 'Did you mean "history"?'],
  ['the name of another library for approve', { needsApproval: () => true }, 'Did you mean "approve"?'],
  ['an unknown option', { temperature: 1 }, 'temperature is not an option of runLoop. The options are model, prompt'],
  [
    'a checkpoint that is null',
    { resumeFrom: null },
    'resumeFrom is null; it must be an object that onCheckpoint gave you, or run.checkpoint of a paused run; leave it out',
  ],
  [
    'an object that is not a checkpoint',
    { resumeFrom: {} },
    'resumeFrom is not a checkpoint: it has no version. Pass an object that onCheckpoint gave you, or run.checkpoint of a paused',
  ],
  [
    'a whole run in place of its checkpoint',
    { resumeFrom: { stopReason: 'paused', checkpoint: { version: 5 } } },
    'Pass an object that onCheckpoint gave you, or run.checkpoint of a paused run.',
  ],
  ['a checkpoint as JSON text', { resumeFrom: '{"version":5}' }, 'Parse it with JSON.parse first.'],
  ['an empty prompt', { prompt: '' }, 'prompt is ""; it must be a string that is not blank.'],
  ['a blank prompt', { prompt: ' \n' }, 'prompt is " \\n"; it must be a string that is not blank.'],
  [
    'a tiny limit of checkpoints',
    { limits: { checkpointBytes: 3 } },
    'limits.checkpointBytes is 3; it must be at least 1024.',
  ],
  ['decisions that are a date', { decisions: new Date(0) }, 'decisions is an object of the class Date; it must be'],
  ['a schema of arktype in place of answer', { answer: type({ a: 'string' }) }, 'write answer: { schema: … }.'],
  [
    'a schema in place of answer',
    { answer: { type: 'object', properties: {} } },
    'answer.type is not an option. To pass a schema, write answer: { schema: … }.',
  ],
  ['an answer without a schema', { answer: {} }, 'answer.schema is undefined; it must be a JSON Schema object.'],
  ['two tools with the same name', { tools: [getWeather, getWeather] }, 'tools: Two tools are named "get_weather"'],
  ['no model', { model: undefined }, 'model is undefined; it must be a Model'],
  ['a prompt that is a number', { prompt: 5 }, 'prompt is 5; it must be a string that is not blank.'],
  ['instructions that are a number', { instructions: 42 }, 'instructions is 42; it must be a string.'],
  [
    'a controller in place of its signal',
    { signal: new AbortController() },
    'signal is an object of the class AbortController; it must be an AbortSignal.',
  ],
  ['a listener that is a string', { onCheckpoint: 'x' }, 'onCheckpoint is "x"; it must be a function.'],
  ['inputs that are a list', { inputs: [] }, 'inputs is []; it must be a plain object.'],
  [
    'inputs that are a Map',
    { inputs: new Map([['log', 'x']]) },
    'inputs is an object of the class Map; it must be a plain object.',
  ],
  ['limits that are a Map', { limits: new Map([['rounds', 2]]) }, 'limits is an object of the class Map;'],
  ['an answer that is a Map', { answer: new Map([['schema', {}]]) }, 'answer.schema is undefined; it must be'],
  [
    'an answer that is a schema of zod',
    { answer: z.object({ city: z.string() }) },
    'To pass a schema, write answer: { schema: … }.',
  ],
  [
    'an answer schema with a typo',
    schema({ type: 'object', propertis: {} }),
    'answer.schema: "propertis" is not a JSON Schema keyword',
  ],
  ['an answer schema with a dead reference', schema({ $ref: '#/$defs/none' }), 'answer.schema/$ref is "#/$defs/none"'],
  [
    'a check that is a number',
    { answer: { schema: { type: 'object' }, check: 1 } },
    'answer.check is 1; it must be a function.',
  ],
  [
    'an unknown option of answer',
    { answer: { schema: { type: 'object' }, chek: () => [] } },
    'answer.chek is not an option. Did you mean "check"?',
  ],
  ['an answer schema of an array', schema({ type: 'array' }), 'answer.schema.type is "array"; it must be "object"'],
  [
    'a wrapped schema in place of answer',
    { answer: toStandardJsonSchema(v.object({})) },
    'answer.~standard is not an option. To pass a schema, write answer: { schema: … }.',
  ],
  [
    'an answer schema with a refinement',
    schema(z.object({ a: z.string().refine(Boolean) })),
    'answer.schema/properties/a: a refinement has no equivalent in JSON Schema.',
  ],
  [
    'an answer schema of valibot without a wrapper',
    schema(v.object({})),
    'answer.schema is a schema of valibot that does not implement Standard JSON Schema; wrap it: toStandardJsonSchema',
  ],
  ['an answer schema of a text of zod', schema(z.string()), 'answer.schema.type is "string"; it must be "object"'],
  [
    'an answer schema that is a function',
    schema(() => 1),
    'answer.schema is a function; it must be a JSON Schema object.',
  ],
  ['an empty run id', { runId: '' }, 'runId is ""; it must be a non-empty string.'],
  ['a limit that is a string', { limits: { rounds: '3' } }, 'limits.rounds is "3"; it must be'],
  [
    'a model without a name',
    { model: { provider: 'x', complete: async () => {} } },
    'model is {"provider":"x"}; it must be a Model with name',
  ],
  [
    'an input that is a function',
    { inputs: { now: () => 1 } },
    'inputs.now contains a function, which JSON cannot represent.',
  ],
  [
    'an input that is a map',
    { inputs: { a: { b: new Map() } } },
    'inputs.a contains a Map at /b, which JSON cannot represent.',
  ],
  [
    'an input with a large integer',
    { inputs: { a: [1n] } },
    'inputs.a contains a bigint at /0, which JSON cannot represent.',
  ],
  [
    'an input that contains itself',
    { inputs: { a: cycle } },
    'inputs.a contains an object that contains itself at /self, which JSON cannot represent.',
  ],
  ['no options', undefined, 'The argument of runLoop is undefined'],
])('%s is rejected before any request, and the message names option and value', async (_, wrong, message) => {
  const model = scriptedModel([])
  const options = wrong === undefined ? undefined : { model, prompt: 'Hello?', ...wrong }
  const run = runLoop(options as Parameters<typeof runLoop>[0])
  await expect(run).rejects.toThrow(message)
  await expect(run).rejects.toBeInstanceOf(LoopError)
  expect(model.requests).toEqual([])
})

test('clock, which README does not describe, is not listed', async () => {
  const run = runLoop({ model: scriptedModel([]), prompt: 'Hello?', temperature: 1 } as never)
  await expect(run).rejects.toThrow('The options are')
  await expect(run).rejects.not.toThrow('clock')
})
