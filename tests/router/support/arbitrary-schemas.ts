import fc from 'fast-check'

const name = fc.constantFrom('a', 'b', 'c/d', 'e~f', 'é %', '"', 'constructor', '$ref', '[0]', '#')
const names = fc.uniqueArray(name, { maxLength: 2 })
const count = fc.nat({ max: 3 })
const typeName = fc.constantFrom('array', 'boolean', 'integer', 'null', 'number', 'object', 'string')
/** Sometimes a value that looks like a schema but is not one. */
const anything = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom({ $ref: '#/nowhere' }, { $id: '#x' }) },
)
const defined = ['one', 't/w~o', 'thr ée'] as const
const reference = fc.constantFrom('#', '#/$defs/one', '#/$defs/t~1w~0o', '#/$defs/thr%20%C3%A9e')

const keys = (keywords: readonly string[], value: fc.Arbitrary<unknown>) =>
  Object.fromEntries(keywords.map((keyword) => [keyword, value]))

/** Keywords with values of the right type. They need not make sense at their place. */
const keywords = (other: fc.Arbitrary<unknown>, same: fc.Arbitrary<unknown>) => ({
  ...keys(['title', 'description', '$comment'], fc.string()),
  ...keys(['default', 'const'], anything),
  ...keys(['examples'], fc.array(anything)),
  ...keys(['enum'], fc.uniqueArray(anything, { minLength: 1, maxLength: 3 })),
  ...keys(['readOnly', 'uniqueItems'], fc.boolean()),
  ...keys(['type'], fc.oneof(typeName, fc.uniqueArray(typeName, { minLength: 1, maxLength: 3 }))),
  ...keys(['$ref'], reference),
  ...keys(['prefixItems'], fc.array(other, { minLength: 1, maxLength: 2 })),
  ...keys(['allOf', 'anyOf', 'oneOf'], fc.array(same, { minLength: 1, maxLength: 3 })),
  ...keys(['not', 'if', 'then', 'else'], same),
  ...keys(['items', 'unevaluatedItems', 'additionalProperties', 'unevaluatedProperties'], other),
  ...keys(['contains', 'propertyNames'], other),
  ...keys(['properties'], fc.dictionary(name, other, { maxKeys: 3 })),
  ...keys(['dependentSchemas'], fc.dictionary(name, same, { maxKeys: 2 })),
  ...keys(['patternProperties'], fc.dictionary(fc.constantFrom('^a', '.', 'b$'), other, { maxKeys: 2 })),
  ...keys(['required'], names),
  ...keys(['dependentRequired'], fc.dictionary(name, names, { maxKeys: 2 })),
  ...keys(['minProperties', 'maxProperties', 'minItems', 'maxItems', 'minLength', 'maxLength'], count),
  ...keys(['minContains', 'maxContains'], count),
  ...keys(['minimum', 'exclusiveMaximum', 'multipleOf'], fc.integer({ min: 1 })),
  ...keys(['pattern'], fc.constantFrom('^a', '\\p{L}', '[0-9]+')),
  ...keys(['format'], fc.constantFrom('date-time', 'int32', 'regex', 'uuid')),
})

/** Keywords that fit each type, so that many schemas are valid. */
const fitting = {
  object: ['properties', 'patternProperties', 'required', 'additionalProperties', 'minProperties', 'dependentSchemas'],
  array: ['items', 'minItems', 'uniqueItems', 'contains', 'unevaluatedItems'],
  string: ['minLength', 'pattern', 'format'],
  number: ['minimum', 'multipleOf'],
} as const
const ofAnyType = [
  'title',
  'default',
  'examples',
  'readOnly',
  'enum',
  'const',
  '$ref',
  'allOf',
  'anyOf',
  'oneOf',
  'not',
]

const { typed } = fc.letrec((tie) => {
  const all = keywords(
    fc.oneof({ maxDepth: 3 }, fc.constantFrom(true, {}), tie('typed')),
    fc.oneof({ maxDepth: 3 }, fc.constantFrom(true, {}, { const: 'a' }), tie('untyped')),
  )
  const some = (chosen: readonly string[], most: number) =>
    fc
      .subarray([...chosen], { maxLength: Math.min(most, chosen.length) })
      .chain((these) => fc.record(Object.fromEntries(Object.entries(all).filter(([key]) => these.includes(key)))))
  const typed = fc
    .constantFrom(...(['object', 'array', 'string', 'number'] as const))
    .chain((type) => fc.tuple(fc.constant({ type }), some(fitting[type], 3), some(ofAnyType, 2)))
    .map((parts) => Object.assign({}, ...parts) as object)
  const wild = some(Object.keys(all), 4)
  return {
    typed: fc.oneof({ weight: 9, arbitrary: typed }, { weight: 1, arbitrary: wild }),
    untyped: fc.oneof({ weight: 9, arbitrary: some(ofAnyType, 2) }, { weight: 1, arbitrary: wild }),
  }
})

/** Object schemas with all keywords; about half of them are valid. */
export const objectSchema = fc.tuple(typed, ...defined.map(() => typed)).map(([one, ...held]) => ({
  ...(one as object),
  type: 'object' as const,
  $defs: Object.fromEntries(defined.map((key, index) => [key, held[index]])),
}))
