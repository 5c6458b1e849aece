import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { classifyLogLines } from '../../../tools/index.ts'

// Lines of real logs with the role that each must get: C cause, K cascade, B benign, N neutral, R either. The files say
// where the lines come from: `## name | class | source`.

const folder = new URL('cases/', import.meta.url)

/** The lines of one log, with their labels. */
interface LogCase {
  readonly name: string
  readonly rows: { readonly label: string; readonly line: string }[]
}

function readCases(file: string): readonly LogCase[] {
  const cases: LogCase[] = []
  for (const row of readFileSync(new URL(file, folder), 'utf8').split('\n')) {
    if (row.startsWith('## ')) cases.push({ name: row.slice(3), rows: [] })
    else if (row !== '' && !row.startsWith('#')) cases.at(-1)?.rows.push({ label: row[0] ?? '', line: row.slice(2) })
  }
  return cases
}

const files = readdirSync(folder).filter((name) => name.endsWith('.txt'))
const judged = files.flatMap(readCases).flatMap(({ name, rows }) => {
  const found = classifyLogLines(rows.map(({ line }) => line))
  return rows.map(({ label, line }, index) => ({ name, label, line, kind: found[index]?.kind }))
})
const labelled = (label: string) => judged.filter((row) => row.label === label)
const isCause = ({ kind }: { readonly kind?: string | undefined }) => kind === 'cause_candidate'

test('at least 95 % of the cause lines are found', () => {
  const causes = labelled('C')
  expect(causes.length).toBeGreaterThan(60)
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
