// Checks tool definitions. `defineTool` checks all fields and the names in the schemas, which is cheap enough for import
// time. `createRouter` and `runTool` compile the schemas, and also check tools that did not come from `defineTool`.

import { checkKeywords, checkSchema } from './check-schema.ts'
import { InvalidSchemaError, InvalidToolError } from './errors.ts'
import { isObject } from './json/json.ts'
import { subschemas } from './schema-keywords.ts'
import { closest } from './text/closest.ts'
import { shownMember } from './text/shown-value.ts'

/** A tool whose fields may have any type, because the caller may not use TypeScript. */
interface UncheckedTool {
  readonly name: unknown
  readonly title?: unknown
  readonly description: unknown
  readonly inputSchema: unknown
  readonly outputSchema?: unknown
  readonly annotations: unknown
  readonly timeoutMs: unknown
  readonly execute: unknown
}

const fields: readonly (keyof UncheckedTool)[] = [
  'name',
  'title',
  'description',
  'inputSchema',
  'outputSchema',
  'annotations',
  'timeoutMs',
  'execute',
]
const annotationNames = ['title', 'readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint']
const toolName = /^[a-zA-Z0-9_-]{1,64}$/

/** @throws {InvalidToolError} when a definition is not an object, or has a field that tools do not have. */
export function checkFields(definition: object): void {
  checkIsObject(definition)
  checkNames(`Tool ${shownMember(Reflect.get(definition, 'name'))}: unknown field`, definition, fields, 'a tool')
}

const checkedTools = new WeakSet<object>()

/** @throws {InvalidToolError} that names the tool, the field and its value, when a field of a tool is wrong. */
export function checkDefinition(tool: UncheckedTool): void {
  checkIsObject(tool)
  if (typeof tool.name !== 'string' || !toolName.test(tool.name)) {
    throw new InvalidToolError(
      `Tool name ${shownMember(tool.name)} is invalid: use 1 to 64 of the characters a-z, A-Z, 0-9, "_" and "-".`,
    )
  }
  const label = `Tool "${tool.name}"`
  const expect = (field: keyof UncheckedTool, fits: boolean, what: string) => {
    if (!fits) throw new InvalidToolError(`${label}: ${field} is ${shownMember(tool[field])}; it must be ${what}.`)
  }
  const { description, title, execute, timeoutMs, annotations } = tool
  expect('description', typeof description === 'string', 'a string')
  expect('title', title === undefined || typeof title === 'string', 'a string')
  expect('execute', typeof execute === 'function', 'a function')
  expect('timeoutMs', Number.isInteger(timeoutMs) && Number(timeoutMs) > 0, 'a positive whole number of milliseconds')
  expect('annotations', isObject(annotations), 'an object')
  checkAnnotations(label, annotations as object)
  asToolError(() => {
    checkKeywords(`${label}: inputSchema`, tool.inputSchema)
    if (tool.outputSchema !== undefined) checkKeywords(`${label}: outputSchema`, tool.outputSchema)
  })
  checkInputSchema(`${label}: inputSchema`, tool.inputSchema as object)
  checkedTools.add(tool)
}

/**
 * Makes a tool ready to be called: compiles its schemas. A tool that did not come from `defineTool` is checked first.
 *
 * @throws {InvalidToolError} that names the tool, the place in its schema, the problem and the value.
 */
export function checkTool(tool: UncheckedTool): void {
  if (!checkedTools.has(tool)) checkDefinition(tool)
  asToolError(() => {
    checkSchema(`Tool "${tool.name}": inputSchema`, tool.inputSchema)
    if (tool.outputSchema !== undefined) checkSchema(`Tool "${tool.name}": outputSchema`, tool.outputSchema)
  })
}

function asToolError(check: () => void): void {
  try {
    check()
  } catch (error) {
    throw error instanceof InvalidSchemaError ? new InvalidToolError(error.message, { cause: error }) : error
  }
}

function checkIsObject(tool: unknown): void {
  if (!isObject(tool)) {
    throw new InvalidToolError(`A tool is ${shownMember(tool)}; it must be an object, as defineTool returns it.`)
  }
}

/** @param label begins the message and says what kind of name is unknown. */
function checkNames(label: string, given: object, known: readonly string[], owner: string): void {
  const name = Object.keys(given).find((name) => !known.includes(name))
  if (name === undefined) return
  const meant = closest(name, known)
  const hint = meant === undefined ? `; ${owner} has ${known.join(', ')}.` : `; did you mean "${meant}"?`
  throw new InvalidToolError(`${label} "${name}"${hint}`)
}

function checkAnnotations(label: string, annotations: object): void {
  checkNames(`${label}: unknown annotation`, annotations, annotationNames, 'annotations')
  for (const [name, value] of Object.entries(annotations)) {
    const wanted = name === 'title' ? 'string' : 'boolean'
    if (value === undefined || typeof value === wanted) continue
    throw new InvalidToolError(`${label}: annotations/${name} is ${shownMember(value)}; it must be a ${wanted}.`)
  }
}

/** Names that no input can have: `$result` and `$input` mark references, and `__proto__` is refused in every call. */
const reserved = ['$result', '$input', '__proto__']

function checkInputSchema(label: string, schema: object): void {
  const type: unknown = Reflect.get(schema, 'type')
  if (type !== 'object') throw new InvalidToolError(`${label}/type is ${shownMember(type)}; it must be "object".`)
  for (const { schema: one, path } of subschemas(schema)) {
    const { properties, required } = one
    const isNamed = (name: string) => isObject(properties) && Object.hasOwn(properties, name)
    const isRequired = (name: string) => Array.isArray(required) && required.includes(name)
    const name = reserved.find((name) => isNamed(name) || isRequired(name))
    if (name === undefined) continue
    const place = isNamed(name) ? `properties/${name}` : 'required'
    throw new InvalidToolError(`${label}${path}/${place}: calls cannot have a property "${name}"; use another name.`)
  }
}
