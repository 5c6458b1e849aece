import { expect, test } from 'vitest'
import { classifyLogLines } from '../../../tools/index.ts'
import { logCases } from './support/cases.ts'

// Lines of real logs with the role that each must get.

const judged = logCases.flatMap(({ name, rows }) => {
  const found = classifyLogLines(rows.map(({ line }) => line))
  return rows.map(({ label, line }, index) => ({ name, label, line, kind: found[index]?.kind }))
})
const labelled = (label: string) => judged.filter((row) => row.label === label)
const isCause = ({ kind }: { readonly kind?: string | undefined }) => kind === 'cause_candidate'

test('at least 95 % of the cause lines are found', () => {
  const causes = labelled('C')
  expect(causes.length).toBeGreaterThan(300)
  const missed = causes.filter((row) => !isCause(row))
  expect(missed.length / causes.length, JSON.stringify(missed, null, 2)).toBeLessThanOrEqual(0.05)
})

test('no cause line is hidden: what is not called a cause is shown as unclassified', () => {
  expect(labelled('C').filter((row) => !isCause(row) && row.kind !== 'unclassified')).toEqual([])
})

test.each(['B', 'N'])('no line with label %s is called a cause', (label) => {
  expect(labelled(label).filter(isCause)).toEqual([])
})

test('at most 2 % of the cascade lines are called a cause', () => {
  const cascades = labelled('K')
  const wrong = cascades.filter(isCause)
  expect(wrong.length / cascades.length, JSON.stringify(wrong, null, 2)).toBeLessThanOrEqual(0.02)
})
