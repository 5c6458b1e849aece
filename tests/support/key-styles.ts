/** Members whose keys users choose: environment variables, engine arguments, and inputs and values of tools. */
const userValues: ReadonlySet<string> = new Set(['env', 'engine_args', 'args', 'input', 'value'])

/** JSON Pointers to the keys of a document that are not snake_case, except in members whose keys users choose. */
export function keysInOtherStyles(value: unknown, path = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => {
    const here = `${path}/${key}`
    const found = Array.isArray(value) || /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/.test(key) ? [] : [here]
    return userValues.has(key) ? found : [...found, ...keysInOtherStyles(member, here)]
  })
}
