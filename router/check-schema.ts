import { endlessFault } from './schema/endless-schema.ts'
import { jsonFault } from './schema/json-fault.ts'
import { foreignKeywords } from './schema/schema-keywords.ts'
import { firstFault } from './schema/schema-places.ts'
import { pointerFault } from './schema/schema-pointers.ts'
import { strictFault } from './schema/strict-schema.ts'
import { type Fault, schemaFaults } from './validator.ts'

/**
 * Everything that would keep a schema from being compiled, found without compiling it.
 *
 * @throws {TypeError} when `schema` is not a JSON Schema object; `label` begins the message.
 */
export function checkSchema(label: string, schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) {
    throw new TypeError(`${label} is ${schema === null ? 'null' : typeof schema}; it has to be a JSON Schema object.`)
  }
  const fault =
    jsonFault(schema) ??
    keywordFault(schema) ??
    firstFault(schema, (place) => pointerFault(place, schema) ?? strictFault(place)) ??
    firstFault(schema, endlessFault(schema))
  if (fault !== undefined) throw new TypeError(`${label}${fault}`)
}

function keywordFault(schema: object): string | undefined {
  // A fault inside `anyOf` is followed by the fault of the `anyOf` itself: the first is the precise one.
  const [fault] = schemaFaults(schema)
  return fault === undefined ? undefined : `${fault.instancePath}${described(fault)}`
}

function described({ keyword, params, message, data }: Fault): string {
  if (keyword === 'additionalProperties') {
    const name = String(params['additionalProperty'])
    const instead = Object.entries(foreignKeywords).find(([foreign]) => foreign === name)?.[1]
    if (instead !== undefined) return `: "${name}" is not a keyword of JSON Schema 2020-12: ${instead}.`
    return `: "${name}" is not a JSON Schema keyword.`
  }
  return ` ${message ?? 'is invalid'}; it is ${JSON.stringify(data)?.slice(0, 80)}.`
}
