import { lookUp, parsePointer, toToken } from './json-pointer.ts'
import { schemaFaults } from './validator.ts'

const toolName = /^[a-zA-Z0-9_-]{1,64}$/

/** A definition as it comes from a caller, who may not be using TypeScript. */
interface Unchecked {
  readonly name: unknown
  readonly description: unknown
  readonly execute: unknown
  readonly timeoutMs: number
  readonly inputSchema: unknown
  readonly outputSchema?: unknown
}

/** @throws {TypeError} that names the tool, the path and the value, when a definition is invalid. */
export function checkDefinition(tool: Unchecked): void {
  if (typeof tool.name !== 'string' || !toolName.test(tool.name)) {
    throw new TypeError(
      `Tool name ${JSON.stringify(tool.name)} is invalid: use 1 to 64 of the characters a-z, A-Z, 0-9, "_" and "-".`,
    )
  }
  const label = `Tool "${tool.name}"`
  if (typeof tool.description !== 'string') throw new TypeError(`${label}: description has to be a string.`)
  if (typeof tool.execute !== 'function') throw new TypeError(`${label}: execute has to be a function.`)
  if (!Number.isInteger(tool.timeoutMs) || tool.timeoutMs < 1) {
    throw new TypeError(
      `${label}: timeoutMs is ${tool.timeoutMs}; it has to be a positive whole number of milliseconds.`,
    )
  }
  checkSchema(`${label}: inputSchema`, tool.inputSchema)
  const type: unknown = Reflect.get(tool.inputSchema as object, 'type')
  if (type !== 'object') {
    throw new TypeError(`${label}: inputSchema/type is ${JSON.stringify(type)}; it has to be "object".`)
  }
  if (tool.outputSchema !== undefined) checkSchema(`${label}: outputSchema`, tool.outputSchema)
}

/** @throws {TypeError} when `schema` is not a JSON Schema object; `label` begins the message. */
export function checkSchema(label: string, schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) {
    throw new TypeError(`${label} is ${schema === null ? 'null' : typeof schema}; it has to be a JSON Schema object.`)
  }
  const faults = schemaFaults(schema)
  // A fault inside `anyOf` is followed by the fault of the `anyOf` itself: the first is the precise one.
  const fault = faults[0]
  if (fault === undefined) {
    checkPointers(label, schema)
    return
  }
  const { params, instancePath, keyword } = fault
  if (keyword === 'additionalProperties') {
    throw new TypeError(`${label}${instancePath}: "${params['additionalProperty']}" is not a JSON Schema keyword.`)
  }
  throw new TypeError(
    `${label}${instancePath} ${fault.message ?? 'is invalid'}; it is ${JSON.stringify(fault.data)?.slice(0, 80)}.`,
  )
}

/** A `$ref` that points into its own schema has to meet something: no validator could be compiled otherwise. */
function checkPointers(label: string, root: object): void {
  const walk = (part: unknown, path: string): void => {
    if (typeof part !== 'object' || part === null) return
    const reference: unknown = Object.hasOwn(part, '$ref') ? Reflect.get(part, '$ref') : undefined
    if (typeof reference === 'string' && reference.startsWith('#/') && !pointsInto(root, reference.slice(1))) {
      throw new TypeError(`${label}${path}/$ref is ${JSON.stringify(reference)}: the schema has nothing there.`)
    }
    for (const [name, member] of Object.entries(part)) walk(member, `${path}/${toToken(name)}`)
  }
  walk(root, '')
}

function pointsInto(root: object, fragment: string): boolean {
  try {
    const tokens = parsePointer(decodeURIComponent(fragment))
    return tokens !== undefined && lookUp(root, tokens).found
  } catch {
    return false // not a URI fragment
  }
}
