import { toToken } from '../json-pointer.ts'

/** Far beyond any schema that a model could follow, and well within the stack of those who walk it. */
const deepest = 200

/** Where a value is none that JSON can carry, as a path with what is wrong there; undefined where all of it is JSON. */
export function jsonFault(value: unknown, path = '', around: object[] = []): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return `${path} is ${value}, which JSON cannot carry.`
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') {
    return `${path} is a ${typeof value}, which JSON cannot carry.`
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (around.includes(value)) return `${path} holds an object that holds itself: point at it with "$ref" instead.`
  if (around.length >= deepest) return `${path.slice(0, 80)}… is nested deeper than ${deepest} levels.`
  around.push(value)
  for (const [name, member] of Object.entries(value)) {
    const fault = jsonFault(member, `${path}/${toToken(name)}`, around)
    if (fault !== undefined) return fault
  }
  around.pop()
  return undefined
}
