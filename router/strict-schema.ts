import type { TypeName } from './schema.ts'
import { allows, type Place, typesOf } from './schema-places.ts'

/**
 * What JSON Schema allows and nobody means: a keyword that is ignored, or a value that can never fit. The same is refused
 * by Ajv's strict mode, but only in compiling, which takes a hundred times as long.
 */
export function strictFault(place: Place): string | undefined {
  return (
    contradiction(place) ??
    keywordWithoutType(place) ??
    keywordAlone(place) ??
    countOfContains(place) ??
    openTuple(place) ??
    undeclaredName(place)
  )
}

function contradiction({ schema, path, around }: Place): string | undefined {
  if (around.length === 0) return undefined
  const type = typesOf(schema).find((type) => !allows(around, type))
  return type && `${path}/type is "${type}"; the schema around it allows ${listed(around)} alone.`
}

const typed: readonly (readonly [types: readonly TypeName[], keywords: readonly string[]])[] = [
  [
    ['object'],
    [
      'properties',
      'patternProperties',
      'additionalProperties',
      'unevaluatedProperties',
      'propertyNames',
      'dependentSchemas',
      'dependentRequired',
      'required',
      'minProperties',
      'maxProperties',
    ],
  ],
  [
    ['array'],
    [
      'items',
      'prefixItems',
      'unevaluatedItems',
      'contains',
      'minContains',
      'maxContains',
      'minItems',
      'maxItems',
      'uniqueItems',
    ],
  ],
  [
    ['number', 'integer'],
    ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ],
  [['string'], ['minLength', 'maxLength', 'pattern']],
  [['string', 'number', 'integer'], ['format']],
]

const neededBy = new Map(typed.flatMap(([types, keywords]) => keywords.map((keyword) => [keyword, types])))

function keywordWithoutType({ schema, path, around }: Place): string | undefined {
  const own = typesOf(schema)
  const types = own.length === 0 ? around : own
  for (const [keyword, value] of Object.entries(schema)) {
    const needed = value === undefined ? undefined : neededBy.get(keyword)
    if (needed === undefined || needed.some((type) => types.includes(type))) continue
    const here = types.length === 0 ? 'without a type' : `where the type is ${listed(types)}`
    return `${path}: "${keyword}" is ignored ${here}; it needs "type": ${listed(needed)}.`
  }
  return undefined
}

/** Keywords that do nothing unless one of others stands beside them. */
const companions: readonly (readonly [keyword: string, others: readonly string[]])[] = [
  ['if', ['then', 'else']],
  ['then', ['if']],
  ['else', ['if']],
  ['minContains', ['contains']],
  ['maxContains', ['contains']],
]

function keywordAlone({ schema, path }: Place): string | undefined {
  for (const [keyword, others] of companions) {
    if (schema[keyword] === undefined || others.some((other) => schema[other] !== undefined)) continue
    return `${path}: "${keyword}" does nothing without ${listed(others)}.`
  }
  return undefined
}

function countOfContains({ schema, path }: Place): string | undefined {
  const { contains, minContains = 1, maxContains } = schema
  if (contains === undefined) return undefined
  if (maxContains === undefined) {
    return minContains === 0
      ? `${path}: "contains" does nothing with "minContains": 0 and no "maxContains".`
      : undefined
  }
  return Number(minContains) > Number(maxContains)
    ? `${path}/maxContains is ${maxContains}, less than "minContains", which is ${minContains}.`
    : undefined
}

function openTuple({ schema, path }: Place): string | undefined {
  const { prefixItems, minItems, maxItems, items } = schema
  if (!Array.isArray(prefixItems)) return undefined
  const { length } = prefixItems
  if (minItems === length && (maxItems === length || items === false)) return undefined
  return `${path}: "prefixItems" has ${length} schemas; add "minItems": ${length} and "items": false, or any length fits.`
}

/** A closed object has no place for a property that it requires and does not declare: nothing would ever fit. */
function undeclaredName({ schema, path }: Place): string | undefined {
  const { required, properties = {}, patternProperties, additionalProperties } = schema
  if (additionalProperties !== false || patternProperties !== undefined || !Array.isArray(required)) return undefined
  const index = required.findIndex((name) => !Object.hasOwn(properties as object, name))
  if (index === -1) return undefined
  return `${path}/required/${index} is ${JSON.stringify(required[index])}, which is not among the properties; no others are allowed.`
}

function listed(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(' or ')
}
