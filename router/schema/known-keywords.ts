import type { foreignKeywords, listKeywords, mapKeywords, memberKeywords } from './schema-keywords.ts'
import type { Schema, SchemaMap, SchemaObject } from './schema-object.ts'

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
