import type { Format } from './formats.ts'

export type TypeName = 'array' | 'boolean' | 'integer' | 'null' | 'number' | 'object' | 'string'

/** Any JSON Schema: `true` allows every value and `false` none. */
export type Schema = boolean | SchemaObject

export type SchemaMap = { readonly [name: string]: Schema }

/**
 * A JSON Schema 2020-12 written as an object, with the keywords that are checked at run time and no others. `$ref`
 * points into the schema itself: at the whole, or at one of its `$defs`.
 */
export interface SchemaObject {
  readonly $schema?: 'https://json-schema.org/draft/2020-12/schema'
  /** At the root only. */
  readonly $id?: string
  readonly $ref?: '#' | `#/$defs/${string}` | `#/definitions/${string}`
  readonly $comment?: string
  readonly $defs?: SchemaMap
  readonly definitions?: SchemaMap

  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly deprecated?: boolean
  readonly readOnly?: boolean
  readonly writeOnly?: boolean

  readonly type?: TypeName | readonly TypeName[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown

  readonly allOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly not?: Schema
  readonly if?: Schema
  readonly then?: Schema
  readonly else?: Schema

  readonly properties?: SchemaMap
  readonly patternProperties?: SchemaMap
  readonly additionalProperties?: Schema
  readonly unevaluatedProperties?: Schema
  readonly propertyNames?: Schema
  readonly dependentSchemas?: SchemaMap
  readonly dependentRequired?: { readonly [name: string]: readonly string[] }
  readonly required?: readonly string[]
  readonly minProperties?: number
  readonly maxProperties?: number

  readonly items?: Schema
  /** A tuple: `minItems` has to be its length, and `items` false or `maxItems` its length, too. */
  readonly prefixItems?: readonly Schema[]
  readonly unevaluatedItems?: Schema
  readonly contains?: Schema
  readonly minContains?: number
  readonly maxContains?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean

  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly multipleOf?: number

  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly format?: Format
  readonly contentEncoding?: string
  readonly contentMediaType?: string
}

/** The schema of an object. It also is the type to give a schema that is built at run time: see {@link Infer}. */
export interface ObjectSchema {
  readonly type: 'object'
}
