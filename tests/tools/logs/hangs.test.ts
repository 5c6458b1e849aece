import { expect, test } from 'vitest'
import { groupLogLines } from '../../../tools/index.ts'

const near = Date.parse('2026-02-17T14:00:00Z')

/** The time of a line, some seconds after 14:00. */
const at = (seconds: number) => `02-17 ${new Date(near + seconds * 1000).toISOString().slice(11, 19)}`
const startup = (seconds: number) =>
  `(APIServer pid=1) DEBUG ${at(seconds)} [utils.py:982] Waiting for 1 local, 0 remote core engine proc(s) to start.`
const broadcast = (seconds: number) =>
  `(EngineCore pid=9) INFO ${at(seconds)} [shm_broadcast.py:548] No available shared memory broadcast block found in 60 seconds.`
const stats = (seconds: number, tokens: string) =>
  `(APIServer pid=1) INFO ${at(seconds)} [loggers.py:257] Engine 000: Avg prompt throughput: ${tokens} tokens/s, Avg generation throughput: ${tokens} tokens/s, Running: 3 reqs`
const times = (count: number, step: number) => Array.from({ length: count }, (_, index) => index * step)

const kindsOf = (lines: readonly string[]) =>
  groupLogLines(lines, near).map(({ kind, class: name, count }) => `${kind} ${name} ${count}`)

test('a start that only waits for ten minutes hangs', () => {
  const [found] = groupLogLines(times(61, 10).map(startup), near)
  expect(found).toMatchObject({ kind: 'cause_candidate', class: 'startup_wait', count: 61 })
  expect(found?.detail).toContain('610 s without progress')
})

test('a shorter wait at the start is normal', () => {
  expect(kindsOf(times(30, 10).map(startup))).toEqual(['benign startup_wait 30'])
})

test('a log without times is judged by the number of its lines', () => {
  const lines = times(61, 10).map(startup)
  expect(groupLogLines(lines)[0]?.kind).toBe('cause_candidate')
})

test('two reports of a wait an hour apart are a hang, if nothing is between them', () => {
  expect(kindsOf([startup(0), startup(3600)])).toEqual(['cause_candidate startup_wait 2'])
})

test('a start that makes progress does not hang', () => {
  const lines = times(90, 10).flatMap((seconds) => [
    startup(seconds),
    ...(seconds % 300 === 0 ? ['Loading safetensors checkpoint shards:  40% Completed | 12/30'] : []),
  ])
  expect(kindsOf(lines)).toEqual(['benign startup_wait 90'])
})

test('an engine that serves hangs after three minutes without a step', () => {
  const lines = [
    stats(0, '120.5'),
    stats(10, '0.0'),
    ...times(4, 60).flatMap((seconds) => [
      broadcast(60 + seconds),
      `(APIServer pid=1) INFO:     10.0.0.1:5 - "GET /health HTTP/1.1" 200 OK`,
      stats(70 + seconds, '0.0'),
    ]),
  ]
  expect(kindsOf(lines)).toEqual(['cause_candidate shared_memory_broadcast 4'])
})

test('a wait for workers that compile is not a hang', () => {
  const lines = [
    '(APIServer pid=1) INFO 02-17 14:00:00 [a.py:1] vLLM API server version 0.15.0',
    ...times(4, 60).map(broadcast),
  ]
  expect(kindsOf(lines)).toEqual(['cascade shared_memory_broadcast 4'])
})

test('generated tokens between the waits are progress', () => {
  const lines = times(6, 60).flatMap((seconds) => [broadcast(seconds), stats(seconds + 30, '88.0')])
  expect(kindsOf(lines)).toEqual(['cascade shared_memory_broadcast 6'])
})
