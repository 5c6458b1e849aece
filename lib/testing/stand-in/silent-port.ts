import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

export interface SilentPort {
  close(): Promise<void>
}

/** Listens and never takes a connection: it is a thread that sleeps from then on. */
const listener = `
const { parentPort, workerData: port } = require('node:worker_threads')
require('node:net').createServer().listen({ port, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage('listening')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

/** More than the operating system completes by itself before anybody takes them. */
const fillers = 8

/**
 * A port of 127.0.0.1 that answers nobody who wants to connect, as a host that is down behind a firewall: the queue of
 * connections that nobody takes is full, so that the operating system drops what else comes.
 */
export async function openSilentPort(port: number): Promise<SilentPort> {
  const thread = new Worker(listener, { eval: true, workerData: port })
  thread.unref()
  await once(thread, 'message')
  const sockets: Socket[] = []
  for (let count = 0; count < fillers; count++) {
    sockets.push(
      connect(port, '127.0.0.1')
        .on('error', () => {})
        .unref(),
    )
  }
  await Promise.all(sockets.slice(0, 2).map((socket) => once(socket, 'connect')))
  return {
    async close() {
      for (const socket of sockets) socket.destroy()
      await thread.terminate()
    },
  }
}
