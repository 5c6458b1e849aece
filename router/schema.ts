import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import type { KnownKeywords } from './schema/known-keywords.ts'
import type { SchemaObject } from './schema/schema-object.ts'

export type { KnownKeywords } from './schema/known-keywords.ts'
export type { ObjectSchema, Schema, SchemaObject } from './schema/schema-object.ts'

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
