import { checkSchema } from './check-schema.ts'
import { isObject } from './json/json.ts'
import { firstFault, type Place } from './schema-places.ts'
import { closest } from './text/closest.ts'
import { compileSchema } from './validation.ts'

/** A tool as it comes from a caller, who may not be using TypeScript. */
interface Unchecked {
  readonly name: unknown
  readonly title?: unknown
  readonly description: unknown
  readonly inputSchema: unknown
  readonly outputSchema?: unknown
  readonly annotations: unknown
  readonly timeoutMs: unknown
  readonly execute: unknown
}

const fields: readonly (keyof Unchecked)[] = [
  'name',
  'title',
  'description',
  'inputSchema',
  'outputSchema',
  'annotations',
  'timeoutMs',
  'execute',
]
const hints = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint']
const toolName = /^[a-zA-Z0-9_-]{1,64}$/

/** @throws {TypeError} when a definition has a field that no tool has, which would be ignored. */
export function checkFields(definition: object): void {
  checkIsObject(definition)
  checkNames(`Tool ${shown(Reflect.get(definition, 'name'))}`, 'field of a tool', definition, fields)
}

const sound = new WeakSet<object>()

/** @throws {TypeError} that names the tool, the path and the value, when a definition is invalid. */
export function checkDefinition(tool: Unchecked): void {
  checkIsObject(tool)
  if (typeof tool.name !== 'string' || !toolName.test(tool.name)) {
    throw new TypeError(
      `Tool name ${shown(tool.name)} is invalid: use 1 to 64 of the characters a-z, A-Z, 0-9, "_" and "-".`,
    )
  }
  const label = `Tool "${tool.name}"`
  const expect = (field: keyof Unchecked, fits: boolean, what: string) => {
    if (!fits) throw new TypeError(`${label}: ${field} is ${shown(tool[field])}; it has to be ${what}.`)
  }
  const { description, title, execute, timeoutMs, annotations } = tool
  expect('description', typeof description === 'string', 'a string')
  expect('title', title === undefined || typeof title === 'string', 'a string')
  expect('execute', typeof execute === 'function', 'a function')
  expect('timeoutMs', Number.isInteger(timeoutMs) && Number(timeoutMs) > 0, 'a positive whole number of milliseconds')
  expect('annotations', isObject(annotations), 'an object')
  checkAnnotations(`${label}: annotations`, annotations as object)
  checkInputSchema(`${label}: inputSchema`, tool.inputSchema)
  if (tool.outputSchema !== undefined) checkSchema(`${label}: outputSchema`, tool.outputSchema)
  sound.add(tool)
}

/**
 * Makes a tool ready to be called: its schemas are compiled, and one that did not come from `defineTool` is checked as
 * that would have done.
 *
 * @throws {TypeError} that names the tool, as `defineTool` does.
 */
export function checkTool(tool: Unchecked): void {
  if (!sound.has(tool)) checkDefinition(tool)
  for (const key of ['inputSchema', 'outputSchema'] as const) {
    const schema = tool[key]
    if (schema === undefined) continue
    try {
      compileSchema(schema as object)
    } catch (error) {
      const message = `Tool "${tool.name}": ${key} cannot be compiled: ${(error as Error).message}`
      throw new TypeError(message, { cause: error })
    }
  }
}

function checkIsObject(tool: unknown): void {
  if (!isObject(tool)) throw new TypeError(`A tool is ${shown(tool)}; it has to be an object, as defineTool makes it.`)
}

function checkNames(label: string, kind: string, given: object, known: readonly string[]): void {
  const name = Object.keys(given).find((name) => !known.includes(name))
  if (name === undefined) return
  const meant = closest(name, known)
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`
  throw new TypeError(`${label}: "${name}" is no ${kind}${hint || `: there are ${known.join(', ')}.`}`)
}

function checkAnnotations(label: string, annotations: object): void {
  checkNames(label, 'annotation', annotations, ['title', ...hints])
  for (const [name, value] of Object.entries(annotations)) {
    const wanted = name === 'title' ? 'string' : 'boolean'
    if (value === undefined || typeof value === wanted) continue
    throw new TypeError(`${label}/${name} is ${shown(value)}; it has to be a ${wanted}.`)
  }
}

function checkInputSchema(label: string, schema: unknown): void {
  checkSchema(label, schema)
  const { type } = schema as { readonly type?: unknown }
  if (type !== 'object') throw new TypeError(`${label}/type is ${shown(type)}; it has to be "object".`)
  const fault = firstFault(schema, reservedName)
  if (fault !== undefined) throw new TypeError(`${label}${fault}`)
}

/** Names that no input can have: an object with one of the first two is a reference, and the last is refused in any. */
const reserved = ['$result', '$input', '__proto__']

function reservedName({ schema: { properties = {}, required = [] }, path }: Place): string | undefined {
  const name = reserved.find((name) => Object.hasOwn(properties as object, name))
  if (name !== undefined) return `${path}/properties/${name}: no call can carry a property of this name; use another.`
  const needed = reserved.find((name) => (required as readonly unknown[]).includes(name))
  return needed && `${path}/required: no call can carry a property "${needed}"; use another name.`
}

function shown(value: unknown): string {
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') return `a ${typeof value}`
  if (typeof value === 'number' || value === undefined) return String(value)
  try {
    return JSON.stringify(value).slice(0, 80)
  } catch {
    return 'an object that JSON cannot carry'
  }
}
