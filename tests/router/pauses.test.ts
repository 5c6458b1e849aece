import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Pauses } from '../../router/pauses.ts'

test('each turn of the event loop continues one of several pieces of paused work, in order', async () => {
  let turn = 0
  let isOver = false
  const countTurns = async () => {
    for (; !isOver; turn++) await nextTurn()
  }
  const continued: (readonly [name: string, turn: number])[] = []
  const work = async (name: string) => {
    const pauses = new Pauses()
    for (let time = 0; time < 3; time++) {
      await pauses.pause()
      continued.push([name, turn])
    }
  }
  const counting = countTurns()
  await Promise.all(['a', 'b', 'c'].map(work))
  isOver = true
  await counting
  expect(continued.map(([name]) => name).join('')).toBe('abcabcabc')
  expect(new Set(continued.map(([, at]) => at)).size).toBe(9)
})

test('a pause is due after the given time of work, and again after it', async () => {
  const pauses = new Pauses(1)
  const work = () => {
    const endsAt = performance.now() + 2
    while (performance.now() < endsAt);
  }
  expect(new Pauses(60_000).isDue).toBe(false)
  work()
  expect(pauses.isDue).toBe(true)
  await pauses.pause()
  work()
  expect(pauses.isDue).toBe(true)
})
