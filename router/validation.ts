// Ajv is the only validator. Every schema has an Ajv instance of its own: an instance keeps all schemas that it ever
// compiled, so a shared one would grow with every tool that a long-running process creates.

import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'

/**
 * One validation error of Ajv: `instancePath` is a JSON Pointer into the value, `keyword` is the schema keyword that the
 * value does not match, `params` depends on the keyword. `data`, `schema` and `parentSchema` are always set.
 */
export type ValidationError = ErrorObject

/** Validates a value. Returns all validation errors, or an empty list when the value is valid. */
export type Validator = (value: unknown) => readonly ValidationError[]

const validators = new WeakMap<object, Validator>()

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
    const validate = newAjv(namesInheritedMember(schema)).compile(schema)
    validator = (value) => (validate(value) ? none : (validate.errors ?? none))
    validators.set(schema, validator)
  }
  return validator
}

const none: readonly ValidationError[] = []

const inheritedName = new RegExp(`"(?:${Object.getOwnPropertyNames(Object.prototype).join('|')})"`)

/**
 * Whether a schema names a member that every object inherits, such as `constructor` or `toString`. Only then does Ajv check
 * each member with `hasOwn`, because that makes validation slower.
 */
function namesInheritedMember(schema: object): boolean {
  return inheritedName.test(JSON.stringify(schema))
}

function newAjv(ownProperties: boolean): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    discriminator: true,
    strict: true,
    strictRequired: false, // it refuses `anyOf: [{ required: ['a'] }, { required: ['b'] }]`, which is good practice
    allowUnionTypes: true,
    allowMatchingProperties: true, // a property that also matches a pattern must match both schemas
    verbose: true, // feedback shows the value and the allowed properties
    logger: false,
    meta: false,
    ownProperties,
    validateSchema: false, // checkSchema validates against `metaSchema`, which compiles in a tenth of the time
  })
  ajvFormats.default(ajv)
  return ajv
}
