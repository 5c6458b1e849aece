/** Any value that JSON text can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export type JsonObject = { readonly [key: string]: Json }

export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The deepest nesting that is read from a model: `JSON.stringify` overflows the stack some thousands of levels down. */
export const maxDepth = 64

export function isTooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth >= maxDepth) return true
  for (const key in value) if (isTooDeep(Reflect.get(value, key), depth + 1)) return true
  return false
}
