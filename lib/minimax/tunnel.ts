import * as http from 'node:http'
import * as https from 'node:https'
import type { Socket } from 'node:net'
import type { HttpProxy } from './proxy.ts'

/** A proxy that could not be reached, refused, or did not answer. */
export class ProxyFailure extends Error {
  readonly proxy: HttpProxy
  /** What the proxy answered; undefined where it did not get so far. */
  readonly status: number | undefined

  constructor(proxy: HttpProxy, status: number | undefined, cause?: unknown) {
    super('The proxy failed.', { cause })
    this.proxy = proxy
    this.status = status
  }
}

/**
 * Asks a proxy for a connection to `authority`, a host with its port.
 *
 * @throws {ProxyFailure} also where the signal ends the waiting.
 */
export function openTunnel(proxy: HttpProxy, authority: string, signal: AbortSignal): Promise<Socket> {
  const { protocol, hostname, port } = proxy.url
  const isSecure = protocol === 'https:'
  const request = (isSecure ? https : http).request({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || (isSecure ? 443 : 80),
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, 'proxy-connection': 'keep-alive', ...credentialsOf(proxy.url) },
    agent: false,
    signal,
  })
  return new Promise((resolve, reject) => {
    request.on('connect', ({ statusCode = 0 }, socket, head) => {
      if (statusCode >= 200 && statusCode < 300) {
        if (head.length > 0) socket.unshift(head)
        resolve(socket)
      } else {
        socket.destroy()
        reject(new ProxyFailure(proxy, statusCode))
      }
    })
    request.on('error', (error) => {
      reject(new ProxyFailure(proxy, undefined, signal.aborted ? signal.reason : error))
    })
    request.end()
  })
}

function credentialsOf({ username, password }: URL): { readonly 'proxy-authorization'?: string } {
  if (username === '') return {}
  const pair = `${decoded(username)}:${decoded(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
