import { isObject } from './json/json.ts'
import { escapePointerToken } from './json/json-pointer.ts'
import type { TypeName } from './schema.ts'
import { listKeywords, mapKeywords, memberKeywords } from './schema-keywords.ts'

/** One schema inside another, or the whole. */
export interface Place {
  readonly schema: { readonly [keyword: string]: unknown }
  /** A JSON Pointer; empty at the root. */
  readonly path: string
  /** The types that the schemas around this one leave to the same value; empty where they say nothing. */
  readonly around: readonly TypeName[]
}

/**
 * The first fault that a check finds in a schema and in those inside it, as a path with what is wrong there. What stands
 * in `default`, `enum`, `const` or `examples` is no schema.
 */
export function firstFault(
  schema: unknown,
  check: (place: Place) => string | undefined,
  path = '',
  around: readonly TypeName[] = [],
): string | undefined {
  if (!isObject(schema)) return undefined // `true` and `false`
  const fault = check({ schema, path, around })
  if (fault !== undefined) return fault
  const left = narrowed(typesOf(schema), around)
  for (const [keyword, value] of Object.entries(schema)) {
    const types = keyword === 'propertyNames' ? names : ofSameValue.has(keyword) ? left : []
    for (const [suffix, member] of membersOf(keyword, value)) {
      const inner = firstFault(member, check, `${path}/${keyword}${suffix}`, types)
      if (inner !== undefined) return inner
    }
  }
  return undefined
}

/** The schemas inside of one that are applied to the same value. */
export function ofSameValueIn(schema: Place['schema']): readonly unknown[] {
  const members: unknown[] = []
  for (const keyword of ofSameValue) {
    if (Object.hasOwn(schema, keyword))
      for (const [, member] of membersOf(keyword, schema[keyword])) members.push(member)
  }
  return members
}

function membersOf(keyword: string, value: unknown): readonly (readonly [suffix: string, schema: unknown])[] {
  if (holdsOne.has(keyword)) return [['', value]]
  if (!holdsMany.has(keyword)) return []
  return Object.entries(value ?? {}).map(([name, member]) => [`/${escapePointerToken(name)}`, member])
}

const holdsMany: ReadonlySet<string> = new Set([...mapKeywords, ...listKeywords])
const holdsOne: ReadonlySet<string> = new Set(memberKeywords)
const ofSameValue: ReadonlySet<string> = new Set([
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  'dependentSchemas',
])
const names: readonly TypeName[] = ['string']

export function typesOf({ type }: Place['schema']): readonly TypeName[] {
  if (type === undefined) return []
  return (Array.isArray(type) ? type : [type]) as readonly TypeName[]
}

/** An integer is a number, too. */
export function allows(types: readonly TypeName[], type: TypeName): boolean {
  return types.includes(type) || (type === 'integer' && types.includes('number'))
}

function narrowed(types: readonly TypeName[], around: readonly TypeName[]): readonly TypeName[] {
  if (around.length === 0) return types
  if (types.length === 0) return around
  return types.filter((type) => allows(around, type))
}
