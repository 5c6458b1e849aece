// Ajv is the only validator. Every schema has an Ajv instance of its own: an instance keeps all schemas that it ever
// compiled, so a shared one would grow with every tool that a long-running process creates.

import { Ajv2020, type ErrorObject, Name, type ValidateFunction } from 'ajv/dist/2020.js'
import { mergeEvaluated } from 'ajv/dist/compile/util.js'
import ajvFormats from 'ajv-formats'
import { subschemas } from './schema-keywords.ts'

/**
 * One validation error of Ajv: `instancePath` is a JSON Pointer into the value, `keyword` is the schema keyword that the
 * value does not match, `params` depends on the keyword. `data`, `schema` and `parentSchema` are always set.
 */
export type ValidationError = ErrorObject

/** Validates a value. Returns all validation errors, or an empty list when the value is valid. */
export type Validator = (value: unknown) => readonly ValidationError[]

const validators = new WeakMap<object, Validator>()
const quickValidators = new WeakMap<object, Validator>()

/**
 * Compiles a schema. The validator is cached with the schema object, so a schema is compiled once.
 *
 * @throws Ajv's error when strict mode refuses the schema. `checkSchema` explains such errors.
 *
 * @example
 * const validate = compileSchema({ type: 'object', properties: { days: { type: 'integer' } } })
 * validate({ days: 3 })    // []
 * validate({ days: '3' })  // [{ instancePath: '/days', keyword: 'type', … }]
 */
export function compileSchema(schema: object): Validator {
  let validator = validators.get(schema)
  if (validator === undefined) {
    validator = returningErrors(newAjv(schema, !relaxed.has(schema)).compile(schema))
    validators.set(schema, validator)
  }
  return validator
}

const relaxed = new WeakSet<object>()

/** Compiles a schema without Ajv's strict mode. That is for people: libraries leave out what it asks for. */
export function relaxStrictMode(schema: object): void {
  relaxed.add(schema)
}

/**
 * Compiles a schema like {@link compileSchema}. The validator stops at the first error, because collecting the errors of
 * a large value can take seconds.
 */
export function compileQuick(schema: object): Validator {
  let validator = quickValidators.get(schema)
  if (validator === undefined) {
    validator = returningErrors(newAjv(schema, true, false).compile(schema))
    quickValidators.set(schema, validator)
  }
  return validator
}

interface Parts {
  readonly ajv: Ajv2020
  /** JSON Pointers to the schemas within the whole. */
  readonly pointers: ReadonlyMap<unknown, string>
  readonly validators: Map<unknown, Validator>
}

const partsOfSchemas = new WeakMap<object, Parts>()

/**
 * Compiles a schema that is part of another, such as one branch of a union, with its references into the whole. Only
 * explaining errors of unions needs this, so it is done when a union does not match for the first time.
 */
export function compilePart(root: object, part: unknown): Validator {
  let parts = partsOfSchemas.get(root)
  if (parts === undefined) {
    const pointers = new Map([...subschemas(root)].map(({ schema, path }) => [schema, path]))
    // Not strict: a part may need the `type` of the schema around it. Strict mode has already checked the whole.
    parts = { ajv: newAjv(root, false).addSchema(root, 'root'), pointers, validators: new Map() }
    partsOfSchemas.set(root, parts)
  }
  let validator = parts.validators.get(part)
  if (validator === undefined) {
    const pointer = parts.pointers.get(part)
    const fragment = pointer?.split('/').map(encodeURIComponent).join('/')
    validator = returningErrors(
      parts.ajv.compile(fragment === undefined ? Boolean(part) : { $ref: `root#${fragment}` }),
    )
    parts.validators.set(part, validator)
  }
  return validator
}

const none: readonly ValidationError[] = []

function returningErrors(validate: ValidateFunction): Validator {
  return (value) => (validate(value) ? none : (validate.errors ?? none))
}

const inheritedName = new RegExp(`"(?:${Object.getOwnPropertyNames(Object.prototype).join('|')})"`)

/**
 * Whether a schema names a member that every object inherits, such as `constructor` or `toString`. Only then does Ajv check
 * each member with `hasOwn`, because that makes validation slower.
 */
function namesInheritedMember(schema: object): boolean {
  return inheritedName.test(JSON.stringify(schema))
}

function newAjv(schema: object, strict = true, allErrors = true): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors,
    discriminator: true,
    strict,
    strictRequired: false, // it refuses `anyOf: [{ required: ['a'] }, { required: ['b'] }]`, which is good practice
    allowUnionTypes: true,
    allowMatchingProperties: true, // a property that also matches a pattern must match both schemas
    verbose: true, // feedback shows the value and the allowed properties
    logger: false,
    meta: false,
    ownProperties: namesInheritedMember(schema),
    validateSchema: false, // checkSchema validates against `metaSchema`, which compiles in a tenth of the time
  })
  ajvFormats.default(ajv)
  correctPatternProperties(ajv)
  return ajv
}

/**
 * Makes `patternProperties` write the names that it evaluates into an object of its own. Ajv 8.20 writes them into the object
 * of the keywords before it, and throws a `TypeError` for some values, because that can be `undefined`: next to a `$ref` or
 * a `oneOf`, under `unevaluatedProperties`.
 */
function correctPatternProperties(ajv: Ajv2020): void {
  const original = ajv.getKeyword('patternProperties')
  if (typeof original !== 'object' || !('code' in original)) return
  ajv.removeKeyword('patternProperties').addKeyword({
    ...original,
    before: 'unevaluatedProperties', // it uses the names
    code(context, type) {
      const { it, gen } = context
      const earlier = it.props
      if (earlier instanceof Name) delete it.props
      original.code(context, type)
      if (earlier instanceof Name) {
        it.props = it.props instanceof Name ? mergeEvaluated.props(gen, earlier, it.props, Name) : earlier
      }
    },
  })
}
