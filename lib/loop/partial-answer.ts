/** The best answer that was not accepted, with what is wrong with it. */
export interface PartialAnswer {
  readonly value: unknown
  readonly problems: readonly string[]
}

/** A structured candidate beats mere text, fewer problems beat more, and the later of two equals is taken. */
export function isBetter(candidate: PartialAnswer, current: PartialAnswer | undefined): boolean {
  if (current === undefined) return true
  const structured = typeof candidate.value !== 'string'
  if (structured !== (typeof current.value !== 'string')) return structured
  return candidate.problems.length <= current.problems.length
}
