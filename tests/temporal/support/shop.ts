import { createServer, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** One request to the shop. */
export interface ShopRequest {
  /** `refund` or `close-account`. */
  readonly action: string
  /** Idempotency key. */
  readonly key: string
  readonly input: unknown
}

/** A server that keeps a ledger of what it was asked. It does nothing twice for the same key. */
export class Shop implements AsyncDisposable {
  /** All requests, repeated ones too. */
  readonly requests: ShopRequest[] = []
  /** What was done: the first request of each key. */
  readonly effects = new Map<string, ShopRequest>()
  /** While this is true, effects happen, but no request is answered. */
  isSilent = false
  readonly #server = createServer(async (request, response) => {
    const { url = '', headers } = request
    const key = String(headers['idempotency-key'])
    const entry = { action: url.slice(1), key, input: await jsonOf(request) }
    this.requests.push(entry)
    if (!this.effects.has(key)) this.effects.set(key, entry)
    if (this.isSilent) return
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ done: entry.action }))
  })

  static async open(): Promise<Shop> {
    const shop = new Shop()
    await new Promise<void>((resolve) => shop.#server.listen(0, '127.0.0.1', resolve))
    return shop
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  }

  /** Waits until there are this many requests. */
  async untilRequests(count: number): Promise<void> {
    for (let waits = 0; this.requests.length < count; waits++) {
      if (waits > 1_000) throw new Error(`The shop has ${this.requests.length} requests.`)
      await delay(20)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return JSON.parse(text)
}
