import { ModelError } from '../loop/errors.ts'

/** The server had dropped an idle connection when a request came over it: nothing was done, so it may go out again at once. */
export class StaleConnection extends ModelError {
  constructor(host: string) {
    super(`${host} had closed the connection that was kept open.`, { code: 'network', retryable: true })
  }
}
