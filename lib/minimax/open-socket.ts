import { once } from 'node:events'
import * as net from 'node:net'
import * as tls from 'node:tls'
import type { HttpProxy } from './proxy.ts'
import { openTunnel } from './tunnel.ts'

export interface Target {
  readonly hostname: string
  readonly protocol: string
  /** Empty for the port of the protocol. */
  readonly port: string
}

/** Opens one connection, all the way to TLS. The signal ends that at whatever point it has come to. */
export type OpenSocket = (target: Target, signal: AbortSignal) => Promise<net.Socket>

/** How connections are opened: directly, or in tunnels through a proxy; over https with sessions that are taken up again. */
export function socketOpener(proxy: HttpProxy | undefined): OpenSocket {
  let session: Buffer | undefined
  return async ({ hostname, protocol, port: given }, signal) => {
    const isSecure = protocol === 'https:'
    const host = hostname.replace(/^\[|\]$/g, '')
    const port = Number(given || (isSecure ? 443 : 80))
    const socket =
      proxy === undefined
        ? await ready(net.connect({ host, port }), 'connect', signal)
        : await openTunnel(proxy, `${net.isIPv6(host) ? `[${host}]` : host}:${port}`, signal)
    socket.setNoDelay(true).setKeepAlive(true, keepAliveMs)
    if (!isSecure) return socket
    const secured = tls.connect({
      socket,
      host,
      servername: net.isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      ...(session === undefined ? {} : { session }),
    })
    secured.on('session', (fresh: Buffer) => {
      session = fresh
    })
    return ready(secured, 'secureConnect', signal)
  }
}

/** Milliseconds of silence after which TCP asks whether the other side still is there. */
const keepAliveMs = 60_000

async function ready(socket: net.Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<net.Socket> {
  // It stays: an error that comes while nobody else listens would end the process.
  socket.on('error', () => {})
  try {
    await once(socket, event, { signal })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}
