import { expect, test } from 'vitest'
import { createRouter } from '../../router/router.ts'
import { defineTool } from '../../router/tool.ts'
import { checkTool } from '../../router/validate-tool.ts'

const valid = {
  name: 'read_file',
  description: 'Reads a file.',
  inputSchema: { type: 'object', properties: { path: { type: 'string' } } },
  execute: () => 'text',
} as const

/** JavaScript callers can pass anything. */
const define = (definition: object) => () => defineTool({ ...valid, ...definition } as typeof valid)

test.each(['', 'read file', 'read.file', 'ä', 'a'.repeat(65), undefined, 7])(
  'refuses the tool name %j and says which characters may be used',
  (name) => {
    expect(define({ name })).toThrow(/Tool name .* is invalid: use 1 to 64/)
  },
)

test.each([null, undefined, 'read_file', []])('refuses %j in the place of a tool', (tool) => {
  expect(() => defineTool(tool as unknown as typeof valid)).toThrow('it has to be an object, as defineTool makes it.')
})

test.each([
  [{ description: 7 }, 'description is 7; it has to be a string.'],
  [{ title: null }, 'title is null; it has to be a string.'],
  [{ timeoutMs: 0 }, 'timeoutMs is 0; it has to be a positive whole number of milliseconds.'],
  [{ timeoutMs: Number.NaN }, 'timeoutMs is NaN'],
  [{ timeoutMs: '5s' }, 'timeoutMs is "5s"'],
  [{ execute: 'text' }, 'execute is "text"; it has to be a function.'],
  [{ inputSchema: null }, 'inputSchema is null; it has to be a JSON Schema object.'],
  [{ inputSchema: { type: 'string' } }, 'inputSchema/type is "string"; it has to be "object".'],
  [{ outputSchema: true }, 'outputSchema is boolean; it has to be a JSON Schema object.'],
])('a field of the wrong kind is refused with its value: %j', (definition, message) => {
  expect(define(definition)).toThrow(`Tool "read_file": ${message}`)
})

test.each([
  [{ timeout: 5 }, '"timeout" is no field of a tool; did you mean "timeoutMs"?'],
  [{ parameters: {} }, '"parameters" is no field of a tool: there are name, title,'],
])('a field that would be ignored is refused: %j', (definition, message) => {
  expect(define(definition)).toThrow(`Tool "read_file": ${message}`)
})

test.each([
  [{ readonlyHint: true }, 'annotations: "readonlyHint" is no annotation; did you mean "readOnlyHint"?'],
  [{ readOnlyHint: 'yes' }, 'annotations/readOnlyHint is "yes"; it has to be a boolean.'],
  [{ title: true }, 'annotations/title is true; it has to be a string.'],
  [true, 'annotations is true; it has to be an object.'],
])('annotations that would be misunderstood are refused: %j', (annotations, message) => {
  expect(define({ annotations })).toThrow(`Tool "read_file": ${message}`)
})

test.each(['$result', '$input', '__proto__'])('an input cannot have a property %j, which no call can carry', (name) => {
  const properties = JSON.parse(`{"${name}":{"type":"string"}}`)
  const inside = { type: 'object', properties: { a: { type: 'array', items: { type: 'object', properties } } } }
  const at = `inputSchema/properties/a/items/properties/${name}: no call can carry a property of this name`
  expect(define({ inputSchema: inside })).toThrow(`Tool "read_file": ${at}`)
  expect(define({ inputSchema: { type: 'object', required: [name] } })).toThrow(`"${name}"; use another name.`)
  expect(define({ outputSchema: inside })).not.toThrow()
})

test('a tool that did not come from defineTool is refused with the same words', () => {
  const tool = { ...defineTool(valid) }
  expect(() => checkTool(tool)).not.toThrow()
  expect(() => checkTool({ ...tool, name: 'read file' })).toThrow('Tool name "read file" is invalid: use 1 to 64')
  const outputSchema = { type: 'object', propertis: {} }
  expect(() => checkTool({ ...tool, outputSchema })).toThrow('Tool "read_file": outputSchema: "propertis" is not')
})

test('a schema that only the compiler refuses is refused with the name of its tool', () => {
  const inputSchema = { type: 'object', properties: { a: { $ref: '#/$defs/\ud800' } }, $defs: { '\ud800': true } }
  const tool = defineTool({ ...valid, inputSchema } as unknown as typeof valid)
  expect(() => checkTool(tool)).toThrow('Tool "read_file": inputSchema cannot be compiled: can\'t resolve reference')
})

test('two tools of one name are refused by the router', () => {
  expect(() => createRouter([defineTool(valid), defineTool(valid)])).toThrow('Two tools are named "read_file"')
})
