// JSON Pointers (RFC 6901) address a value inside a document: `/a/0/b` is member `b` of the first item of member `a`, and
// the empty pointer is the document itself. In a member's name `~` is written `~0` and `/` is written `~1`.

/** The unescaped reference tokens of a JSON Pointer; `undefined` when `pointer` is not one. */
export function parsePointer(pointer: string): string[] | undefined {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) return undefined
  if (/~(?![01])/.test(pointer)) return undefined
  return pointer.slice(1).split('/').map(unescapePointerToken)
}

/** The member's name that an escaped token of a JSON Pointer denotes. */
function unescapePointerToken(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** Result of {@link lookUp}. */
type Lookup =
  /** The pointer leads to `value`. */
  | { readonly kind: 'found'; readonly value: unknown }
  /** The value `at`, which an earlier part of the pointer leads to, has no member `token`. */
  | { readonly kind: 'missing'; readonly at: unknown; readonly token: string }

/** Follows the tokens of a JSON Pointer through a document. Inherited members and `length` of arrays do not count. */
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

/** Escapes a member's name for use in a JSON Pointer. */
export function escapePointerToken(name: string): string {
  return name.includes('~') || name.includes('/') ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name
}
