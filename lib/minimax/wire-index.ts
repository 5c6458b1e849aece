import { isObject } from '../../router/json.ts'

/** The `index` of a choice or a call; some gateways write it as text. */
export function wireIndex(value: unknown): number | undefined {
  const index = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof index === 'number' && Number.isInteger(index) ? index : undefined
}

/** The lowest index in a list of choices: one choice is asked for, and where a server sends several that is the one. */
export function lowestIndex(choices: readonly unknown[]): number | undefined {
  const indexes = choices.filter(isObject).flatMap(({ index }) => wireIndex(index) ?? [])
  return indexes.length === 0 ? undefined : Math.min(...indexes)
}
