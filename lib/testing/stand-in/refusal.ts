export type Fields = { readonly [key: string]: unknown }

/** A 2013 message as MiniMax words it. */
export function refusal(fault: string): string {
  return `invalid params, ${fault} (2013)`
}

/** The server is written in Go and names types in Go's way. */
export function mismatch(type: string, value: unknown): string {
  const names: Readonly<Record<string, string>> = { boolean: 'bool', object: 'object' }
  const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : (names[typeof value] ?? typeof value)
  return `Mismatch type ${type} with value ${kind}`
}

/** Seen as a warning beside a success; here it refuses: nobody knows what a field does that is not documented. */
export function unknownField(name: string): string {
  return `json: unknown field "${name}"`
}

/** One report says so of fields that are null. */
export const nullField = 'invalid chat setting'

export function isText(value: string | undefined): value is string {
  return value !== undefined
}
