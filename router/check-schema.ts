// Checks schemas that people write, so that a mistake is reported with its place instead of ignored. There are two steps:
//
//   checkKeywords   without compiling: is it JSON, does every keyword exist, is every required name a property. `defineTool`
//                   calls it at import, so it is cheap.
//   checkSchema     everything: also validates keyword values, and lets Ajv compile the schema in strict mode.
//
// Ajv's strict mode finds what JSON Schema allows and nobody means, such as `minimum` on a string. It does not find
// references that never end and required properties that cannot exist, so these are checked here.

import { errorMessage, InvalidSchemaError } from './errors.ts'
import { describeValidationErrors } from './feedback.ts'
import { standardProperties } from './foreign-schema.ts'
import { isObject } from './json/json.ts'
import { escapePointerToken } from './json/json-pointer.ts'
import {
  decodeFragment,
  foreignKeywords,
  membersOf,
  metaSchema,
  resolveReference,
  type Schema,
  subschemaKeywords,
  subschemas,
} from './schema-keywords.ts'
import { closest } from './text/closest.ts'
import { describeOption, shownValue } from './text/shown-value.ts'
import { compileSchema } from './validation.ts'

/**
 * Checks a schema without compiling it: it is a JSON object, all keywords in it exist, and required names are properties.
 *
 * @param label the name of the schema; it begins the message.
 * @throws {InvalidSchemaError} that names the place and what to write instead.
 */
export function checkKeywords(label: string, schema: unknown): asserts schema is object {
  if (!isObject(schema)) fail(label, ` is ${describeOption(schema)}; it must be a JSON Schema object`)
  checkIsJson(label, schema)
  for (const { schema: one, path } of subschemas(schema)) {
    for (const keyword of Object.keys(one)) {
      if (!Object.hasOwn(metaSchema.properties, keyword)) fail(label, `${path}: ${describeKeyword(keyword)}`)
    }
    const missing = isWhole(one, path) ? missingProperty(one) : undefined
    if (missing !== undefined) {
      const similar = closest(missing, Object.keys(one['properties'] as object))
      const advice = similar === undefined ? 'add it there' : `did you mean "${similar}"?`
      fail(label, `${path}/required: "${missing}" is not in "properties"; ${advice}`)
    }
    if (path !== '' && '$id' in one) fail(label, `${path}/$id: only the root of a schema can have an "$id"`)
  }
}

/** @throws {InvalidSchemaError} when JSON cannot represent a schema: it contains itself, a function or a number like `NaN`. */
export function checkIsJson(label: string, schema: unknown): void {
  const problem = jsonProblem(schema)
  if (problem !== undefined) fail(label, problem)
}

/** The paths of schemas that apply together with another one, in which the properties may be. */
const partOfAnother =
  /\/(?:(?:allOf|anyOf|oneOf)\/\d+|(?:dependentSchemas|\$defs|definitions)\/[^/]*|not|if|then|else)$/

/** Whether a schema itself has the properties of its objects. */
function isWhole(schema: Schema, path: string): boolean {
  return !partOfAnother.test(path) && !('$ref' in schema) && !sameValue.some((keyword) => keyword in schema)
}

/** A required name without a property, which is almost always a typo: then the schema accepts no value that was meant. */
function missingProperty({
  required,
  properties,
  patternProperties = {},
  additionalProperties = true,
}: Schema): string | undefined {
  if (!isObject(properties) || !Array.isArray(required) || typeof additionalProperties === 'object') return undefined
  const matches = (name: string) =>
    Object.keys(patternProperties as object).some((pattern) => matchesName(pattern, name))
  return required.find((name) => typeof name === 'string' && !Object.hasOwn(properties, name) && !matches(name))
}

/** An invalid pattern is reported when the schema is compiled. */
function matchesName(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(name)
  } catch {
    return true
  }
}

const checkedSchemas = new WeakSet<object>()

/**
 * Checks a schema completely and compiles it. {@link compileSchema} returns the compiled validator afterwards.
 *
 * @param label the name of the schema; it begins the message.
 * @throws {InvalidSchemaError} that names the place, the problem and the value.
 */
export function checkSchema(label: string, schema: unknown): asserts schema is object {
  if (isObject(schema) && checkedSchemas.has(schema)) return
  checkKeywords(label, schema)
  const errors = compileSchema(metaSchema)(schema)
  if (errors.length > 0) {
    // An error in `anyOf` is followed by errors of the schemas around it: the first line is the precise one.
    const [line = ''] = describeValidationErrors(errors, metaSchema).split('\n')
    fail(label, line.replace(/^- (?:\(root\))?/, ''))
  }
  const root = schema as Schema
  for (const { schema: one, path } of subschemas(root)) {
    const { $ref } = one
    if (typeof $ref !== 'string') continue
    if (!reference.test($ref)) {
      fail(label, `${path}/$ref is ${describeOption($ref)}; it must be "#" or "#/$defs/<name>", within the same schema`)
    }
    if (resolveReference($ref, root) === undefined) {
      fail(label, `${path}/$ref is ${describeOption($ref)}, which the schema does not have`)
    }
  }
  const endless = findEndless(root)
  for (const { schema: one, path } of subschemas(root)) {
    const name = undeclaredName(one)
    if (name !== undefined)
      fail(label, `${path}/required: "${name}" is not one of the properties, and no others are allowed`)
    if (endless(one))
      fail(label, `${path}: "$ref" leads back here for the same value; put "properties" or "items" in between`)
  }
  const refusal = compileError(schema)
  if (refusal !== undefined) fail(label, explain(refusal, root))
  checkedSchemas.add(schema)
}

function fail(label: string, problem: string): never {
  throw new InvalidSchemaError(`${label}${problem}${/[.?]$/.test(problem) ? '' : '.'}`)
}

function describeKeyword(keyword: string): string {
  const advice = Object.entries(foreignKeywords).find(([foreign]) => foreign === keyword)?.[1]
  if (advice !== undefined) return `"${keyword}" is not a keyword of JSON Schema 2020-12: ${advice}`
  const meant = closest(keyword, Object.keys(metaSchema.properties))
  return `"${keyword}" is not a JSON Schema keyword${meant === undefined ? '' : `; did you mean "${meant}"?`}`
}

/** Far deeper than any schema that a model could follow, and well within the stack of code that walks it. */
const maxSchemaDepth = 200

/** The path and description of a value that JSON cannot represent; `undefined` when all can be represented. */
function jsonProblem(value: unknown, path = '', around: object[] = []): string | undefined {
  const properties = standardProperties(value)
  if (properties !== undefined) {
    return `${path} is a schema of ${properties.vendor} within a JSON Schema; use one of the two for the whole schema`
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return `${path} is ${value}, which JSON cannot represent`
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') {
    return `${path} is a ${typeof value}, which JSON cannot represent`
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (around.includes(value)) return `${path} contains itself; point at it with "$ref" instead`
  if (around.length >= maxSchemaDepth) return `${path.slice(0, 80)}… is nested deeper than ${maxSchemaDepth} levels`
  around.push(value)
  for (const [name, member] of Object.entries(value)) {
    const problem = jsonProblem(member, `${path}/${escapePointerToken(name)}`, around)
    if (problem !== undefined) return problem
  }
  around.pop()
  return undefined
}

/** A required name that a closed object does not declare: no value could ever match. */
function undeclaredName({
  required,
  properties = {},
  patternProperties,
  additionalProperties,
}: Schema): string | undefined {
  if (additionalProperties !== false || patternProperties !== undefined || !Array.isArray(required)) return undefined
  return required.find((name) => !Object.hasOwn(properties as object, name))
}

/** Keywords that apply schemas to the same value, not to a member or an item of it. */
const sameValue = subschemaKeywords
  .filter(([, , appliesTo]) => appliesTo === 'same' || appliesTo === 'condition')
  .map(([keyword]) => keyword)

/**
 * Returns a function that says whether a schema leads back to itself for the same value, as in
 * `{ $defs: { x: { allOf: [{ $ref: '#/$defs/x' }] } } }`. Validating a value against it would never end.
 */
function findEndless(root: Schema): (schema: unknown) => boolean {
  const open = new Set<unknown>()
  const finite = new Set<unknown>()
  const isEndless = (schema: unknown): boolean => {
    if (!isObject(schema) || finite.has(schema)) return false
    if (open.has(schema)) return true
    open.add(schema)
    const applied = sameValue.flatMap((keyword) => membersOf(keyword, schema[keyword]).map(([, member]) => member))
    const found = [resolveReference(schema['$ref'], root), ...applied].some(isEndless)
    open.delete(schema)
    if (!found) finite.add(schema)
    return found
  }
  return isEndless
}

/** References lead to the whole schema or to a definition: other paths differ in the schema that the model is shown. */
const reference = /^#(?:\/(?:\$defs|definitions)\/[^/#]+)?$/

/** Ajv's reason for refusing a schema; `undefined` when it compiles. */
function compileError(schema: object): string | undefined {
  try {
    compileSchema(schema)
    return undefined
  } catch (error) {
    return errorMessage(error)
  }
}

/** A message of Ajv: the problem, and the path that some messages have. */
const strictMessage = /^(?:strict mode: )?(.*?)(?: at(?: path)? "#([^"]*)")?(?: \(strict\w+\))?$/s

/** Ajv's messages that need its documentation, and what they mean. */
const plainer: readonly (readonly [RegExp, string])[] = [
  [/^missing type "(.*)" for keyword "(.*)"/, '"$2" needs "type": "$1"'],
  [/^type "(.*)" not allowed by context "(.*)"/, 'type "$1" contradicts type "$2" of the schema around it'],
  [/^"prefixItems" is (\d+)-tuple.*/, '"prefixItems" has $1 schemas; add "minItems": $1 and "items": false'],
]

/** A message of Ajv as the path, the problem and the schema that has it. */
function explain(message: string, root: Schema): string {
  const { problem } = splitMessage(message)
  const path = locate(problem, root)
  const words = plainer.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), problem)
  const found = [...subschemas(root)].find((one) => one.path === path)?.schema
  return `${path}: ${words}, in ${shownValue(found ?? root, 120)}`
}

/**
 * The path of the innermost schema that Ajv refuses for the same reason on its own. Ajv's messages do not help: most have
 * no path, and a path that leads through a `$ref` begins at its target.
 */
function locate(problem: string, root: Schema): string {
  let path = ''
  for (const { schema, path: at } of subschemas(root)) {
    // Without references, because a schema that only refers to the wrong one is not the place.
    const alone: object = JSON.parse(JSON.stringify(schema, (name, value) => (name === '$ref' ? undefined : value)))
    const refusal = splitMessage(compileError(alone) ?? '')
    if (refusal.problem === problem) path = at + refusal.path
  }
  return path
}

function splitMessage(message: string): { readonly problem: string; readonly path: string } {
  const [, problem = message, fragment = ''] = strictMessage.exec(message) ?? []
  return { problem, path: decodeFragment(fragment) }
}
