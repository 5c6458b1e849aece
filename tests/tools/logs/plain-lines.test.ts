import fc from 'fast-check'
import { expect, test } from 'vitest'
import { classifyLogLines } from '../../../tools/index.ts'
import { logCases } from './support/cases.ts'

// The classifier remembers the forms of lines that are not failures. A form has no digits, so that a line can only profit
// from another line if the digits do not matter.

const lines = logCases.flatMap(({ rows }) => rows.map(({ line }) => line))

/** The line with other digits, and another number of spaces at its end. */
const changed = (line: string, digit: number) => line.replace(/\d/g, (old) => `${(Number(old) + digit) % 10}`)

test('a line has the same role after lines that differ from it only in digits', () => {
  fc.assert(
    fc.property(fc.constantFrom(...lines), fc.integer({ min: 1, max: 9 }), (line, digit) => {
      const alone = classifyLogLines([line])
      expect(classifyLogLines([changed(line, digit), line]).slice(1)).toEqual(alone)
    }),
    { numRuns: 1000 },
  )
})

test.each([
  ['"GET /v1/models HTTP/1.1" 200 Forbidden', '"GET /v1/models HTTP/1.1" 403 Forbidden'],
  ['process exited with code 0', 'process exited with code 137'],
  ['kernel: mlx3_core: reset done', 'kernel: mlx5_core: reset done'],
])('%s does not decide about %s', (harmless, failure) => {
  const [first, second] = classifyLogLines([harmless, failure])
  expect(first?.kind).toBeUndefined()
  expect(second?.kind).toBeDefined()
})

test.each([
  ['INFO 02-17 14:00:10 [a.py:1] Running: 3 reqs', 'Running: 3 reqs'],
  ['INFO 02-17 14:00:11 [a.py:2] Running: 4 reqs  ', 'Running: 4 reqs'],
  [
    "(APIServer pid=7) INFO 02-17 14:00:11 [a.py:2] Received request a-1: prompt: 'x'",
    "Received request a-1: prompt: 'x'",
  ],
  [
    "(APIServer pid=8) INFO 02-17 14:00:11 [a.py:2] Received request b: prompt: 'yz'",
    "Received request b: prompt: 'yz'",
  ],
  [
    "(APIServer pid=8) INFO 02-17 14:00:11 [a.py:2] Received request b: prompt: '[31mred'",
    "Received request b: prompt: 'red'",
  ],
])('the message of %s is the same for the first and for a later line', (line, message) => {
  const found = classifyLogLines([line, line, line])
  expect(found).toEqual([line, line, line].map((same) => ({ line: same, level: 'info', message })))
})

test('a traceback of another process does not hide that a line belongs to it', () => {
  const source = '(Worker pid=1) ERROR 02-17 14:00:10 [a.py:1]     frobnicate the thing that failed'
  const log = ['(Worker pid=1) ERROR 02-17 14:00:10 [a.py:1]   File "a.py", line 1, in x', source, source]
  expect(classifyLogLines(log).map(({ kind }) => kind)).toEqual([undefined, undefined, undefined])
})
