/** Keywords whose value is a map of schemas; its keys are names that mean nothing to JSON Schema. */
export const mapKeywords = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'] as const

/** Keywords whose value is a list of schemas. */
export const listKeywords = ['prefixItems', 'allOf', 'anyOf', 'oneOf'] as const

/** Keywords whose value is one schema. */
export const memberKeywords = [
  'items',
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'contains',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
] as const

/** Keywords of other dialects and of JSON Schema's rarer parts, with what to write instead. */
export const foreignKeywords = {
  nullable: 'add "null" to "type"',
  additionalItems: 'use "prefixItems" with "items"',
  dependencies: 'use "dependentRequired" or "dependentSchemas"',
  id: 'use "$id"',
  $anchor: 'point at "#/$defs/<name>"',
  $dynamicAnchor: 'point at "#/$defs/<name>"',
  $dynamicRef: 'use "$ref"',
  $recursiveRef: 'use "$ref": "#"',
  example: 'use "examples"',
} as const

/** The formats that ajv-formats checks. */
export const formats = [
  'date',
  'time',
  'date-time',
  'iso-time',
  'iso-date-time',
  'duration',
  'uri',
  'uri-reference',
  'uri-template',
  'url',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'regex',
  'uuid',
  'json-pointer',
  'json-pointer-uri-fragment',
  'relative-json-pointer',
  'byte',
  'int32',
  'int64',
  'float',
  'double',
  'password',
  'binary',
] as const

export type Format = (typeof formats)[number]
