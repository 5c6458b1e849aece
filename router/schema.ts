// Types of JSON Schemas. There are two directions:
//
//   Infer<S>          the type of the values that a schema allows, computed by json-schema-to-ts
//   KnownKeywords<S>  the type that a schema must have, so that a wrong keyword is a compile error at its place
//
// Schemas of other libraries have the types that foreign-schema.ts finds.
//
// Checking 30 tools takes about half a second. Most of it is inference, so `Draft7` first drops every keyword that
// inference does not read. tests/router/check-time.test.ts limits the cost.

import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import type { Direction, InferForeign, StandardJsonSchema, StandardSchema, TypeBoxSchema } from './foreign-schema.ts'
import type { KnownKeywords, ObjectSchema, SchemaObject } from './schema-object.ts'

/**
 * The TypeScript type of the values that a schema allows.
 *
 * It is inferred from `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `patternProperties`,
 * `items`, `prefixItems`, `allOf`, `anyOf`, `oneOf` and `$ref`. A `$ref` that leads back to itself has the type `unknown`.
 * Other keywords are validated at run time and do not change the type. A property with a `default` is optional, because
 * defaults are not filled in.
 *
 * A schema of zod, arktype, valibot or TypeBox has the type that its library gives it. With `D` `input`, members with a
 * default are optional.
 *
 * The schema must be a literal in the call, or be declared `as const`. Declare the type of a schema that is built at run
 * time: with `const schema: ObjectSchema = …` values are objects with unknown members, with `SchemaObject` they are
 * `unknown`.
 *
 * @example
 * const weatherSchema = {
 *   type: 'object',
 *   properties: { city: { type: 'string' }, unit: { enum: ['C', 'F'] } },
 *   required: ['city'],
 *   additionalProperties: false,
 * } as const
 *
 * type Weather = Infer<typeof weatherSchema> // { city: string; unit?: 'C' | 'F' }
 */
export type Infer<S, D extends Direction = 'output'> = S extends ForeignSchema
  ? InferForeign<S, D>
  : SchemaObject extends S
    ? unknown
    : ObjectSchema extends S
      ? { [name: string]: unknown }
      : FromDraft7<Draft7<S, S, '#'>>

/** A schema of another library. */
type ForeignSchema = StandardSchema | TypeBoxSchema

/**
 * The type of a parameter that takes a schema. `S` is inferred from the argument, and the argument must be a valid schema:
 * a misspelt keyword is a compile error at its place.
 *
 * @example
 * declare function validate<const S extends object>(schema: SchemaFor<S>, value: unknown): Infer<S>
 *
 * validate({ type: 'string', minLenght: 1 }, value) // error: "minLenght" is not a JSON Schema keyword
 */
export type SchemaFor<S> = [S] extends [unknown] ? Checked<S> : S

/** The type of a parameter that takes the schema of an object: like {@link SchemaFor}. */
export type InputSchemaFor<I> = [I] extends [unknown] ? CheckedInput<I> : I

/** The constraint of an input schema. It is loose, because inference with a tight one takes seconds. */
export type AnyInputSchema = AnyObjectSchema | ForeignSchema

interface AnyObjectSchema {
  readonly type: 'object'
}

type Checked<S> = S extends StandardSchema
  ? S extends StandardJsonSchema
    ? S
    : NotConvertible
  : S extends TypeBoxSchema
    ? S
    : object & KnownKeywords<S>

type CheckedInput<I> = I extends ForeignSchema
  ? Infer<I, 'input'> extends object
    ? Checked<I>
    : 'The input of a tool must be an object'
  : AnyObjectSchema & KnownKeywords<I>

/** The message for a schema of a library that does not implement Standard JSON Schema. */
type NotConvertible =
  'This schema does not implement Standard JSON Schema: use zod 4.2 or newer, or toStandardJsonSchema of @valibot/to-json-schema'

/**
 * The type that a function may return for a value of type `T`: readonly at every depth, and without the index signature of
 * an open object, because an interface never has one.
 */
export type Returnable<T> = T extends readonly unknown[]
  ? { readonly [Index in keyof T]: Returnable<T[Index]> }
  : T extends object
    ? OrAnyObject<{ readonly [Name in keyof T as Stated<Name, T[Name]>]: Returnable<T[Name]> }>
    : T

/** A name that the schema declares. */
type Stated<Name, Value> = string extends Name ? (unknown extends Value ? never : Name) : Name

/** `{}` would also allow a string. */
type OrAnyObject<T> = [keyof T] extends [never] ? object : T

/** The type that json-schema-to-ts infers from a schema of draft 7. */
type FromDraft7<S> = S extends JSONSchema ? FromSchema<S, { keepDefaultedPropertiesOptional: true }> : never

/**
 * A schema in the dialect of json-schema-to-ts: references are replaced by their targets, tuples have the form of draft 7,
 * and keywords that inference does not read are dropped.
 *
 * @typeParam Root the whole schema, which references lead into.
 * @typeParam Seen the references that led here. A reference that is among them is recursive and becomes `unknown`.
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

/** The schema that allows every value. */
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

/** The required names, as far as they are known at compile time. */
type Literal<Names> = Names extends readonly string[] ? (string extends Names[number] ? readonly [] : Names) : Names

/** The schemas of a map or a list. */
type Draft7Members<M, Root, Seen> = { readonly [Key in keyof M]: Draft7<M[Key], Root, Seen> }

/** Keywords that inference reads. */
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

/** A closed tuple as draft 7 writes it. */
interface Tuple<Items extends readonly unknown[]> {
  readonly items: Items
  readonly minItems: Items['length']
  readonly additionalItems: false
}

/** The schema that a reference such as `#/$defs/<name>` leads to. */
type Target<Reference, Root> = Reference extends `#/${infer Map}/${infer Name}`
  ? Map extends keyof Root
    ? Name extends keyof Root[Map]
      ? Root[Map][Name]
      : Anything
    : Anything
  : Anything
