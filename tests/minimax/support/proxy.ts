import { connect } from 'node:net'
import { startTcpServer, type TcpServer } from './tcp-server.ts'

export interface TestProxy extends TcpServer {
  readonly url: string
  /** All bytes that it received, tunnels included, as text. */
  readonly heard: () => string
}

/** A proxy that answers every `CONNECT` by itself and hangs up. */
export function startProxy(answer: string): Promise<TestProxy> {
  return proxyOf((socket) => socket.end(answer))
}

/** A proxy whose tunnels all lead to one port, whatever they are asked to lead to. */
export function startTunnels(port: number): Promise<TestProxy> {
  return proxyOf((socket, data) => {
    if (!data.startsWith('CONNECT ')) return
    const target = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(target).pipe(socket)
    })
    target.on('error', () => socket.destroy()).on('close', () => socket.destroy())
    socket.on('close', () => target.destroy())
  })
}

async function proxyOf(onData: (socket: TcpServer['sockets'][number], data: string) => void): Promise<TestProxy> {
  let heard = ''
  const server = await startTcpServer((socket, bytes) => {
    const data = bytes.toString('latin1')
    heard += data
    onData(socket, data)
  })
  return { ...server, url: `http://127.0.0.1:${server.port}`, heard: () => heard }
}
