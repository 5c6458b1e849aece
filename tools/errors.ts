/** Documents of one call that do not belong together; the message begins with the field. */
export class MismatchError extends Error {
  override readonly name = 'MismatchError'
  readonly code = 'mismatch'
}

/** A fix plan that cannot be applied; the message begins with the path of the fault inside the tool's input. */
export class FixPlanError extends Error {
  override readonly name = 'FixPlanError'
  readonly code = 'invalid_fix_plan'
}
