export const mask = '[redacted]'

/** A part of a text, and what is shown in its place. */
export interface Masked {
  readonly from: number
  readonly to: number
  readonly shown: string
}
