/** RFC 6901: the reference tokens of a pointer, or undefined where it is no pointer. The empty pointer is the whole. */
export function parsePointer(pointer: string): string[] | undefined {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) return undefined
  if (/~(?![01])/.test(pointer)) return undefined
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

export type Lookup =
  | { readonly kind: 'found'; readonly value: unknown }
  | { readonly kind: 'missing'; readonly at: unknown; readonly token: string }

/** Follows a pointer; where it ends early, `at` is the value that has no member `token`. */
export function lookUp(document: unknown, tokens: readonly string[]): Lookup {
  let value = document
  for (const token of tokens) {
    if (typeof value !== 'object' || value === null || !hasMember(value, token))
      return { kind: 'missing', at: value, token }
    value = Reflect.get(value, token)
  }
  return { kind: 'found', value }
}

function hasMember(value: object, token: string): boolean {
  // RFC 6901 §4: array indexes have no sign and no leading zero; `length` is not a member.
  if (Array.isArray(value)) return /^(?:0|[1-9]\d*)$/.test(token) && Number(token) < value.length
  return Object.hasOwn(value, token)
}

/** A member's name as a token of a pointer. */
export function escapePointerToken(name: string): string {
  return name.includes('~') || name.includes('/') ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name
}
