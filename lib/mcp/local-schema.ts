// Turns a schema of an MCP server into one that is safe to compile, to evaluate and to show to a model. The server validates
// its own input, so the local schema may allow more than the server does. It keeps what a model needs to write a call.
//
// Attacks with a schema, and what prevents them:
//
//   patterns that never end     `pattern`, `patternProperties`, `propertyNames` and `format` are texts for the model only
//   references that multiply    every `$ref` is replaced by its target, within a budget; a recursive one is left open
//   references to other hosts   are refused; nothing is ever fetched
//   hidden text                 titles and descriptions are cleaned and shortened
//
// `not`, `if`, `contains` and `unevaluated…` mean the opposite when a part of them is left out, so they are left out, too.

import { errorMessage } from '../../router/errors.ts'
import { describeValidationErrors } from '../../router/feedback.ts'
import { isLargerThan, isObject, type UnknownObject } from '../../router/json/json.ts'
import { metaSchema, resolveReference, type typeNames } from '../../router/schema-keywords.ts'
import { hasHiddenCharacter, onOneLine, visibleText } from '../../router/text/on-one-line.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { compileSchema } from '../../router/validation.ts'

/** Result of {@link localSchema}. */
export type LocalSchema =
  | { readonly kind: 'usable'; readonly schema: UnknownObject }
  /** `problem` says what is wrong with the schema. */
  | { readonly kind: 'unusable'; readonly problem: string }

/** Largest schema that is read, in bytes. */
const maxSourceBytes = 262_144
/** Largest schema that results, in bytes. It is part of every request to the model. */
const maxBytes = 65_536
/** Bytes that a schema counts in addition to its texts. It limits the time for compiling, up to 0.5 ms for each one. */
const bytesPerSchema = 256
/**
 * Nesting of schemas, and of references within each other, that is tried, the best first. What is deeper is left open, so
 * that a large schema can be used as well.
 */
const detailLevels = [
  { maxDepth: 24, maxReferences: 6 },
  { maxDepth: 6, maxReferences: 2 },
  { maxDepth: 4, maxReferences: 1 },
  { maxDepth: 3, maxReferences: 1 },
  { maxDepth: 2, maxReferences: 1 },
  { maxDepth: 1, maxReferences: 0 },
] as const
/** Longest title or description in a schema, in characters. */
const maxTextLength = 1024
/** Longest pattern or format that a description mentions, in characters. */
const maxHintLength = 100

/**
 * The local schema for a schema of a server. It is compiled, so that later uses cost nothing.
 *
 * If strict mode refuses the whole schema, only types, properties, items and enumerations are kept.
 */
export function localSchema(source: unknown): LocalSchema {
  if (isLargerThan(source, maxSourceBytes)) {
    return { kind: 'unusable', problem: `is larger than ${maxSourceBytes} bytes or nested too deep` }
  }
  if (!isObject(source)) return { kind: 'unusable', problem: `is ${describeOption(source)}; it must be an object` }
  let problem = ''
  for (const keepsAll of [true, false]) {
    for (const detail of detailLevels) {
      const attempt = convertAndCompile(source, keepsAll, detail)
      if (attempt.kind === 'usable') return attempt
      problem ||= attempt.problem
      if (!attempt.isTooLarge) break
    }
  }
  return { kind: 'unusable', problem: onOneLine(problem) }
}

/** A schema that cannot be used. The message continues after the name of the schema. */
class UnusableSchema extends Error {}
class TooLarge extends UnusableSchema {}

type Attempt =
  | { readonly kind: 'usable'; readonly schema: UnknownObject }
  | { readonly kind: 'unusable'; readonly problem: string; readonly isTooLarge: boolean }

function convertAndCompile(root: UnknownObject, keepsAll: boolean, detail: (typeof detailLevels)[number]): Attempt {
  const context: Context = { root, keepsAll, ...detail, open: new Set(), bytesLeft: maxBytes }
  try {
    const schema = convertObject(root, context, '', 0)
    const errors = compileSchema(metaSchema)(schema)
    if (errors.length > 0) throw new UnusableSchema(firstProblem(describeValidationErrors(errors, metaSchema)))
    compileSchema(schema)
    return { kind: 'usable', schema }
  } catch (error) {
    return { kind: 'unusable', problem: errorMessage(error), isTooLarge: error instanceof TooLarge }
  }
}

/** An error in `anyOf` is followed by errors of the schemas around it: the first line is the precise one. */
function firstProblem(description: string): string {
  return (description.split('\n')[0] ?? '').replace(/^- /, '')
}

/** The conversion of one schema. */
interface Context {
  readonly root: UnknownObject
  /** Whether the keywords that combine schemas or limit values are kept. */
  readonly keepsAll: boolean
  /** Nesting of schemas up to which they are converted. */
  readonly maxDepth: number
  /** Nesting of references up to which they are replaced by their targets. */
  readonly maxReferences: number
  /** Targets of the references around. */
  readonly open: Set<unknown>
  bytesLeft: number
}

function spend(bytes: number, context: Context): void {
  context.bytesLeft -= bytes
  if (context.bytesLeft < 0)
    throw new TooLarge(`has more than ${maxBytes / bytesPerSchema} parts or ${maxBytes} bytes, with its references`)
}

function convert(source: unknown, context: Context, path: string, depth: number): unknown {
  if (typeof source === 'boolean') return source
  if (!isObject(source)) throw new UnusableSchema(`${path} is ${describeOption(source)}; it must be a schema`)
  return convertObject(source, context, path, depth)
}

function convertObject(source: UnknownObject, context: Context, path: string, depth: number): UnknownObject {
  spend(bytesPerSchema, context)
  if (source['$ref'] !== undefined) return convertReference(source, context, path, depth)
  if (depth >= context.maxDepth) return outlineOf(source)
  const type = typeOf(source)
  const schema: Record<string, unknown> = { ...(type === undefined ? {} : { type }), ...textsOf(source) }
  for (const keyword of ['enum', 'const', 'default']) {
    const value = source[keyword]
    // A value cannot be cleaned, because the server compares it.
    if (value !== undefined && !hasHiddenCharacter(JSON.stringify(value))) schema[keyword] = value
  }
  if (allows(type, 'object')) Object.assign(schema, objectKeywords(source, context, path, depth))
  if (allows(type, 'array')) Object.assign(schema, arrayKeywords(source, context, path, depth))
  if (context.keepsAll) Object.assign(schema, limitsOf(source, type), branchesOf(source, context, path, depth))
  const { type: _, properties, items, anyOf, allOf, additionalProperties, ...own } = schema
  spend(JSON.stringify(own).length, context)
  return schema
}

/** A reference becomes its target, with the texts that are written next to the reference. */
function convertReference(source: UnknownObject, context: Context, path: string, depth: number): UnknownObject {
  const { $ref } = source
  const target = resolveReference($ref, context.root)
  if (!isObject(target)) {
    throw new UnusableSchema(`${path}/$ref is ${describeOption($ref)}, which is not a schema within this one`)
  }
  const isLeftOpen = context.open.has(target) || target === context.root || context.open.size >= context.maxReferences
  if (isLeftOpen) return { ...outlineOf(target), ...textsOf(source) }
  context.open.add(target)
  const schema = { ...convertObject(target, context, path, depth), ...textsOf(source) }
  context.open.delete(target)
  return schema
}

/** The schema without its parts. */
function outlineOf(source: UnknownObject): UnknownObject {
  const type = typeOf(source)
  return { ...(type === undefined ? {} : { type }), ...textsOf(source) }
}

/** The type. One that is missing is inferred, because strict mode wants it, and people forget it. */
function typeOf({ type, nullable, properties, required, items, enum: values }: UnknownObject): unknown {
  if (typeof type === 'string') return nullable === true && values === undefined ? [type, 'null'] : type
  if (type !== undefined) return type
  if (properties !== undefined || required !== undefined) return 'object'
  return items === undefined ? undefined : 'array'
}

function allows(type: unknown, name: (typeof typeNames)[number]): boolean {
  return type === name || (Array.isArray(type) && type.includes(name))
}

/** Title and description for the model. Rules that are not evaluated here are mentioned in the description. */
function textsOf(source: UnknownObject): UnknownObject {
  const { title, description, pattern, format } = source
  const hints = Object.entries({ pattern, format }).flatMap(([name, value]) =>
    typeof value === 'string' ? [`(${name}: ${visibleText(onOneLine(value), maxHintLength)})`] : [],
  )
  const text = typeof description === 'string' ? visibleText(description, maxTextLength) : ''
  const full = [text, ...hints].filter((part) => part !== '').join(' ')
  return {
    ...(typeof title === 'string' ? { title: visibleText(onOneLine(title), maxHintLength) } : {}),
    ...(full === '' ? {} : { description: full }),
  }
}

function objectKeywords(source: UnknownObject, context: Context, path: string, depth: number): UnknownObject {
  const { properties, required, additionalProperties, patternProperties } = source
  const schema: Record<string, unknown> = {}
  if (properties !== undefined) {
    const members = mapSchemas(properties, context, `${path}/properties`, depth)
    // Strict mode refuses a required name without a property.
    const missing = namesIn(required).filter((name) => !Object.hasOwn(members, name))
    spend(missing.length * bytesPerSchema, context)
    schema['properties'] = Object.fromEntries([...Object.entries(members), ...missing.map((name) => [name, {}])])
  }
  if (required !== undefined) schema['required'] = Array.isArray(required) ? [...new Set(required)] : required
  // A name that only matches a pattern must not be refused.
  if (additionalProperties !== undefined && patternProperties === undefined) {
    schema['additionalProperties'] = convert(additionalProperties, context, `${path}/additionalProperties`, depth + 1)
  }
  return schema
}

function namesIn(required: unknown): readonly string[] {
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : []
}

/** The schemas of a map. A name is sent to the server as it is, so one with hidden characters is refused. */
function mapSchemas(map: unknown, context: Context, path: string, depth: number): UnknownObject {
  if (!isObject(map)) throw new UnusableSchema(`${path} is ${describeOption(map)}; it must be an object with schemas`)
  return Object.fromEntries(
    Object.entries(map).map(([name, member]) => {
      if (hasHiddenCharacter(name)) throw new UnusableSchema(`${path} has a name with invisible characters`)
      spend(name.length, context)
      return [name, convert(member, context, `${path}/${name}`, depth + 1)]
    }),
  )
}

/** `items`, unless it is a tuple: its positions are left to the server. */
function arrayKeywords(source: UnknownObject, context: Context, path: string, depth: number): UnknownObject {
  const { items, prefixItems } = source
  if (items === undefined || Array.isArray(items) || prefixItems !== undefined) return {}
  return { items: convert(items, context, `${path}/items`, depth + 1) }
}

/** Keywords that limit values of one type. `multipleOf` is rounded for fractions, so it is kept for whole numbers only. */
const limitKeywords = {
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  string: ['minLength', 'maxLength'],
  array: ['minItems', 'maxItems'],
  object: ['minProperties', 'maxProperties'],
} as const

function limitsOf(source: UnknownObject, type: unknown): UnknownObject {
  const limits: Record<string, unknown> = {}
  for (const name of ['number', 'string', 'array', 'object'] as const) {
    if (!allows(type, name) && !(name === 'number' && allows(type, 'integer'))) continue
    for (const keyword of limitKeywords[name]) {
      const value = source[keyword]
      const isKept = keyword === 'multipleOf' ? Number.isInteger(value) : typeof value !== 'boolean' // draft 4
      if (value !== undefined && isKept) limits[keyword] = value
    }
  }
  return limits
}

/** Branches of `oneOf` may no longer exclude each other, so they become `anyOf`. */
function branchesOf(source: UnknownObject, context: Context, path: string, depth: number): UnknownObject {
  const branches: Record<string, unknown> = {}
  for (const [keyword, kept] of [
    ['allOf', 'allOf'],
    ['oneOf', 'anyOf'],
    ['anyOf', 'anyOf'],
  ] as const) {
    const list = source[keyword]
    if (list === undefined) continue
    if (!Array.isArray(list)) {
      throw new UnusableSchema(`${path}/${keyword} is ${describeOption(list)}; it must be an array of schemas`)
    }
    branches[kept] = list.map((one, index) => convert(one, context, `${path}/${keyword}/${index}`, depth + 1))
  }
  return branches
}
