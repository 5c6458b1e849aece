/** Expected verdicts: the key is the verdict in words, the value are the lines that must get it. */
export type VerdictTable = { readonly [verdict: string]: readonly string[] }

/** One test case per line. */
export function casesOf(table: VerdictTable): readonly (readonly [line: string, verdict: string])[] {
  return Object.entries(table).flatMap(([verdict, lines]) => lines.map((line) => [line, verdict] as const))
}

/** The words of a verdict as a key of the table; undefined words are left out. */
export function verdictOf(...found: readonly (string | undefined)[]): string {
  return found.filter((word) => word !== undefined).join(' ')
}
