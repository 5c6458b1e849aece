import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import type { Format, foreignKeywords, listKeywords, mapKeywords, memberKeywords } from './schema-keywords.ts'

/**
 * The TypeScript type of the values that a schema allows.
 *
 * It is inferred from `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `patternProperties`,
 * `items`, `prefixItems`, `allOf`, `anyOf`, `oneOf` and from `$ref` where it does not lead back to itself: there the type
 * is `unknown`. Other keywords are checked at run time and leave the type as it is. A property with a `default` is
 * optional, since nothing fills it in.
 *
 * The schema has to be written where it is used, or be declared `as const`. For one that is built at run time declare its
 * type: with `const schema: ObjectSchema = …` the value is an object of unknown members, with `SchemaObject` it is unknown.
 */
export type Infer<S> = SchemaObject extends S ? unknown : FromDraft7<Draft7<S, S, '#'>>

/** A schema as a parameter's type: what is passed is inferred as `S` and has to be a schema of the dialect. */
export type SchemaFor<S> = object & ([S] extends [unknown] ? KnownKeywords<S> : S)

/**
 * The type of what a function may return for a value of type `T`: readonly at every depth, and without the index
 * signature that an open object has, which an interface never has.
 */
export type Returnable<T> = T extends readonly unknown[]
  ? { readonly [Index in keyof T]: Returnable<T[Index]> }
  : T extends object
    ? OrAnyObject<{ readonly [Name in keyof T as Stated<Name, T[Name]>]: Returnable<T[Name]> }>
    : T

type Stated<Name, Value> = string extends Name ? (unknown extends Value ? never : Name) : Name

/** `{}` would allow a string, too. */
type OrAnyObject<T> = [keyof T] extends [never] ? object : T

type FromDraft7<S> = S extends JSONSchema ? FromSchema<S, { keepDefaultedPropertiesOptional: true }> : never

/**
 * A schema in the dialect that json-schema-to-ts infers from: references resolved, tuples in the form of draft 7, and
 * nothing that inference does not read. The keywords dropped here are most of the cost of checking a tool.
 */
type Draft7<S, Root, Seen> = SchemaObject extends S
  ? Anything
  : S extends { readonly $ref: infer Reference }
    ? Reference extends Seen
      ? Anything
      : { readonly allOf: readonly [Draft7<Target<Reference, Root>, Root, Seen | Reference>, Draft7Of<S, Root, Seen>] }
    : S extends { readonly prefixItems: infer Items extends readonly unknown[] }
      ? Draft7Of<Omit<S, 'items'>, Root, Seen> & Tuple<Draft7Members<Items, Root, Seen>>
      : S extends object
        ? Draft7Of<S, Root, Seen>
        : S

type Anything = Record<never, never>

type Draft7Of<S, Root, Seen> = {
  readonly [Key in keyof S as Key extends Inferred ? Key : never]: Key extends 'items' | 'additionalProperties'
    ? Draft7<S[Key], Root, Seen>
    : Key extends 'properties' | 'patternProperties' | 'allOf' | 'anyOf' | 'oneOf'
      ? Draft7Members<S[Key], Root, Seen>
      : Key extends 'required'
        ? Literal<S[Key]>
        : S[Key]
}

/** Names that are not known at compile time require nothing that inference could name. */
type Literal<Names> = Names extends readonly string[] ? (string extends Names[number] ? readonly [] : Names) : Names

type Draft7Members<M, Root, Seen> = { readonly [Key in keyof M]: Draft7<M[Key], Root, Seen> }

type Inferred =
  | 'type'
  | 'enum'
  | 'const'
  | 'properties'
  | 'required'
  | 'additionalProperties'
  | 'patternProperties'
  | 'unevaluatedProperties'
  | 'items'
  | 'allOf'
  | 'anyOf'
  | 'oneOf'

interface Tuple<Items extends readonly unknown[]> {
  readonly items: Items
  readonly minItems: Items['length']
  readonly additionalItems: false
}

type Target<Reference, Root> = Reference extends `#/${infer Map}/${infer Name}`
  ? Map extends keyof Root
    ? Name extends keyof Root[Map]
      ? Root[Map][Name]
      : Anything
    : Anything
  : Anything

export type TypeName = 'array' | 'boolean' | 'integer' | 'null' | 'number' | 'object' | 'string'

/** Any JSON Schema: `true` allows every value and `false` none. */
type Schema = boolean | SchemaObject

type SchemaMap = { readonly [name: string]: Schema }

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
  /**
   * Names the property whose value selects one schema of `oneOf`, so that only errors of that schema are reported. It must
   * be required, and have a `const` or an `enum` in each schema. From OpenAPI; it is not advertised to the model.
   */
  readonly discriminator?: { readonly propertyName: string }
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

/**
 * What a schema has to be, as strict as the run time is, with a message in the place of what is wrong: a misspelt keyword
 * or a required property that a closed object does not declare is a compile error that says so, where it stands.
 */
export type KnownKeywords<S> = {
  readonly [Key in keyof S]: string extends Key
    ? S[Key] // a schema of which nothing is known but that it has members
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

type MapKeyword = (typeof mapKeywords)[number]
type ListKeyword = (typeof listKeywords)[number]
type MemberKeyword = (typeof memberKeywords)[number]

type Members<M> = { readonly [Key in keyof M]: Member<M[Key]> }

type Member<S> = S extends boolean
  ? S
  : S extends readonly unknown[]
    ? 'This takes one schema: use "prefixItems" for a tuple'
    : S extends object
      ? KnownKeywords<S>
      : Schema

/** Without the `undefined` that reading an optional member adds. */
type Value<Key extends keyof SchemaObject> = { readonly [K in keyof SchemaObject]-?: SchemaObject[K] }[Key]

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

type Unknown<Key> = Key extends keyof typeof foreignKeywords
  ? `"${Key}" is not a keyword of JSON Schema 2020-12: ${(typeof foreignKeywords)[Key]}`
  : Key extends string
    ? `"${Key}" is not a JSON Schema keyword`
    : never
