import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { metaSchema } from './schema/meta-schema.ts'

export type Fault = ErrorObject

/** Checks a value and returns all faults at once; an empty list means valid. */
export type Validate = (value: unknown) => readonly Fault[]

const compiled = new WeakMap<object, Validate>()

/**
 * The validator of a schema, compiled once per schema object and dropped with it.
 *
 * Each schema has an Ajv of its own: an instance keeps every schema it ever compiled, so a shared one would grow for ever.
 *
 * @throws {Error} Ajv's, when the schema is invalid: one that was not checked before.
 */
export function validatorOf(schema: object): Validate {
  let validate = compiled.get(schema)
  if (validate === undefined) {
    validate = faultsBy(newAjv(namesInherited(schema)).compile(schema))
    compiled.set(schema, validate)
  }
  return validate
}

let validateSchema: Validate | undefined

/** What is wrong with a schema, before it is compiled; `instancePath` is the path inside the schema. */
export function schemaFaults(schema: unknown): readonly Fault[] {
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
    validateSchema: false, // schemaFaults did it, at a tenth of the cost
  })
  ajvFormats.default(ajv)
  return ajv
}

const none: readonly Fault[] = []

function faultsBy(validate: ValidateFunction): Validate {
  return (value) => (validate(value) ? none : (validate.errors ?? none))
}
