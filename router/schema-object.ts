// The types of JSON Schema literals: the keywords, and the type that a schema must have, so that a wrong keyword is a
// compile error at its place.

import type { dialect, Format, foreignKeywords, KeywordHolding, typeNames } from './schema-keywords.ts'

/** A value of `type`. */
type TypeName = (typeof typeNames)[number]

/** Any JSON Schema. `true` allows every value, `false` allows no value. */
type Schema = boolean | SchemaObject

type SchemaMap = { readonly [name: string]: Schema }

/** A JSON Schema 2020-12 object with the keywords that are validated at run time. Other keywords are refused. */
export interface SchemaObject {
  /** The dialect. It can be left out. */
  readonly $schema?: typeof dialect
  /** URI of the schema, at its root only. */
  readonly $id?: string
  /** Includes the whole schema or one of its definitions. References to other schemas are refused. */
  readonly $ref?: '#' | `#/$defs/${string}` | `#/definitions/${string}`
  /** Note for the reader of the schema. */
  readonly $comment?: string
  /** Schemas for `$ref`. Only those at the root are found. */
  readonly $defs?: SchemaMap
  /** Older name of `$defs`. */
  readonly definitions?: SchemaMap

  /** Title, which the model sees. */
  readonly title?: string
  /** Explanation, which the model sees. */
  readonly description?: string
  /** Value that the tool uses when none is given. It is not filled in. */
  readonly default?: unknown
  /** Example values, which the model sees. */
  readonly examples?: readonly unknown[]
  /** Whether the value should not be used any more. Not validated. */
  readonly deprecated?: boolean
  /** `true` for a document of another tool that the model only passes on: only its type and description are advertised. */
  readonly readOnly?: boolean
  /** `true` for a value that the model itself writes: no reference is advertised for it or in it. Not validated. */
  readonly writeOnly?: boolean

  /** The type, or several. */
  readonly type?: TypeName | readonly TypeName[]
  /** All allowed values. */
  readonly enum?: readonly unknown[]
  /** The only allowed value. */
  readonly const?: unknown

  /** The value must match all schemas. */
  readonly allOf?: readonly Schema[]
  /** The value must match at least one schema. */
  readonly anyOf?: readonly Schema[]
  /** The value must match exactly one schema. With a `discriminator`, errors are more precise. */
  readonly oneOf?: readonly Schema[]
  /**
   * Names the property whose value selects one schema of `oneOf`, so that only errors of that schema are reported. It must
   * be required, and have a `const` or an `enum` in each schema. From OpenAPI; it is not advertised to the model.
   */
  readonly discriminator?: { readonly propertyName: string }
  /** The value must not match the schema. */
  readonly not?: Schema
  /** Condition for `then` and `else`. */
  readonly if?: Schema
  /** Applies when the value matches `if`. */
  readonly then?: Schema
  /** Applies when the value does not match `if`. */
  readonly else?: Schema

  /** Schemas of properties, by name. */
  readonly properties?: SchemaMap
  /** Schemas of properties, by regular expressions that their names match. */
  readonly patternProperties?: SchemaMap
  /** Schema of all other properties; `false` allows no others. */
  readonly additionalProperties?: Schema
  /** Like `additionalProperties`, but also knows the properties of `allOf`, `anyOf`, `oneOf`, `$ref`, `if`. */
  readonly unevaluatedProperties?: Schema
  /** Schema of all property names. */
  readonly propertyNames?: Schema
  /** Schemas for the whole object that apply when a property is present. */
  readonly dependentSchemas?: SchemaMap
  /** Properties that are required when a property is present. */
  readonly dependentRequired?: { readonly [name: string]: readonly string[] }
  /** Names of the properties that must be present. */
  readonly required?: readonly string[]
  /** Smallest number of properties. */
  readonly minProperties?: number
  /** Largest number of properties. */
  readonly maxProperties?: number

  /** Schema of all items; after `prefixItems`, of the items that follow. `false` allows no items. */
  readonly items?: Schema
  /** Schemas of a tuple. `minItems` must be its length, and either `items` must be `false` or `maxItems` its length. */
  readonly prefixItems?: readonly Schema[]
  /** Like `items`, but also knows the items of `allOf`, `anyOf`, `oneOf`, `$ref`, `if`, `contains`. */
  readonly unevaluatedItems?: Schema
  /** Schema that at least one item must match. */
  readonly contains?: Schema
  /** Smallest number of items that match `contains`. @defaultValue 1 */
  readonly minContains?: number
  /** Largest number of items that match `contains`. */
  readonly maxContains?: number
  /** Smallest number of items. */
  readonly minItems?: number
  /** Largest number of items. */
  readonly maxItems?: number
  /** Whether all items must be different. */
  readonly uniqueItems?: boolean

  /** Smallest number. */
  readonly minimum?: number
  /** Largest number. */
  readonly maximum?: number
  /** The number must be larger than this. */
  readonly exclusiveMinimum?: number
  /** The number must be smaller than this. */
  readonly exclusiveMaximum?: number
  /** The number must be a multiple of this. */
  readonly multipleOf?: number

  /** Smallest number of characters. */
  readonly minLength?: number
  /** Largest number of characters. */
  readonly maxLength?: number
  /** Regular expression that the string must match somewhere. */
  readonly pattern?: string
  /** Format that the string, or the number, must have. */
  readonly format?: Format
  /** Encoding of a string with binary content, for example `base64`. Not validated. */
  readonly contentEncoding?: string
  /** Media type of the content of a string. Not validated. */
  readonly contentMediaType?: string
}

/** The schema of an object. Also the type for an input schema that is built at run time, see {@link Infer}. */
export interface ObjectSchema extends SchemaObject {
  /** An input is always an object. */
  readonly type: 'object'
}

/**
 * The type that a schema must have. It is as strict as the checks at run time. The type of a wrong member is a message, so
 * that the compile error explains itself: for a misspelt keyword, and for a required property that a closed object does not
 * declare.
 */
export type KnownKeywords<S> = {
  readonly [Key in keyof S]: string extends Key
    ? S[Key] // an index signature: nothing is known about the members
    : Key extends MapKeyword
      ? S[Key] extends { readonly [name: string]: unknown }
        ? Members<S[Key]>
        : SchemaMap
      : Key extends ListKeyword
        ? S[Key] extends readonly unknown[]
          ? Members<S[Key]>
          : readonly Schema[]
        : Key extends MemberKeyword
          ? Member<S[Key]>
          : Key extends 'required'
            ? Required<S, S[Key]>
            : Key extends keyof SchemaObject
              ? Value<Key>
              : Unknown<Key>
}

type MapKeyword = KeywordHolding<'map'>
type ListKeyword = KeywordHolding<'list'>
type MemberKeyword = KeywordHolding<'one'>

/** The types that the schemas of a map or a list must have. */
type Members<M> = { readonly [Key in keyof M]: Member<M[Key]> }

/** The type that one nested schema must have. */
type Member<S> = S extends boolean
  ? S
  : S extends readonly unknown[]
    ? 'This takes one schema: use "prefixItems" for a tuple'
    : S extends object
      ? KnownKeywords<S>
      : Schema

/** The type of a keyword, without the `undefined` that reading an optional member adds. */
type Value<Key extends keyof SchemaObject> = { readonly [K in keyof SchemaObject]-?: SchemaObject[K] }[Key]

/** The type of `required`: a closed object must declare every name. */
type Required<S, Names> = S extends { readonly additionalProperties: false }
  ? S extends { readonly patternProperties: unknown }
    ? readonly string[]
    : Names extends readonly string[]
      ? { readonly [Index in keyof Names]: Declared<Names[Index], S> }
      : readonly string[]
  : readonly string[]

type Declared<Name, S> = string extends Name
  ? string
  : S extends { readonly properties: infer Properties }
    ? Name extends keyof Properties
      ? Name
      : Undeclared<Name>
    : Undeclared<Name>

type Undeclared<Name> = `"${Name & string}" is required, but it is not among the properties`

/** The message for an unknown keyword. */
type Unknown<Key> = Key extends keyof typeof foreignKeywords
  ? `"${Key}" is not a keyword of JSON Schema 2020-12: ${(typeof foreignKeywords)[Key]}`
  : Key extends string
    ? `"${Key}" is not a JSON Schema keyword`
    : never
