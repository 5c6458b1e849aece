import { expect, test } from 'vitest'
import { checkAnswer } from '../../lib/loop/answer.ts'

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
