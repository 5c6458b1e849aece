import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../cases/', import.meta.url)

/** The lines of one log, with their labels: C cause, K cascade, B benign, N neutral, R either. */
export interface LogCase {
  readonly name: string
  readonly rows: { readonly label: string; readonly line: string }[]
}

/** All labelled cases. The files say where the lines come from: `## name | class | source`. */
export const logCases: readonly LogCase[] = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .flatMap(readCases)

function readCases(file: string): readonly LogCase[] {
  const cases: LogCase[] = []
  for (const row of readFileSync(new URL(file, folder), 'utf8').split('\n')) {
    if (row.startsWith('## ')) cases.push({ name: row.slice(3), rows: [] })
    else if (row !== '' && !row.startsWith('#')) cases.at(-1)?.rows.push({ label: row[0] ?? '', line: row.slice(2) })
  }
  return cases
}
