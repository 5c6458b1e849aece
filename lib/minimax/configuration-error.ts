import { ModelError } from '../loop/model-error.ts'

/** The client is set up wrongly. The message names the variable or option to set, never a secret value. */
export function misconfigured(message: string): ModelError {
  return new ModelError(message, { kind: 'configuration', retryable: false })
}
