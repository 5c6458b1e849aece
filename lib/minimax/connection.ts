import { Client, type Dispatcher } from 'undici'
import type { Line } from './line.ts'
import { Sending } from './sending.ts'

/** One connection of the pool, for one request at a time; it tells a {@link Sending} where its request runs. */
export class Connection extends Client {
  readonly #line: Line

  constructor(origin: URL, options: Client.Options, line: Line) {
    super(origin, { ...options, connect: (target, callback) => line.connect(target, callback) })
    this.#line = line
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if ('opaque' in options && options.opaque instanceof Sending) options.opaque.begin(this.#line)
    return super.dispatch(options, handler)
  }
}
