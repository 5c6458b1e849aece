import { expect, test } from 'vitest'
import { LeastRecentlyUsed } from '../../../tools/simulation/least-recently-used.ts'

test('a full cache removes the value that was not used for the longest time', () => {
  const cache = new LeastRecentlyUsed<number, string>(2)
  const made: number[] = []
  const ask = (key: number) =>
    cache.get(key, () => {
      made.push(key)
      return `value ${key}`
    })
  for (const key of [1, 2, 1, 3, 1, 2]) expect(ask(key)).toBe(`value ${key}`)
  expect(made).toEqual([1, 2, 3, 2])
  expect(cache.size).toBe(2)
})
