// Converts schemas of other libraries to JSON Schema, once, when a tool is defined or a run begins. From then on only the
// JSON Schema is used: Ajv validates with it, and the model is shown it.
//
// A value is validated and never transformed. So a schema that would transform it, or that checks what JSON Schema cannot
// express, is refused with the place: a check that nobody makes would be worse. zod, arktype and valibot report such parts
// through options of their own, see `lossOptions`.

import { checkIsJson } from './check-schema.ts'
import { errorMessage, InvalidSchemaError } from './errors.ts'
import {
  type Direction,
  isTypeBox,
  type StandardProperties,
  standardProperties,
  typeBoxTransform,
} from './foreign-schema.ts'
import { isObject } from './json/json.ts'
import { membersOf, resolveReference, type Schema, subschemaKeywords, subschemas } from './schema-keywords.ts'
import { describeOption } from './text/shown-value.ts'
import { tidySchema } from './tidy-schema.ts'
import { relaxStrictMode } from './validation.ts'

/**
 * The JSON Schema of a schema of any kind. Anything that is not a schema of another library is returned as it is.
 *
 * @param label the name of the schema; it begins the message.
 * @param direction for a schema with defaults: `input` if members with a default may be missing, `output` if not.
 * @throws {InvalidSchemaError} that names the place, the problem and what to do.
 */
export function toJsonSchema(label: string, schema: unknown, direction: Direction): unknown {
  const properties = standardProperties(schema)
  if (properties === undefined && !isTypeBox(schema)) return schema
  let converted = cache[direction].get(Object(schema))
  if (converted === undefined) {
    converted =
      properties === undefined ? fromTypeBox(label, schema) : fromStandard(label, schema, properties, direction)
    relaxStrictMode(converted)
    cache[direction].set(Object(schema), converted)
  }
  return converted
}

const cache: Readonly<Record<Direction, WeakMap<object, object>>> = { input: new WeakMap(), output: new WeakMap() }

function fromStandard(
  label: string,
  source: unknown,
  { vendor, jsonSchema }: StandardProperties,
  direction: Direction,
): object {
  if (!isObject(jsonSchema)) {
    const next = remedies.get(vendor) ?? 'convert it to JSON Schema'
    fail(`${label} is a schema of ${vendor} that does not implement Standard JSON Schema; ${next}.`)
  }
  const converted = { input: convert('input'), output: convert('output') }
  const path = firstDifference(converted.input, converted.output)
  if (path !== undefined) refuse(label, path, `${vendor} turns this value into another one`)
  const flags = vendor === 'arktype' ? arktypeFlags(Reflect.get(Object(source), 'json')) : undefined
  if (flags !== undefined) refuse(label, '', flags)
  return converted[direction]

  function convert(way: Direction): Schema {
    const method: unknown = Reflect.get(Object(jsonSchema), way)
    if (typeof method !== 'function') return fail(`${label} is a schema of ${vendor} without jsonSchema.${way}().`)
    let result: unknown
    try {
      result = Reflect.apply(method, jsonSchema, [{ target: 'draft-2020-12', libraryOptions: lossOptions.get(vendor) }])
    } catch (error) {
      return refuse(label, '', `${vendor} cannot convert it to JSON Schema: ${errorMessage(error).replace(/\.$/, '')}`)
    }
    if (!isObject(result)) return refuse(label, '', `${vendor} converts it to ${describeOption(result)}`)
    const own = { ...result } // zod adds a hidden "~standard"
    checkIsJson(label, own)
    const schema = tidySchema(own, { isGenerated: true })
    for (const { schema: one, path } of subschemas(schema)) {
      const { $comment } = one
      if (typeof $comment === 'string' && $comment.startsWith(lost)) {
        refuse(label, path, $comment.slice(lost.length).replace(/\.$/, ''))
      }
    }
    return schema
  }
}

const remedies: ReadonlyMap<string, string> = new Map([
  ['valibot', 'wrap it: toStandardJsonSchema(schema), of @valibot/to-json-schema'],
  ['zod', 'use zod 4.2 or newer'],
  ['arktype', 'use a newer release of arktype'],
])

/** Begins a `$comment` at the place of a loss in the converted schema. */
const lost = 'tenrounds: '

/**
 * Options that make a library mark what JSON Schema cannot express. Without them zod and arktype drop refinements, and
 * arktype turns a `Date` into a schema that allows everything. A library that does not know them reports less.
 */
const lossOptions: ReadonlyMap<string, object> = new Map(
  Object.entries({
    zod: {
      unrepresentable: ({ message }: { readonly message: string }) => ({ $comment: `${lost}${message}` }),
      override: ({ zodSchema, jsonSchema }: { readonly zodSchema: unknown; readonly jsonSchema: object }) => {
        const reason = zodLoss(zodSchema)
        if (reason !== undefined) Object.assign(jsonSchema, { $comment: lost + reason })
        // zod writes the format of one check only. All others but a URL have a pattern, too.
        else if (checksOf(zodSchema).some(({ format }) => format === 'url'))
          Object.assign(jsonSchema, { format: 'uri' })
      },
    },
    arktype: {
      fallback: ({ code }: { readonly code: string }) => ({
        $comment: `${lost}the "${code}" of arktype has no equivalent in JSON Schema`,
      }),
    },
    valibot: { errorMode: 'ignore', overrideSchema: markLoss, overrideAction: markLoss },
  }),
)

interface ValibotPart {
  readonly errors?: readonly string[]
  readonly jsonSchema: object
  readonly valibotSchema?: object
}

function markLoss({ errors = [], jsonSchema, valibotSchema }: ValibotPart) {
  const [reason] = valibotSchema !== undefined && 'fallback' in valibotSchema ? [replaces('fallback()')] : errors
  return reason === undefined ? undefined : { ...jsonSchema, $comment: lost + reason }
}

/** Names what zod does with the value and its JSON Schema does not say. `_zod.def` is its interface for libraries. */
function zodLoss(schema: unknown): string | undefined {
  const definition = definitionOf(schema)
  const { type, in: before, out: after, transform, coerce, keyType, normalize } = definition
  if (typeof type === 'string' && neverJson.has(type)) return `"${type}" cannot be represented in JSON Schema`
  const transforms = [before, after].some((one) => definitionOf(one)['type'] === 'transform')
  const isPipe = type === 'pipe' && (transforms || typeof transform === 'function')
  if (isPipe || coerce === true || type === 'success') return 'zod turns this value into another one'
  if (type === 'catch') return replaces('catch()')
  const definitions = checksOf(schema)
  const kinds = definitions.map(({ check }) => check)
  if (kinds.includes('overwrite') || normalize === true) return 'zod changes this value, for example with trim()'
  if (kinds.includes('custom')) return 'a refinement has no equivalent in JSON Schema'
  if (kinds.includes('property')) return 'a check of a property has no equivalent in JSON Schema'
  const format = definitions.map(formatLoss).find((loss) => loss !== undefined)
  if (format !== undefined) return format
  // The keys of a loose record become patterns, and are not converted on their own.
  if (type === 'record') definitions.push(...[definitionOf(keyType)['checks'] ?? []].flat().map(definitionOf))
  const patterns = definitions.map(({ pattern }) => pattern).filter((pattern) => pattern instanceof RegExp)
  return patterns.map(({ flags }) => flagsLoss(flags)).find((loss) => loss !== undefined)
}

/** The definitions of a schema of zod and of its checks. */
function checksOf(schema: unknown): Schema[] {
  const definition = definitionOf(schema)
  const { checks } = definition
  return [definition, ...(Array.isArray(checks) ? checks.map(definitionOf) : [])]
}

/** The loss of a format of zod that checks more than its JSON Schema says. Most formats have a pattern that says it all. */
function formatLoss({ check, format, pattern, hostname, protocol }: Schema): string | undefined {
  if (check !== 'string_format' || pattern instanceof RegExp) return undefined
  if (format !== 'url') return `the format ${describeOption(format)} has no equivalent in JSON Schema`
  if (hostname === undefined && protocol === undefined) return undefined
  const what = protocol === undefined ? 'host name' : 'protocol'
  return `zod does not write the check of a URL's ${what} into JSON Schema; use a pattern, such as z.url().regex(/^https?:/)`
}

function replaces(method: string): string {
  return `${method} replaces a wrong value by another one`
}

/** JSON Schema has no place for the flags of a pattern. Without them it means something else, except for `u` and a few. */
function flagsLoss(flags: string): string | undefined {
  const [flag] = /[imsy]/.exec(flags) ?? []
  return flag === undefined ? undefined : `the flag "${flag}" of a pattern has no equivalent in JSON Schema`
}

/** The loss of flags in a type of arktype, which does not report it. @param node a part of its property `json`. */
function arktypeFlags(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null) return undefined
  const { rule, flags } = { rule: undefined, flags: undefined, ...node }
  const loss = typeof rule === 'string' && typeof flags === 'string' ? flagsLoss(flags) : undefined
  return (
    loss ??
    Object.values(node)
      .map(arktypeFlags)
      .find((found) => found !== undefined)
  )
}

function definitionOf(schema: unknown): Schema {
  const internals: unknown = isObject(schema) ? schema['_zod'] : undefined
  const definition: unknown = isObject(internals) ? internals['def'] : undefined
  return isObject(definition) ? definition : {}
}

/** Types of zod without JSON. Releases before `unrepresentable` took a function would let them pass. */
const neverJson: ReadonlySet<string> = new Set([
  'date',
  'bigint',
  'symbol',
  'undefined',
  'void',
  'map',
  'set',
  'custom',
  'file',
  'promise',
])

function fromTypeBox(label: string, schema: unknown): object {
  checkIsJson(label, schema)
  for (const { schema: one, path } of subschemas(schema)) {
    if ('~codec' in one || typeBoxTransform in one) refuse(label, path, 'TypeBox turns this value into another one')
    if ('~refine' in one) refuse(label, path, 'a refinement has no equivalent in JSON Schema')
  }
  return tidySchema(schema, { isGenerated: false })
}

function refuse(label: string, path: string, problem: string): never {
  const advice = 'Values are validated with JSON Schema and never transformed'
  fail(`${label}${path}: ${problem}. ${advice}: describe the JSON value here, and do the rest in your own code.`)
}

function fail(message: string): never {
  throw new InvalidSchemaError(message)
}

/**
 * The path of the first place where two schemas describe different values; `undefined` if they are equal.
 *
 * Both are conversions of one schema, of its input and of its output. They differ in annotations, in required members
 * (because of defaults) and in whether an object is closed. Any other difference means that the value is transformed.
 */
function firstDifference(input: object, output: object): string | undefined {
  const seen = new Map<unknown, Set<unknown>>()
  return difference(input, output)

  function difference(a: unknown, b: unknown): string | undefined {
    const one = follow(a, input)
    const other = follow(b, output)
    if (!isObject(one) || !isObject(other)) return one === other ? undefined : ''
    const compared = seen.get(one) ?? new Set()
    if (compared.has(other)) return undefined
    seen.set(one, compared.add(other))
    for (const keyword of new Set([...Object.keys(one), ...Object.keys(other)])) {
      if (irrelevant.has(keyword)) continue
      const [x, y] = [one[keyword], other[keyword]]
      if (keyword === 'additionalProperties' && (x ?? false) === (y ?? false)) continue
      if (!withSchemas.has(keyword)) {
        if (JSON.stringify(x) !== JSON.stringify(y)) return ''
        continue
      }
      const [members, others] = [new Map(membersOf(keyword, x)), new Map(membersOf(keyword, y))]
      for (const name of new Set([...members.keys(), ...others.keys()])) {
        const found = difference(members.get(name), others.get(name))
        if (found !== undefined) return `/${keyword}${name}${found}`
      }
    }
    return undefined
  }
}

const withSchemas: ReadonlySet<string> = new Set(subschemaKeywords.map(([keyword]) => keyword))

const irrelevant: ReadonlySet<string> = new Set([
  '$defs',
  'definitions',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'required',
])

/** The target of references, which lead through definitions whose names can differ. */
function follow(schema: unknown, root: object): unknown {
  let found = schema
  for (let hops = 0; isObject(found) && '$ref' in found && hops < 16; hops++)
    found = resolveReference(found['$ref'], root)
  return found
}
