/** Documents of one call that do not belong together; the message begins with the field. */
export class MismatchError extends Error {
  override readonly name = 'MismatchError'
  readonly code = 'mismatch'
}
