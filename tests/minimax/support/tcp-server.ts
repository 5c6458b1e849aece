import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface TcpServer {
  readonly port: number
  /** All connections that were made, in order. */
  readonly sockets: readonly Socket[]
  /** The next connection that is made. */
  readonly connection: () => Promise<Socket>
  [Symbol.asyncDispose](): Promise<void>
}

/** A server that only speaks where `onData` makes it; without that it takes connections and stays silent. */
export async function startTcpServer(onData: (socket: Socket, data: Buffer) => void = () => {}): Promise<TcpServer> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {}).on('data', (data) => onData(socket, data))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    connection: async () => {
      const [socket]: Socket[] = await once(server, 'connection')
      if (socket === undefined) throw new Error('There is no connection.')
      return socket
    },
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

/** Resolves when a connection has ended, in whatever way. */
export function closeOf(socket: Socket): Promise<unknown> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve))
}
