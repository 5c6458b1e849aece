import { expect } from 'vitest'
import { minimaxTextFormat } from '../../../lib/minimax/markup/text-format.ts'
import { findBrokenRule } from '../../../lib/testing/index.ts'
import { defineTool } from '../../../router/define-tool.ts'
import type { AssistantMessage } from '../../../router/reading/assistant-message.ts'
import type { Reading } from '../../../router/reading/read-reply.ts'
import { createRouter, type ReadReplyOptions, type Router } from '../../../router/router.ts'
import type { ToolResult } from '../../../router/tool-call.ts'

/** Every input that a tool of {@link tools} has run with, since it was last emptied. */
export const executed: { readonly tool: string; readonly input: unknown }[] = []

const ran = (tool: string, input: unknown): string => {
  executed.push({ tool, input })
  return 'done'
}

export const tools = [
  defineTool({
    name: 'get_weather',
    description: 'Weather of one city.',
    inputSchema: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 7 } },
      required: ['city'],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true },
    execute: (input) => ran('get_weather', input),
  }),
  defineTool({
    name: 'write_file',
    description: 'Writes a file.',
    inputSchema: {
      type: 'object',
      properties: {
        path: { type: 'string' },
        content: { type: ['string', 'null'] },
        mode: { anyOf: [{ type: 'integer' }, { type: 'null' }, { enum: ['append'] }] },
        ratio: { type: 'number' },
        force: { type: 'boolean' },
        tags: { type: 'array', items: { type: 'string' } },
        meta: {
          type: 'object',
          properties: {
            owner: { type: 'string' },
            sizes: { type: 'array', items: { type: 'integer' } },
            inner: { type: 'object', properties: { deep: { type: 'boolean' } }, additionalProperties: false },
          },
          additionalProperties: false,
        },
        anything: {},
      },
      additionalProperties: false,
    },
    execute: (input) => ran('write_file', input),
  }),
  defineTool({
    name: 'ping',
    description: 'Takes nothing.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    annotations: { readOnlyHint: true },
    execute: (input) => ran('ping', input),
  }),
]

/** A router whose `read` knows MiniMax's text format. */
export function minimaxRouter(...args: Parameters<typeof createRouter>): Router {
  const router = createRouter(...args)
  return { ...router, read: (message, options) => router.read(message, { textFormat: minimaxTextFormat, ...options }) }
}

export const router = minimaxRouter(tools)

export const assistant = (fields: object): AssistantMessage => ({ role: 'assistant', ...fields })

/** The rule of MiniMax that a request breaks which carries a message and the results of its calls. */
export function brokenRule(reading: Reading, results: readonly ToolResult[]): unknown {
  const answers = results.map(({ id, content }) => ({ role: 'tool', tool_call_id: id, content }))
  const messages = [{ role: 'user', content: 'Go on.' }, reading.message, ...answers]
  const broken = findBrokenRule(JSON.parse(JSON.stringify({ model: 'minimax-m2.1', messages })), { strict: true })
  // Reading a reply cannot change its length.
  return broken?.rule === 'context-window' ? undefined : broken
}

export interface Exchange {
  readonly reading: Reading
  readonly results: readonly ToolResult[]
  /** The inputs that the tools got in this exchange. */
  readonly ran: readonly { readonly tool: string; readonly input: unknown }[]
  /** The kinds of the errors in the results. */
  readonly errors: readonly string[]
}

/** Reads a message, runs its calls, and checks what must be true of every exchange. */
export async function exchange(message: AssistantMessage | string, options: ReadReplyOptions = {}): Promise<Exchange> {
  executed.length = 0
  const reading = router.read(typeof message === 'string' ? assistant({ content: message }) : message, options)
  const results = await router.dispatch(reading.calls)
  expect(results.map(({ id }) => id)).toEqual(reading.calls.map(({ id }) => id))
  expect(new Set(results.map(({ id }) => id)).size).toBe(results.length)
  expect(brokenRule(reading, results)).toBeUndefined()
  const errors = results.flatMap((result) => (result.status === 'error' ? [result.error.kind] : []))
  for (const result of results) {
    if (result.status === 'error' && result.error.kind === 'unreadable_call') {
      expect(result.error.message).toMatch(/one JSON object|not allowed|nested deeper/)
    }
  }
  return { reading, results, ran: [...executed], errors }
}
