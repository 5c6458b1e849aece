import { expect, test } from 'vitest'
import * as z from 'zod'
import { checkAnswer } from '../../lib/loop/answer.ts'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { scriptedModel } from '../support/scripted-model.ts'

const view = { runId: 'run-1', results: [] } as const

/** The value that is accepted as the answer in a text, for a schema with these required properties. */
async function acceptedValue(text: string, required: readonly string[]): Promise<unknown> {
  const schema = { type: 'object', required } as const
  const reply = { text, finish_reason: 'stop' } as const
  const checked = await checkAnswer(reply, { schema }, view, new AbortController().signal)
  return checked.kind === 'accepted' ? checked.value : checked.kind
}

test.each([
  ['the last object', 'First {"a":1}, then {"a":2}.', ['a'], { a: 2 }],
  ['an earlier object that fits the schema', 'First {"a":1}, then {"b":2}.', ['a'], { a: 1 }],
  ['a wrapped answer', 'Here: {"answer":{"b":2}}.', ['b'], { b: 2 }],
  ['an object that has a member "answer" by its schema', '{"answer":{"b":2}}', ['answer'], { answer: { b: 2 } }],
  ['an object in the notation of Python', "```\n{'a': None,}\n```", ['a'], { a: null }],
  ['a text without JSON, which is rejected', 'It is warm.', [], 'rejected'],
  ['a number, which is rejected', '42', [], 'rejected'],
])('the answer of a reply is %s', async (_name, text, required, expected) => {
  expect(await acceptedValue(text, required)).toEqual(expected)
})

test('an answer with a schema of zod is asked for as JSON Schema, validated, and read from a checkpoint', async () => {
  const schema = z.object({ celsius: z.number(), unit: z.literal('C').nullable().default('C') })
  const options = { prompt: 'How warm is it?', answer: { schema } }
  const rejected = '{"celsius":"4","unit":null}'
  const model = scriptedModel([rejected, '{"celsius":4}', '{"celsius":4,"unit":null}'])
  const checkpoints: Checkpoint[] = []
  const run = await runLoop({ ...options, model, onCheckpoint: (checkpoint) => checkpoints.push(checkpoint) })
  expect(run).toMatchObject({ stopReason: 'answered', answer: { celsius: 4, unit: null }, rounds: 3 })
  const [system] = model.requests[0]?.messages ?? []
  const shown =
    '{"type":"object","properties":{"celsius":{"type":"number"},"unit":{"default":"C","type":["string","null"],"enum":["C",null]}},"required":["celsius","unit"],"additionalProperties":false}'
  expect(JSON.stringify(system)).toContain(JSON.stringify(shown).slice(1, -1))
  expect(JSON.stringify(model.requests[2])).toContain('required property')
  const resumed = await runLoop({ ...options, model: scriptedModel([]), resumeFrom: checkpoints.at(-1) })
  expect(resumed).toMatchObject({ stopReason: 'answered', answer: { celsius: 4, unit: null } })
})
