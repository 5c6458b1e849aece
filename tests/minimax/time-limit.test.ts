import { expect, test } from 'vitest'
import { limitTime } from '../../lib/minimax/time-limit.ts'

test('limits end by their own time, whatever order they were begun in', async () => {
  const ended: string[] = []
  await new Promise<void>((resolve) => {
    limitTime(60_000, () => ended.push('never here'))
    limitTime(60, () => resolve(void ended.push('last')))
    limitTime(30, () => ended.push('second'))
    limitTime(1, () => ended.push('first'))
  })
  expect(ended).toEqual(['first', 'second', 'last'])
})

test('a limit that was lifted does not end, and lifting it again takes out no other one', async () => {
  const ended: string[] = []
  const lift = limitTime(5, () => ended.push('lifted'))
  const others = ['a', 'b', 'c'].map(
    (name) => new Promise<void>((resolve) => limitTime(6, () => resolve(void ended.push(name)))),
  )
  lift()
  lift()
  await Promise.all(others)
  expect(ended.toSorted()).toEqual(['a', 'b', 'c'])
})

test('a limit that is lifted when another one ends does not end', async () => {
  const ended: string[] = []
  const first = limitTime(5, () => end('first', second))
  const second = limitTime(5, () => end('second', first))
  const end = (name: string, lift: () => void) => {
    ended.push(name)
    lift()
  }
  await new Promise<void>((resolve) => limitTime(20, resolve))
  expect(ended).toHaveLength(1)
})

test('a limit that is begun when another one ends is held', async () => {
  const ended: string[] = []
  await new Promise<void>((resolve) => {
    limitTime(1, () => {
      ended.push('outer')
      limitTime(5, () => resolve(void ended.push('inner')))
    })
  })
  expect(ended).toEqual(['outer', 'inner'])
})

test('a limit longer than what timers of Node can hold does not end at once', async () => {
  let ended = false
  const lift = limitTime(2 ** 32, () => {
    ended = true
  })
  await new Promise<void>((resolve) => limitTime(20, resolve))
  lift()
  expect(ended).toBe(false)
})
