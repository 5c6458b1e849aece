/** A call that stands in the text of a reply, between `start` and `end`. */
export interface MarkupCall {
  readonly start: number
  readonly end: number
  readonly name: string
  /** Set where the call could be read with certainty. */
  readonly input?: unknown
  /** Set where it could not: what is wrong with it, for the model. */
  readonly problem?: string
}

/** The input schema of a declared tool, or undefined: only declared names are calls where nothing else says so. */
export type SchemaOf = (tool: string) => object | undefined

export const cutOff = 'the call is not closed'

export const ambiguous = 'a value in it holds markup of calls itself, so that its end cannot be told'

/** What announces every tag in the markup of M3. */
export const tagToken = ']<]minimax[>['
