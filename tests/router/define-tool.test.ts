import { expect, test } from 'vitest'
import { createRouter } from '../../router/router.ts'
import { defineTool } from '../../router/tool.ts'

const valid = {
  name: 'read_file',
  description: 'Reads a file.',
  inputSchema: { type: 'object', properties: { path: { type: 'string' } } },
  execute: () => 'text',
} as const

/** JavaScript callers can pass anything. */
const define = (definition: object) => () => defineTool({ ...valid, ...definition } as typeof valid)

test.each(['', 'read file', 'read.file', 'ä', 'a'.repeat(65)])(
  'refuses the tool name %j and says which characters may be used',
  (name) => {
    expect(define({ name })).toThrow(/Tool name .* is invalid: use 1 to 64/)
  },
)

test.each([
  [
    { inputSchema: { type: 'object', propertis: {} } },
    'Tool "read_file": inputSchema: "propertis" is not a JSON Schema keyword.',
  ],
  [
    { inputSchema: { type: 'object', properties: { a: { type: 'text' } } } },
    'Tool "read_file": inputSchema/properties/a/type',
  ],
  [{ inputSchema: { type: 'string' } }, 'Tool "read_file": inputSchema/type is "string"; it has to be "object".'],
  [{ inputSchema: null }, 'Tool "read_file": inputSchema is null'],
  [{ outputSchema: { type: 'object', required: 'a' } }, 'Tool "read_file": outputSchema/required'],
  [
    { inputSchema: { type: 'object', properties: { a: { type: 'string', pattern: '(' } } } },
    'inputSchema/properties/a/pattern',
  ],
  [
    { inputSchema: { type: 'object', properties: { a: { $ref: '#/$defs/b' } }, $defs: { c: {} } } },
    'Tool "read_file": inputSchema/properties/a/$ref is "#/$defs/b": the schema has nothing there.',
  ],
  [{ timeoutMs: 0 }, 'Tool "read_file": timeoutMs is 0'],
  [{ execute: 'text' }, 'Tool "read_file": execute has to be a function.'],
])('an invalid definition %j fails at once and names tool and path', (definition, message) => {
  expect(define(definition)).toThrow(message)
})

test('two tools of one name are refused by the router', () => {
  expect(() => createRouter([defineTool(valid), defineTool(valid)])).toThrow('Two tools are named "read_file"')
})
