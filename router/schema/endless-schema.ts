import { isObject } from '../json.ts'
import { ofSameValueIn, type Place } from './schema-places.ts'
import { referredTo } from './schema-pointers.ts'

/**
 * Finds schemas that lead back to themselves without going into a member or an item of the value: whoever checks a value by
 * one never comes to an end. To be asked of each place in a schema.
 */
export function endlessFault(root: object): (place: Place) => string | undefined {
  const open = new Set<object>()
  const sound = new Set<object>()
  const isEndless = (schema: unknown): boolean => {
    if (!isObject(schema) || sound.has(schema)) return false
    if (open.has(schema)) return true
    open.add(schema)
    const found = isEndless(referredTo(schema['$ref'], root)) || ofSameValueIn(schema).some(isEndless)
    open.delete(schema)
    if (!found) sound.add(schema)
    return found
  }
  return ({ schema, path }) =>
    isEndless(schema)
      ? `${path}: this leads in a circle by "$ref", for the same value: put "properties" or "items" in between.`
      : undefined
}
