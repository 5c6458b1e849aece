import { readdirSync, readFileSync } from 'node:fs'

/** How engineers and models say the cause of one scenario: `category: root cause`. */
export interface Wordings {
  readonly right: string[]
  readonly wrong: string[]
}

const folder = new URL('./wordings/', import.meta.url)

/** The files in `wordings`, without their ending. Their first line says how they were written. */
export const wordingFiles: readonly string[] = readdirSync(folder).map((file) => file.replace(/\.txt$/, ''))

/** Reads a file: `## scenario`, then lines with `+` for right and `-` for wrong wordings. */
export function readWordings(file: string): Readonly<Record<string, Wordings>> {
  const wordings: Record<string, Wordings> = {}
  let current: Wordings = { right: [], wrong: [] }
  for (const line of readFileSync(new URL(`${file}.txt`, folder), 'utf8').split('\n')) {
    const words = line.slice(2)
    if (line.startsWith('## ')) {
      current = { right: [], wrong: [] }
      wordings[line.slice(3)] = current
    } else if (line.startsWith('+ ')) current.right.push(words)
    else if (line.startsWith('- ')) current.wrong.push(words)
  }
  return wordings
}
