import { setMaxListeners } from 'node:events'
import type { Dispatcher, Pool } from 'undici'
import { type HttpProxy, ProxyError, proxyCredentials } from './proxy.ts'

/** Milliseconds that opening a connection may take: TCP, the proxy's reply and TLS each. */
const connectTimeoutMs = 10_000
/** Milliseconds until an idle connection is closed. Tools may run that long between two rounds. */
const keepAliveMs = 60_000

type Undici = typeof import('undici')

let loading: Promise<Undici> | undefined

/**
 * Loads undici, once per process. It takes half of the time of importing this package, so it is loaded when the first client
 * is created, and not for those who define tools or read results only.
 */
export function loadUndici(): Promise<Undici> {
  loading ??= import('undici')
  return loading
}

/** Options of {@link Connections}. */
interface ConnectionOptions {
  /** Largest response body, in bytes. */
  readonly maxResponseBytes: number
  /** The proxy through which every connection goes; `undefined` for direct connections. */
  readonly proxy: HttpProxy | undefined
}

/**
 * The kept-alive connections of one client: an undici `Agent`, or a `ProxyAgent` that tunnels https through a proxy.
 *
 * Redirects are not followed, because nothing here follows them. Idle connections do not keep the process alive.
 */
export class Connections {
  readonly #dispatcher: Dispatcher
  /** Aborted to close every socket, also those that are still connecting, for which undici would wait. */
  readonly #sockets = new AbortController()
  #opened = 0
  /** The number of each undici client's current connection, counted from 1. */
  readonly #numbers = new WeakMap<object, number>()
  /** The number of the connection that was lost with an error. */
  readonly #lost = new WeakMap<object, number>()

  /** @param undici the module, from {@link loadUndici}. */
  constructor(undici: Undici, options: ConnectionOptions) {
    // Every open socket listens to this signal, so Node's warning about a leak would be wrong.
    setMaxListeners(0, this.#sockets.signal)
    this.#dispatcher = createDispatcher(undici, options, this.#sockets.signal, (pool) => {
      pool.on('connect', (_, targets) => this.#numbers.set(targets.at(-1) ?? pool, ++this.#opened))
      pool.on('disconnect', (_, targets, error) => {
        this.#lost.set(error, this.#numbers.get(targets.at(-1) ?? pool) ?? this.#opened)
      })
    })
  }

  /** Number of connections that were opened so far. */
  get opened(): number {
    return this.#opened
  }

  /** Sends a request over an idle connection, or over a new one. Every outcome goes to the handler. */
  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#dispatcher.dispatch(request, handler)
  }

  /** Whether `error` is the loss of one of the first `count` connections that were opened. */
  isLossOfFirst(count: number, error: unknown): boolean {
    const number = typeof error === 'object' && error !== null ? this.#lost.get(error) : undefined
    return number !== undefined && number <= count
  }

  /** Takes no further requests. Closes idle connections now, and each other one when its response is complete. */
  retire(): Promise<void> {
    return this.#dispatcher.close()
  }

  /** Closes all connections at once. Requests that are in progress fail. */
  async destroy(): Promise<void> {
    const destroyed = this.#dispatcher.destroy()
    this.#sockets.abort()
    await destroyed
  }
}

function createDispatcher(
  { Agent, Pool, ProxyAgent }: Undici,
  { maxResponseBytes, proxy }: ConnectionOptions,
  signal: AbortSignal,
  watch: (pool: Pool) => void,
): Dispatcher {
  const connect = { signal, timeout: connectTimeoutMs }
  const options = {
    connect,
    keepAliveTimeout: keepAliveMs,
    maxResponseSize: maxResponseBytes,
    // undici's own limits of 300 s would cut long completions off. The deadline of the call is the only limit.
    headersTimeout: 0,
    bodyTimeout: 0,
    factory: (origin: string | URL, poolOptions: object) => {
      const pool = new Pool(origin, poolOptions)
      watch(pool)
      return pool
    },
  }
  if (proxy === undefined) return new Agent(options)
  const credentials = proxyCredentials(proxy)
  return new ProxyAgent({
    ...options,
    uri: proxy.url.origin,
    ...(credentials === undefined ? {} : { token: credentials }),
    proxyTls: connect,
    requestTls: connect,
    clientFactory: (origin, clientOptions) =>
      createProxyClient(new Pool(origin, { ...clientOptions, headersTimeout: connectTimeoutMs }), proxy),
  })
}

/** Opens tunnels through a proxy. Its failures become `ProxyError`s, so that the endpoint is not blamed for them. */
function createProxyClient(pool: Pool, proxy: HttpProxy): Dispatcher {
  const connect = pool.connect.bind(pool)
  return Object.assign(pool, {
    async connect(target: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> {
      let tunnel: Dispatcher.ConnectData
      try {
        tunnel = await connect(target)
      } catch (error) {
        throw new ProxyError(proxy, undefined, error)
      }
      if (tunnel.statusCode === 200) return tunnel
      tunnel.socket.on('error', () => {}).destroy()
      throw new ProxyError(proxy, tunnel.statusCode)
    },
  })
}
