import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { formats, listKeywords, mapKeywords, memberKeywords } from './schema-keywords.ts'

export type ValidationError = ErrorObject

/** Checks a value and returns all faults at once; an empty list means valid. */
export type Validator = (value: unknown) => readonly ValidationError[]

const compiled = new WeakMap<object, Validator>()

/**
 * The validator of a schema, compiled once per schema object and dropped with it.
 *
 * Each schema has an Ajv of its own: an instance keeps every schema it ever compiled, so a shared one would grow for ever.
 *
 * @throws {Error} Ajv's, when the schema is invalid: one that was not checked before.
 */
export function compileSchema(schema: object): Validator {
  let validate = compiled.get(schema)
  if (validate === undefined) {
    validate = faultsBy(newAjv(namesInherited(schema)).compile(schema))
    compiled.set(schema, validate)
  }
  return validate
}

let validateSchema: Validator | undefined

/** What is wrong with a schema, before it is compiled; `instancePath` is the path inside the schema. */
export function schemaErrors(schema: unknown): readonly ValidationError[] {
  validateSchema ??= faultsBy(newAjv(false).compile(metaSchema))
  return validateSchema(schema)
}

const inherited = new RegExp(`"(?:${Object.getOwnPropertyNames(Object.prototype).join('|')})"`)

/**
 * Whether a schema speaks of a member that every object inherits (`constructor`, `toString`): only then is each member
 * asked for with `hasOwn`, which makes checking slower.
 */
function namesInherited(schema: object): boolean {
  return inherited.test(JSON.stringify(schema))
}

function newAjv(ownProperties: boolean): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    strictRequired: false, // `anyOf: [{ required }, { required }]` is good practice
    allowUnionTypes: true,
    allowMatchingProperties: true, // a property that matches a pattern, too, has to fit both
    verbose: true, // the feedback shows what came
    logger: false,
    meta: false,
    ownProperties,
    validateSchema: false, // schemaErrors did it, at a tenth of the cost
  })
  ajvFormats.default(ajv)
  return ajv
}

const none: readonly ValidationError[] = []

function faultsBy(validate: ValidateFunction): Validator {
  return (value) => (validate(value) ? none : (validate.errors ?? none))
}

const schemaMap = { type: 'object', additionalProperties: { $ref: '#' } } as const
const schemaList = { type: 'array', minItems: 1, items: { $ref: '#' } } as const
const schema = { $ref: '#' } as const
const count = { type: 'integer', minimum: 0 } as const
const text = { type: 'string' } as const
const names = { type: 'array', items: text, uniqueItems: true } as const
const typeName = { enum: ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'] } as const

/**
 * JSON Schema 2020-12, stated as one closed schema: a misspelt keyword is a fault with a path.
 *
 * The official meta-schema allows unknown keywords and takes ten times as long to compile (77 ms against 8 ms, Ajv 8.20).
 */
export const metaSchema = {
  type: ['object', 'boolean'],
  additionalProperties: false,
  properties: {
    ...each(mapKeywords, schemaMap),
    ...each(listKeywords, schemaList),
    ...each(memberKeywords, schema),
    $schema: text,
    $id: { type: 'string', format: 'uri-reference', pattern: '^[^#]+$' },
    $ref: text,
    $comment: text,
    title: text,
    description: text,
    default: {},
    examples: { type: 'array' },
    deprecated: { type: 'boolean' },
    readOnly: { type: 'boolean' },
    writeOnly: { type: 'boolean' },
    type: { anyOf: [typeName, { type: 'array', minItems: 1, uniqueItems: true, items: typeName }] },
    enum: { type: 'array', minItems: 1 },
    const: {},
    patternProperties: { ...schemaMap, propertyNames: { type: 'string', format: 'regex' } },
    dependentRequired: { type: 'object', additionalProperties: names },
    required: names,
    minProperties: count,
    maxProperties: count,
    minContains: count,
    maxContains: count,
    minItems: count,
    maxItems: count,
    uniqueItems: { type: 'boolean' },
    minimum: { type: 'number' },
    maximum: { type: 'number' },
    exclusiveMinimum: { type: 'number' },
    exclusiveMaximum: { type: 'number' },
    multipleOf: { type: 'number', exclusiveMinimum: 0 },
    minLength: count,
    maxLength: count,
    pattern: { type: 'string', format: 'regex' },
    format: { enum: formats },
    contentEncoding: text,
    contentMediaType: text,
  },
} as const

function each<Keyword extends string, S>(keywords: readonly Keyword[], schema: S): Record<Keyword, S> {
  return Object.fromEntries(keywords.map((keyword) => [keyword, schema])) as Record<Keyword, S>
}
