/** What lines are to be taken for: under a verdict, in words, the lines that it is the verdict of. */
export type VerdictTable = { readonly [verdict: string]: readonly string[] }

export function casesOf(table: VerdictTable): readonly (readonly [line: string, verdict: string])[] {
  return Object.entries(table).flatMap(([verdict, lines]) => lines.map((line) => [line, verdict] as const))
}

/** The words that a table has them under; what a classifier leaves open has none. */
export function verdictOf(...found: readonly (string | undefined)[]): string {
  return found.filter((word) => word !== undefined).join(' ')
}
