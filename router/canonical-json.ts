/**
 * JSON with sorted members: equal for equal values, whatever order they were written in. `replace` may put another
 * value in the place of an object before it is written.
 */
export function canonicalJson(value: unknown, replace?: (value: object) => unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const replaced = replace?.(value)
  if (replaced !== undefined) return canonicalJson(replaced)
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, replace)).join(',')}]`
  let members = ''
  for (const key of Object.keys(value).sort()) {
    const member = `${JSON.stringify(key)}:${canonicalJson(Reflect.get(value, key), replace)}`
    members += members === '' ? member : `,${member}`
  }
  return `{${members}}`
}
