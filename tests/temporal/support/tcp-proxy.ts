import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A connection between a worker and a server that a test can break. */
export interface TcpProxy extends AsyncDisposable {
  /** Host and port to connect to. */
  readonly address: string
  /** Bytes from the worker to the server so far. */
  readonly bytesSent: number
  /** Passes everything on, in new connections: those of before are closed. */
  heal(): void
  /** Keeps all connections open, and passes nothing on in either direction. */
  swallow(): void
  /** Keeps all connections open, and passes only what workers send. */
  deafen(): void
  /** Closes all connections with a reset, and new ones, too. */
  reset(): void
}

/** Opens a proxy on a free loopback port. */
export async function tcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(`tcp://${target}`)
  const open = new Set<Socket>()
  let mode: 'pass' | 'swallow' | 'deafen' | 'reset' = 'pass'
  let bytesSent = 0
  const server = createServer((worker) => {
    worker.on('error', () => {})
    if (mode === 'reset') {
      worker.resetAndDestroy()
      return
    }
    const upstream = connect(Number(port), hostname)
    for (const [socket, other] of [
      [worker, upstream],
      [upstream, worker],
    ] as const) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        other.destroy()
      })
      socket.on('data', (bytes) => {
        if (socket === worker) bytesSent += bytes.length
        if (mode === 'pass' || (mode === 'deafen' && socket === worker)) other.write(bytes)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const closeAll = () => {
    for (const socket of open) socket.resetAndDestroy()
  }
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get bytesSent() {
      return bytesSent
    },
    heal() {
      mode = 'pass'
      closeAll()
    },
    swallow() {
      mode = 'swallow'
    },
    deafen() {
      mode = 'deafen'
    },
    reset() {
      mode = 'reset'
      closeAll()
    },
    async [Symbol.asyncDispose]() {
      mode = 'reset'
      closeAll()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
