import { expect, test } from 'vitest'
import type { ModelRequest } from '../../lib/loop/model.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { defineTool } from '../../router/define-tool.ts'
import { emptyTool, usage } from '../support/factories.ts'

/** The first request of a run with some tools. */
async function firstRequest(tools: Parameters<typeof runLoop>[0]['tools'], more: object = {}) {
  const requests: ModelRequest[] = []
  const model = {
    name: 'model',
    provider: 'test',
    complete: async (request: ModelRequest) => {
      requests.push({ ...request, messages: [...request.messages] })
      return { message: { role: 'assistant', content: 'Done.' }, finishReason: 'stop', usage: usage() } as const
    },
  }
  await runLoop({ model, tools: tools ?? [], prompt: 'Work.', ...more })
  return requests[0]
}

const list = defineTool({
  name: 'list',
  description: 'Takes a list.',
  inputSchema: { type: 'object', properties: { ids: { type: 'array', items: { type: 'string' } } }, required: ['ids'] },
  execute: () => 1,
})
const scalar = defineTool({
  name: 'scalar',
  description: 'Takes scalars.',
  inputSchema: {
    type: 'object',
    properties: { id: { type: 'string' }, n: { type: ['integer', 'null'] }, either: { type: ['string', 'array'] } },
    required: ['id'],
    additionalProperties: false,
  },
  execute: () => 1,
})

test('a request has the advertised and the plain form of the tools', async () => {
  const request = await firstRequest([list, scalar])
  expect(JSON.parse(request?.tools ?? '')).toHaveLength(2)
  expect(request?.tools).toContain('$result')
  expect(JSON.parse(request?.plainTools?.() ?? '')).toMatchObject([
    { function: { name: 'list', parameters: { properties: { ids: { type: 'array', items: { type: 'string' } } } } } },
    {
      function: { name: 'scalar', parameters: { properties: { n: { type: 'integer' }, either: { type: 'string' } } } },
    },
  ])
})

test('without a tool that takes objects or arrays, and without inputs, schemas and prompt say nothing about references', async () => {
  const request = await firstRequest([scalar, emptyTool({ name: 'nothing', execute: () => 1 })])
  expect(JSON.parse(request?.tools ?? '')[0].function.parameters).toEqual(scalar.inputSchema)
  const sent = `${request?.tools} ${request?.messages.map(({ json }) => json).join(' ')}`
  expect(sent).not.toMatch(/\$result|\$input|refer|same reply/i)
  const other = await firstRequest([list])
  expect(other?.messages[0]?.json).toContain('earlier result')
  expect(other?.messages[0]?.json).not.toContain('$input')
  const withInputs = await firstRequest([scalar], { inputs: { unit: 'C' } })
  expect(withInputs?.messages[0]?.json).toContain('$input')
})
