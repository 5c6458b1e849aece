import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

/** A port that answers nobody, until it is closed. */
export interface SilentPort {
  /** Frees the port. */
  close(): Promise<void>
}

/** A thread that listens, then sleeps forever, so that it never accepts a connection. */
const listener = `
const { parentPort, workerData: port } = require('node:worker_threads')
require('node:net').createServer().listen({ port, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage('listening')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

/** More connections than the operating system completes before the server accepts them. */
const fillers = 8

/**
 * Makes a port of 127.0.0.1 behave like a host that is down, with its firewall dropping packets: connecting neither
 * succeeds nor fails. The queue of connections that are not yet accepted is full, so the operating system drops new ones.
 */
export async function openSilentPort(port: number): Promise<SilentPort> {
  const thread = new Worker(listener, { eval: true, workerData: port })
  thread.unref()
  await once(thread, 'message')
  const sockets = Array.from(
    { length: fillers },
    (): Socket =>
      connect(port, '127.0.0.1')
        .on('error', () => {})
        .unref(),
  )
  await Promise.all(sockets.slice(0, 2).map((socket) => once(socket, 'connect')))
  return {
    async close() {
      for (const socket of sockets) socket.destroy()
      await thread.terminate()
    },
  }
}
