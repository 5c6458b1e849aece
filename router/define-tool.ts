// Defines tools and checks their definitions. `defineTool` checks all fields and the names in the schemas, which is cheap
// enough for import time. `createRouter` and `runTool` compile the schemas, and also check tools that did not come from
// `defineTool`.

import { checkKeywords, checkSchema } from './check-schema.ts'
import { InvalidSchemaError, InvalidToolError } from './errors.ts'
import type { Direction } from './foreign-schema.ts'
import { isObject } from './json/json.ts'
import type { AnyInputSchema, Infer, InputSchemaFor, Returnable, SchemaFor } from './schema.ts'
import { subschemas } from './schema-keywords.ts'
import { closest } from './text/closest.ts'
import { describeOption } from './text/shown-value.ts'
import { toJsonSchema } from './to-json-schema.ts'
import type { ExecutableTool, Tool, ToolAnnotations, ToolContext } from './tool.ts'

/** Timeout of a tool that sets none, in milliseconds. */
const defaultTimeoutMs = 30_000

/** Argument of {@link defineTool}: a {@link Tool} whose optional fields may be left out. */
interface ToolDefinition<I, O, Output>
  extends Pick<Tool, 'name' | 'title' | 'description' | 'retries' | 'readMore'>,
    Partial<Pick<Tool, 'annotations' | 'timeoutMs'>> {
  readonly inputSchema: InputSchemaFor<I>
  readonly outputSchema?: SchemaFor<O>
  readonly execute?: (input: NoInfer<Infer<I, 'input'>>, context: ToolContext) => Output | Promise<Output>
  readonly toContent?:
    | ((value: Viewed<NoInfer<O>, NoInfer<Output>>, input: NoInfer<Infer<I, 'input'>>) => unknown)
    | undefined
}

/**
 * The value that `toContent` gets. Without an output schema TypeScript takes its type from `execute`, so `toContent` must be
 * a function expression below it.
 */
type Viewed<O, Output> = [O] extends [never] ? ([Output] extends [never] ? unknown : Output) : Infer<O>

/** The values that `execute` may return: any, unless there is an output schema. */
type Allowed<O> = [O] extends [never] ? unknown : Returnable<Infer<O>>

type Returned<O, Output> = [O] extends [never] ? Output : Infer<O>

/** Without `execute` nothing is inferred for `Output`, so it has its default `never`. */
type Defined<I, O, Output> = [Output] extends [never]
  ? Tool<Infer<I, 'input'>, Returned<O, unknown>>
  : ExecutableTool<Infer<I, 'input'>, Returned<O, Output>>

/**
 * Defines a tool. The types of input and output are inferred from the schemas, see {@link Infer}. Without an
 * `outputSchema`, the output has the type that `execute` returns. Without `execute`, a run pauses at a call of the tool.
 *
 * A schema is JSON Schema, or a schema of zod, arktype, valibot (with `toStandardJsonSchema`) or TypeBox. It is converted to
 * JSON Schema here: an input may leave members with a default out, an output may not. A schema that would transform values
 * is refused.
 *
 * `toContent` decides what the model is shown; see {@link Tool.toContent}. Without an `outputSchema`, write it below `execute`,
 * which gives its type.
 *
 * A returned literal keeps its type, so `'a'` matches an `enum`. In a nested callback it needs `as const`:
 * `lines.map(() => ({ kind: 'a' as const }))`.
 *
 * Fields and keywords are checked here. The schemas are compiled when the tool is first used, by `createRouter`,
 * `runLoop` or `runTool`, which report the remaining mistakes.
 *
 * @throws {InvalidToolError} that names the tool, the field or the place in its schema, and the value.
 *
 * @example
 * const getWeather = defineTool({
 *   name: 'get_weather',
 *   description: 'Returns the temperature of a city.',
 *   inputSchema: {
 *     type: 'object',
 *     properties: { city: { type: 'string' } },
 *     required: ['city'],
 *     additionalProperties: false,
 *   },
 *   execute: async ({ city }) => ({ city, celsius: await readTemperature(city) }), // city: string
 * })
 */
export function defineTool<
  const I extends AnyInputSchema,
  const Output extends Allowed<O> = never,
  const O extends object = never,
>(definition: ToolDefinition<I, O, Output>): Defined<I, O, Output> {
  checkFields(definition)
  const { name, inputSchema, outputSchema } = definition
  const tool = {
    ...definition,
    inputSchema: schemaOf(name, 'inputSchema', inputSchema, 'input'),
    ...(outputSchema === undefined ? {} : { outputSchema: schemaOf(name, 'outputSchema', outputSchema, 'output') }),
    annotations: definition.annotations ?? {},
    timeoutMs: definition.timeoutMs ?? defaultTimeoutMs,
  } as unknown as Defined<I, O, Output>
  checkDefinition(tool)
  Object.freeze(tool)
  return tool
}

/** The JSON Schema of a tool. A schema of another library is converted. */
function schemaOf(name: unknown, field: string, schema: unknown, direction: Direction): unknown {
  return asToolError(() => toJsonSchema(`Tool ${describeOption(name)}: ${field}`, schema, direction))
}

/** A tool whose fields may have any type, because the caller may not use TypeScript. */
type UncheckedTool = { readonly [Field in keyof Tool]: unknown }

/** The rule for the value of a field. */
interface Rule {
  readonly expected: string
  readonly fits: (value: unknown) => boolean
}

const string: Rule = { expected: 'a string', fits: (value) => typeof value === 'string' }

/** All fields of a tool. Names and schemas are checked separately. */
const rules: Readonly<Record<keyof Tool, Rule | undefined>> = {
  name: undefined,
  title: string,
  description: string,
  inputSchema: undefined,
  outputSchema: undefined,
  annotations: { expected: 'an object', fits: isObject },
  timeoutMs: {
    expected: 'a positive whole number of milliseconds',
    fits: (value) => Number.isInteger(value) && Number(value) > 0,
  },
  retries: { expected: 'a whole number from 0', fits: (value) => Number.isInteger(value) && Number(value) >= 0 },
  readMore: {
    expected: 'a text of at most 200 characters, not blank',
    fits: (value) => typeof value === 'string' && value.trim() !== '' && value.length <= 200,
  },
  toContent: { expected: 'a function', fits: (value) => typeof value === 'function' },
  execute: { expected: 'a function', fits: (value) => typeof value === 'function' },
}
const optional: ReadonlySet<string> = new Set<keyof Tool>(['title', 'retries', 'readMore', 'toContent', 'execute'])

const annotationTypes: Readonly<Record<keyof ToolAnnotations, 'string' | 'boolean'>> = {
  title: 'string',
  readOnlyHint: 'boolean',
  destructiveHint: 'boolean',
  idempotentHint: 'boolean',
  openWorldHint: 'boolean',
}
const toolName = /^[a-zA-Z0-9_-]{1,64}$/

/** @throws {InvalidToolError} when a definition is not an object, or has a field that tools do not have. */
function checkFields(definition: object): void {
  checkIsObject(definition)
  checkNames(
    `Tool ${describeOption(Reflect.get(definition, 'name'))}: unknown field`,
    definition,
    Object.keys(rules),
    'a tool',
  )
}

const checkedTools = new WeakSet<object>()

/** @throws {InvalidToolError} that names the tool, the field and its value, when a field of a tool is wrong. */
function checkDefinition(tool: UncheckedTool): void {
  checkIsObject(tool)
  if (typeof tool.name !== 'string' || !toolName.test(tool.name)) {
    throw new InvalidToolError(
      `Tool name ${describeOption(tool.name)} is invalid: use 1 to 64 of the characters a-z, A-Z, 0-9, "_" and "-".`,
    )
  }
  const label = `Tool "${tool.name}"`
  for (const [field, rule] of Object.entries(rules)) {
    const value: unknown = Reflect.get(tool, field)
    if (rule === undefined || (value === undefined && optional.has(field)) || rule.fits(value)) continue
    throw new InvalidToolError(`${label}: ${field} is ${describeOption(value)}; it must be ${rule.expected}.`)
  }
  checkAnnotations(label, tool.annotations as ToolAnnotations)
  if (tool.retries !== undefined && tool.retries !== 0)
    checkMayRepeat(label, tool.retries, tool.annotations as ToolAnnotations)
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
  if (!checkedTools.has(tool)) {
    checkIsDefined(tool)
    checkDefinition(tool)
  }
  asToolError(() => {
    checkSchema(`Tool "${tool.name}": inputSchema`, tool.inputSchema)
    if (tool.outputSchema !== undefined) checkSchema(`Tool "${tool.name}": outputSchema`, tool.outputSchema)
  })
}

/** A plain object lacks the fields that `defineTool` fills in. A message about one of them would not say what to do. */
function checkIsDefined(tool: UncheckedTool): void {
  checkIsObject(tool)
  if (typeof tool.name !== 'string' || (tool.timeoutMs !== undefined && tool.annotations !== undefined)) return
  const name = JSON.stringify(tool.name)
  throw new InvalidToolError(`Tool ${name} was not made by defineTool: wrap it, defineTool({ … }).`)
}

function asToolError<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw error instanceof InvalidSchemaError ? new InvalidToolError(error.message, { cause: error }) : error
  }
}

function checkIsObject(tool: unknown): void {
  if (!isObject(tool)) {
    throw new InvalidToolError(`A tool is ${describeOption(tool)}; it must be an object, as defineTool returns it.`)
  }
}

/** @param label begins the message and says what kind of name is unknown. */
function checkNames(label: string, given: object, known: readonly string[], owner: string): void {
  const name = Object.keys(given).find((name) => !known.includes(name))
  if (name === undefined) return
  const meant = closest(name, known)
  if (name === 'needsApproval') throw new InvalidToolError(`${label} "${name}"; use the option "approve" of runLoop.`)
  const hint = meant === undefined ? `; ${owner} has ${known.join(', ')}.` : `; did you mean "${meant}"?`
  throw new InvalidToolError(`${label} "${name}"${hint}`)
}

function checkAnnotations(label: string, annotations: ToolAnnotations): void {
  checkNames(`${label}: unknown annotation`, annotations, Object.keys(annotationTypes), 'annotations')
  for (const [name, wanted] of Object.entries(annotationTypes)) {
    const value: unknown = Reflect.get(annotations, name)
    if (value === undefined || typeof value === wanted) continue
    throw new InvalidToolError(`${label}: annotations/${name} is ${describeOption(value)}; it must be a ${wanted}.`)
  }
}

/** An attempt that failed may have had its effect, so only calls without lasting effects may be repeated. */
function checkMayRepeat(label: string, retries: unknown, { readOnlyHint, idempotentHint }: ToolAnnotations): void {
  if (readOnlyHint === true || idempotentHint === true) return
  const advice = 'set annotations.readOnlyHint or annotations.idempotentHint to true if repeating a call is harmless'
  throw new InvalidToolError(`${label}: retries is ${describeOption(retries)}; it must be 0, or ${advice}.`)
}

/** Names that no input can have: `$result` and `$input` mark references, and `__proto__` is refused in every call. */
const reserved = ['$result', '$input', '__proto__']

function checkInputSchema(label: string, schema: object): void {
  const type: unknown = Reflect.get(schema, 'type')
  if (type !== 'object') throw new InvalidToolError(`${label}/type is ${describeOption(type)}; it must be "object".`)
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
