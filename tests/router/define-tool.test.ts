import { expect, test } from 'vitest'
import { checkTool, defineTool } from '../../router/define-tool.ts'
import { createRouter } from '../../router/router.ts'
import type { Tool } from '../../router/tool.ts'

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

test.each([null, undefined, 'read_file', []])('refuses %j as a tool', (tool) => {
  expect(() => defineTool(tool as unknown as typeof valid)).toThrow('it must be an object, as defineTool returns it.')
})

test.each([
  [{ description: 7 }, 'description is 7; it must be a string.'],
  [{ title: null }, 'title is null; it must be a string.'],
  [{ timeoutMs: 0 }, 'timeoutMs is 0; it must be a positive whole number of milliseconds.'],
  [{ timeoutMs: Number.NaN }, 'timeoutMs is NaN'],
  [{ timeoutMs: '5s' }, 'timeoutMs is "5s"'],
  [{ retries: -1 }, 'retries is -1; it must be a whole number from 0.'],
  [{ retries: '2', annotations: { readOnlyHint: true } }, 'retries is "2"; it must be a whole number from 0.'],
  [{ execute: 'text' }, 'execute is "text"; it must be a function.'],
  [{ inputSchema: null }, 'inputSchema is null; it must be a JSON Schema object.'],
  [{ inputSchema: { type: 'string' } }, 'inputSchema/type is "string"; it must be "object".'],
  [{ outputSchema: true }, 'outputSchema is true; it must be a JSON Schema object.'],
])('a field of the wrong type is refused with its value: %j', (definition, message) => {
  expect(define(definition)).toThrow(`Tool "read_file": ${message}`)
})

test.each([
  [{ needsApproval: true }, 'unknown field "needsApproval"; use the option "approve" of runLoop.'],
  [{ timeout: 5 }, 'unknown field "timeout"; did you mean "timeoutMs"?'],
  [{ parameters: {} }, 'unknown field "parameters"; a tool has name, title,'],
])('a field that would be ignored is refused: %j', (definition, message) => {
  expect(define(definition)).toThrow(`Tool "read_file": ${message}`)
})

test.each([
  [{ readonlyHint: true }, 'unknown annotation "readonlyHint"; did you mean "readOnlyHint"?'],
  [{ readOnlyHint: 'yes' }, 'annotations/readOnlyHint is "yes"; it must be a boolean.'],
  [{ title: true }, 'annotations/title is true; it must be a string.'],
  [true, 'annotations is true; it must be an object.'],
])('wrong annotations are refused: %j', (annotations, message) => {
  expect(define({ annotations })).toThrow(`Tool "read_file": ${message}`)
})

test('only a tool that may be repeated can have retries', () => {
  for (const annotations of [{}, { readOnlyHint: false }, { destructiveHint: false }]) {
    expect(define({ retries: 2, annotations })).toThrow(
      'Tool "read_file": retries is 2; it must be 0, or set annotations.readOnlyHint or annotations.idempotentHint to true',
    )
    expect(define({ retries: 0, annotations })).not.toThrow()
  }
  for (const annotations of [{ readOnlyHint: true }, { idempotentHint: true }]) {
    expect(define({ retries: 2, annotations })).not.toThrow()
  }
})

test.each(['$result', '$input', '__proto__'])('an input cannot have a property %j', (name) => {
  const properties = JSON.parse(`{"${name}":{"type":"string"}}`)
  const inside = { type: 'object', properties: { a: { type: 'array', items: { type: 'object', properties } } } }
  const at = `inputSchema/properties/a/items/properties/${name}: calls cannot have a property "${name}"; use another name.`
  expect(define({ inputSchema: inside })).toThrow(`Tool "read_file": ${at}`)
  expect(define({ inputSchema: { type: 'object', required: [name] } })).toThrow(`"${name}"; use another name.`)
  expect(define({ outputSchema: inside })).not.toThrow()
})

test('a tool that did not come from defineTool is refused with the same message', () => {
  const tool = { ...defineTool(valid) }
  expect(() => checkTool(tool)).not.toThrow()
  expect(() => checkTool({ ...tool, name: 'read file' })).toThrow('Tool name "read file" is invalid: use 1 to 64')
  const outputSchema = { type: 'object', propertis: {} }
  expect(() => checkTool({ ...tool, outputSchema })).toThrow('Tool "read_file": outputSchema: "propertis" is not')
})

test('an error of the schema compiler names the tool', () => {
  const inputSchema = { type: 'object', properties: { a: { $ref: '#/$defs/\ud800' } }, $defs: { '\ud800': true } }
  const tool = defineTool({ ...valid, inputSchema } as unknown as typeof valid)
  expect(() => checkTool(tool)).toThrow('Tool "read_file": inputSchema: can\'t resolve reference')
})

test.each([undefined, { a: defineTool(valid) }, defineTool(valid)])(
  'createRouter refuses %j as a list of tools',
  (tools) => {
    expect(() => createRouter(tools as unknown as readonly Tool[])).toThrow(
      /^createRouter takes an array: createRouter\(\[tool, …\]\)\. It was called with /,
    )
  },
)

test('a plain object as a tool is refused with a pointer to defineTool', () => {
  const message = 'Tool "read_file" was not made by defineTool: wrap it, defineTool({ … }).'
  expect(() => createRouter([valid as unknown as Tool])).toThrow(message)
  expect(() => checkTool({ ...defineTool(valid) })).not.toThrow()
})

const inputSchemaWith = (required: string[], more: object = {}) => ({
  type: 'object' as const,
  properties: { city: { type: 'string' } as const },
  required,
  ...more,
})

test.each([
  [inputSchemaWith(['cty']), '/required: "cty" is not in "properties"; did you mean "city"?'],
  [inputSchemaWith(['city', 'country']), '/required: "country" is not in "properties"; add it there.'],
  [inputSchemaWith(['cty'], { additionalProperties: false }), '/required: "cty" is not in "properties"'],
  [
    { type: 'object' as const, properties: { a: inputSchemaWith(['cty']) } },
    '/properties/a/required: "cty" is not in "properties"',
  ],
])('defineTool refuses a required name without a property: %j', (inputSchema, message) => {
  expect(() => defineTool({ ...valid, inputSchema: inputSchema as never })).toThrow(
    `Tool "read_file": inputSchema${message}`,
  )
})

test.each([
  inputSchemaWith(['b1'], { patternProperties: { '^b': {} } }),
  inputSchemaWith(['b1'], { additionalProperties: { type: 'string' } }),
  inputSchemaWith(['b'], { allOf: [{ properties: { b: {} } }] }),
  inputSchemaWith([], { anyOf: [{ properties: { kind: {} }, required: ['city', 'kind'] }] }),
  { type: 'object' as const, required: ['b'] },
])('defineTool accepts a required name that is described elsewhere: %j', (inputSchema) => {
  expect(() => defineTool({ ...valid, inputSchema: inputSchema as never })).not.toThrow()
})

test('createRouter refuses two tools with the same name', () => {
  expect(() => createRouter([defineTool(valid), defineTool(valid)])).toThrow('Two tools are named "read_file"')
})
