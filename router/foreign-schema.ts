// Types of schemas that people already have: Standard JSON Schema (zod, arktype, valibot) and TypeBox. Both are recognised
// by their structure, so no library is imported. to-json-schema.ts converts them at run time.

import { isObject } from './json/json.ts'

/** The two types of a schema that has defaults: of a value that is sent, and of one in which defaults are required. */
export type Direction = 'input' | 'output'

/** Marks a schema of a library that implements Standard Schema, see https://standardschema.dev. */
export interface StandardSchema {
  /** The properties of the standard. `types` has the types of the schema, for inference only. */
  readonly '~standard': object
}

/**
 * Marks a schema that also implements Standard JSON Schema: of zod 4.2 and newer, of arktype, and of valibot with
 * `toStandardJsonSchema` of `@valibot/to-json-schema`. It is loose, because comparing the whole interface with the types of a
 * library is slow.
 */
export interface StandardJsonSchema {
  /** The properties of the standard. `jsonSchema` has a function for each {@link Direction}. */
  readonly '~standard': { readonly jsonSchema: object }
}

/** Marks a schema of TypeBox: `typebox` 1.x, or `@sinclair/typebox`, whose schemas carry their type. */
export type TypeBoxSchema =
  | { readonly '~kind': string }
  | { readonly '~unsafe': unknown }
  | { readonly static: unknown; readonly params: readonly unknown[] }

/** The type of the values of a schema of a library. */
export type InferForeign<S, D extends Direction> = S extends StandardSchema
  ? StandardType<S, D>
  : S extends { readonly static: infer Value; readonly params: readonly unknown[] }
    ? Value
    : FromTypeBox<S, Record<never, never>>

type StandardType<S extends StandardSchema, D extends Direction> = S['~standard'] extends {
  readonly types?: infer Types
}
  ? NonNullable<Types> extends { readonly [Key in D]: infer Value }
    ? Value
    : unknown
  : unknown

/**
 * The type of the values of a `typebox` 1.x schema. It repeats `Static` of TypeBox for everything that JSON can represent,
 * because a type that is imported from a package that is not installed would break the build of everybody else. A template
 * literal is a `string` here.
 *
 * @typeParam Defs the definitions of `Type.Cyclic`.
 */
type FromTypeBox<S, Defs> = S extends { readonly '~unsafe': infer Value }
  ? Value
  : S extends { readonly '~kind': 'Never' }
    ? never
    : S extends { readonly '~kind': 'Object'; readonly properties: infer Properties }
      ? FromProperties<Properties, Defs>
      : S extends { readonly const: infer Value }
        ? Value
        : S extends { readonly enum: infer Values extends readonly unknown[] }
          ? Values[number]
          : S extends { readonly anyOf: infer Branches extends readonly unknown[] }
            ? FromTypeBox<Branches[number], Defs>
            : S extends { readonly allOf: infer Parts extends readonly unknown[] }
              ? Intersection<Parts, Defs>
              : S extends { readonly items: infer Items }
                ? FromItems<Items, Defs>
                : S extends { readonly patternProperties: infer Patterns }
                  ? { [name: string]: FromTypeBox<Patterns[keyof Patterns], Defs> }
                  : S extends { readonly $ref: infer Name }
                    ? FromReference<S, Name, Defs>
                    : S extends { readonly type: infer Type extends keyof Scalars }
                      ? Scalars[Type]
                      : unknown

interface Scalars {
  readonly string: string
  readonly number: number
  readonly integer: number
  readonly boolean: boolean
  readonly null: null
}

type FromItems<Items, Defs> = Items extends readonly unknown[]
  ? { -readonly [Index in keyof Items]: FromTypeBox<Items[Index], Defs> }
  : FromTypeBox<Items, Defs>[]

type FromProperties<P, Defs> = Flat<
  { [Name in keyof P as P[Name] extends Optional ? never : Name]: FromTypeBox<P[Name], Defs> } & {
    [Name in keyof P as P[Name] extends Optional ? Name : never]?: FromTypeBox<P[Name], Defs>
  }
>

interface Optional {
  readonly '~optional': true
}

type Flat<T> = { [Name in keyof T]: T[Name] }

type Intersection<Parts, Defs> = Parts extends readonly [infer First, ...infer Rest]
  ? FromTypeBox<First, Defs> & Intersection<Rest, Defs>
  : unknown

type FromReference<S, Name, Defs> = S extends { readonly $defs: infer Own }
  ? Name extends keyof Own
    ? FromTypeBox<Own[Name], Own>
    : unknown
  : Name extends keyof Defs
    ? FromTypeBox<Defs[Name], Defs>
    : unknown

/** The properties of Standard Schema; `undefined` for anything else. The schemas of arktype are functions. */
export function standardProperties(schema: unknown): StandardProperties | undefined {
  if (!isObject(schema) && typeof schema !== 'function') return undefined
  const properties: unknown = Reflect.get(schema, '~standard')
  return isObject(properties) && hasVendor(properties) ? properties : undefined
}

/** The properties of a {@link StandardSchema} that are used at run time. */
export interface StandardProperties {
  /** Name of the library. */
  readonly vendor: string
  /** Converts the schema. Absent in a library without Standard JSON Schema. */
  readonly jsonSchema?: unknown
}

function hasVendor(properties: object): properties is StandardProperties {
  return typeof Reflect.get(properties, 'vendor') === 'string'
}

/** Whether a schema is one of TypeBox: JSON Schema with hidden members, `~kind` since version 1 and a symbol before. */
export function isTypeBox(schema: unknown): boolean {
  return isObject(schema) && ('~kind' in schema || '~unsafe' in schema || typeBoxKind in schema)
}

const typeBoxKind = Symbol.for('TypeBox.Kind')

/** Marks a `Transform` of `@sinclair/typebox`. */
export const typeBoxTransform: symbol = Symbol.for('TypeBox.Transform')
