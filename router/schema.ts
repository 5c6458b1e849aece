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
