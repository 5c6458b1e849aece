// Ajv reports the errors of every branch of a union, which would hide the one that matters. With
//
//   { anyOf: [{ type: 'null' }, { type: 'object', properties: { a: { type: 'string' } } }] }
//
// it reports three errors for { a: 1 }: "must be null", "/a must be string" and "must match a schema in anyOf". Only the
// second is useful. Unions with a `discriminator` need no analysis: Ajv validates the chosen branch only.

import { isObject } from './json/json.ts'
import { escapePointerToken, lookUp } from './json/json-pointer.ts'
import { resolveReference } from './schema-keywords.ts'
import { compilePart, type ValidationError, type Validator } from './validation.ts'

/**
 * The validation errors that are worth reporting. Of a union without a discriminator, these are the errors of the closest
 * branch: one for values of this type, with the minErrors errors. When several are equally close, one error has them all as
 * `params.alternatives`.
 *
 * @param root the schema that was validated against.
 */
export function summarizeUnionErrors(errors: readonly ValidationError[], root: object): readonly ValidationError[] {
  // Most schemas have no unions, and there may be a hundred thousand errors.
  if (!errors.some(({ keyword }) => composite.has(keyword))) return errors
  const kept: ValidationError[] = []
  // Backwards, because the error of a union follows the errors of its branches.
  for (let index = errors.length - 1; index >= 0; index--) {
    const error = errors[index]
    if (error === undefined || redundant.has(error.keyword)) continue
    const parts = partsOf(error, root)
    // The errors of the parts are those directly before: Ajv has just reported the same ones.
    index -= parts.flat().length
    for (const one of summarize(error, parts, root).toReversed()) kept.push(one)
  }
  return kept.reverse()
}

/** Keywords whose errors say only that other errors occurred, which are reported before them. */
const redundant: ReadonlySet<string> = new Set(['if', 'propertyNames'])
const composite: ReadonlySet<string> = new Set([...redundant, 'anyOf', 'oneOf', 'contains', 'discriminator'])

/** The errors of each branch of a union, or of each item that `contains` was applied to. */
function partsOf(error: ValidationError, root: object): readonly (readonly ValidationError[])[] {
  const { keyword, schema, instancePath, data, params } = error
  if (keyword === 'contains' && Array.isArray(data)) {
    return itemErrors(error, data, compilePart(root, schema))
  }
  if ((keyword !== 'anyOf' && keyword !== 'oneOf') || !Array.isArray(schema)) return []
  // When two branches of `oneOf` match, Ajv does not validate the branches after the second.
  const [, second = schema.length]: readonly number[] = params['passingSchemas'] ?? []
  return schema.slice(0, second).map((branch) => {
    const errors = compilePart(root, branch)(data)
    return errors.map((one) => ({ ...one, instancePath: instancePath + one.instancePath }))
  })
}

/** Like Ajv, stops at the item with which more items match than `maxContains` allows. */
function itemErrors({ params }: ValidationError, items: readonly unknown[], validate: Validator) {
  const parts: (readonly ValidationError[])[] = []
  let matching = 0
  for (const item of items) {
    const errors = validate(item)
    parts.push(errors)
    if (errors.length === 0 && ++matching > (params['maxContains'] ?? Number.POSITIVE_INFINITY)) break
  }
  return parts
}

function summarize(
  error: ValidationError,
  parts: readonly (readonly ValidationError[])[],
  root: object,
): readonly ValidationError[] {
  if (error.keyword === 'discriminator') return [unknownTag(error, root)]
  // A missing item, or two branches that match, are described by the error itself.
  if (error.keyword === 'contains' || parts.length === 0 || error.params['passingSchemas']) return [error]
  return closestBranch(
    error,
    parts.map((branch) => summarizeUnionErrors(branch, root)),
  )
}

/** A tag that is missing or selects no branch, as an error that lists the tags of all branches. */
function unknownTag({ params, parentSchema, ...error }: ValidationError, root: object): ValidationError {
  const { tag, tagValue } = params as { readonly tag: string; readonly tagValue: unknown }
  const branches: readonly unknown[] = parentSchema?.['oneOf'] ?? []
  const allowedValues = branches.flatMap((branch) => {
    const found = lookUp(dereference(branch, root), ['properties', tag])
    const property = found.kind === 'found' ? dereference(found.value, root) : undefined
    return isObject(property) ? (property['enum'] ?? [property['const']]) : []
  })
  const instancePath = `${error.instancePath}/${escapePointerToken(tag)}`
  return { ...error, keyword: 'enum', instancePath, params: { allowedValues }, data: tagValue }
}

function dereference(schema: unknown, root: object): unknown {
  return isObject(schema) && '$ref' in schema ? resolveReference(schema['$ref'], root) : schema
}

/** The errors of the branch that was probably meant, or of all that are equally close. */
function closestBranch(
  union: ValidationError,
  branches: readonly (readonly ValidationError[])[],
): readonly ValidationError[] {
  const path = union.instancePath
  const isMismatch = (error: ValidationError) => error.keyword === 'type' && error.instancePath === path
  const sameType = branches.filter((errors) => !errors.some(isMismatch))
  if (sameType.length === 0) {
    const types = branches.flatMap((errors) => errors.filter(isMismatch).flatMap(({ params }) => params['type']))
    return [{ ...union, keyword: 'type', params: { type: [...new Set(types)] } }]
  }
  const literal = sharedLiteral(union, sameType)
  if (literal !== undefined) return [literal]
  const isMissing = (error: ValidationError) => error.keyword === 'required' && error.instancePath === path
  if (sameType.every((errors) => errors.every(isMissing))) return alternatives(union, sameType)
  // A branch that refuses the value of a tag is not the one that was meant when another branch accepts it.
  const isOther = (error: ValidationError) =>
    isLiteral(error) && isMemberOf(path, error) && sameType.some((errors) => accepts(errors, error.instancePath))
  const meant = sameType.filter((errors) => !errors.some(isOther))
  const candidates = meant.length > 0 ? meant : sameType
  const minErrors = candidates.reduce((least, errors) => Math.min(least, errors.length), Number.POSITIVE_INFINITY)
  return alternatives(
    union,
    candidates.filter((errors) => errors.length === minErrors),
  )
}

/** The error of the value, or of a member, for which every branch has a list of allowed values: all lists as one. */
function sharedLiteral(
  union: ValidationError,
  branches: readonly (readonly ValidationError[])[],
): ValidationError | undefined {
  const { instancePath: path } = union
  if (branches.length < 2) return undefined
  for (const { instancePath, data } of branches[0]?.filter(isLiteral) ?? []) {
    const each = branches.map((errors) => errors.find((one) => isLiteral(one) && one.instancePath === instancePath))
    if (each.includes(undefined) || !(instancePath === path || isMemberOf(path, { instancePath }))) continue
    const allowed = each.flatMap((one) => one?.params['allowedValues'] ?? [one?.params['allowedValue']])
    return { ...union, instancePath, keyword: 'enum', params: { allowedValues: [...new Set(allowed)] }, data }
  }
  return undefined
}

function isLiteral({ keyword }: ValidationError): boolean {
  return keyword === 'const' || keyword === 'enum'
}

/** Whether a branch with these errors accepts the value of a member. */
function accepts(errors: readonly ValidationError[], path: string): boolean {
  return !errors.some(({ instancePath, params }) => {
    const unknown: unknown = params['additionalProperty'] ?? params['unevaluatedProperty']
    return instancePath === path || `${instancePath}/${unknown}` === path
  })
}

function isMemberOf(path: string, { instancePath }: Pick<ValidationError, 'instancePath'>): boolean {
  return instancePath.lastIndexOf('/') === path.length
}

function alternatives(
  union: ValidationError,
  branches: readonly (readonly ValidationError[])[],
): readonly ValidationError[] {
  const [first = [], ...others] = branches
  return others.length === 0 ? first : [{ ...union, params: { alternatives: branches } }]
}
