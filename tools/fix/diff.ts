import type { ConfigChange } from '../documents.ts'

type Scalar = boolean | number | string | null

/** What differs between two documents, value by value, in the order of their keys; `config_id` is left out. */
export function configChanges(before: object, after: object): ConfigChange[] {
  const old = new Map(leaves(before, ''))
  const now = new Map(leaves(after, ''))
  old.delete('/config_id')
  now.delete('/config_id')
  const changes: ConfigChange[] = []
  for (const [path, from] of old) {
    const value = now.get(path)
    if (value === undefined) changes.push({ op: 'remove', path, from })
    else if (value !== from) changes.push({ op: 'replace', path, from, value })
  }
  for (const [path, value] of now) if (!old.has(path)) changes.push({ op: 'add', path, value })
  return changes
}

function* leaves(value: unknown, path: string): Generator<[path: string, value: Scalar]> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      yield* leaves(part, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    }
  } else if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    yield [path, value]
  }
}
