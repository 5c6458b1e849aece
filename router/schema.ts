import type { FromSchema, JSONSchema } from 'json-schema-to-ts'

/** A JSON Schema written as an object (not `true` or `false`), inside the subset that types can be inferred from. */
export type SchemaObject = Exclude<JSONSchema, boolean>

/** The loose constraint that keeps inference cheap; the tight one is the intersection with {@link SchemaObject}. */
export interface ObjectSchema {
  readonly type: 'object'
}

/**
 * The TypeScript type of the values that a schema allows.
 *
 * The conditional form matters: `FromSchema<S>` used directly in a generic signature takes tens of seconds to check
 * and ends in TS2589.
 */
export type Infer<S> = S extends SchemaObject ? FromSchema<S> : never

type MapKeyword = 'properties' | 'patternProperties' | 'definitions' | '$defs' | 'dependencies'

type MemberKeyword =
  | 'items'
  | 'additionalItems'
  | 'additionalProperties'
  | 'contains'
  | 'propertyNames'
  | 'not'
  | 'if'
  | 'then'
  | 'else'
  | 'allOf'
  | 'anyOf'
  | 'oneOf'

/**
 * A schema with `never` in the place of every key that is no keyword: intersected with the schema's own type, it makes a
 * misspelt keyword a compile error, which inference alone lets pass.
 */
export type KnownKeywords<S> = S extends readonly unknown[]
  ? { readonly [Index in keyof S]: KnownKeywords<S[Index]> }
  : S extends object
    ? {
        readonly [Key in keyof S]: Key extends MapKeyword
          ? { readonly [Name in keyof S[Key]]: KnownKeywords<S[Key][Name]> }
          : Key extends MemberKeyword
            ? KnownKeywords<S[Key]>
            : Key extends keyof SchemaObject
              ? S[Key]
              : never
      }
    : S
