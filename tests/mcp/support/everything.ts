import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport, type StdioServerParameters } from '@modelcontextprotocol/client/stdio'

/** The program of the official server that has every feature of MCP. */
const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))

/** How the server is started over stdio, for clients of any version. */
export const everythingOverStdio: StdioServerParameters = {
  command: process.execPath,
  args: [program, 'stdio'],
  stderr: 'ignore',
}

/** A connected client, and the process of the server. */
export interface Everything extends AsyncDisposable {
  readonly client: Client
  /** Kills the server at once. */
  kill(): void
}

/** Starts the server as a child process and connects over its standard streams. */
export async function startOverStdio(): Promise<Everything> {
  const transport = new StdioClientTransport(everythingOverStdio)
  const client = newClient()
  await client.connect(transport)
  return {
    client,
    kill: () => {
      if (transport.pid !== null) process.kill(transport.pid, 'SIGKILL')
    },
    [Symbol.asyncDispose]: () => client.close(),
  }
}

/** Starts the server as a child process and connects over HTTP on loopback. */
export async function startOverHttp(): Promise<Everything> {
  const { port, child } = await listen()
  const client = newClient()
  await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`)))
  const kill = () => child.kill('SIGKILL')
  return {
    client,
    kill,
    [Symbol.asyncDispose]: async () => {
      await client.close()
      kill()
    },
  }
}

function newClient(): Client {
  return new Client({ name: 'tenrounds-test', version: '1.0.0' })
}

/** The server does not say which port it got, so a free one is chosen for it. Another process may take it meanwhile. */
async function listen(attempts = 5): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const port = await freePort()
  const env = { ...process.env, PORT: String(port) }
  const child = spawn(process.execPath, [program, 'streamableHttp'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const isListening = await new Promise<boolean>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      if (chunk.includes('listening on port')) resolve(true)
    })
    child.once('exit', () => resolve(false))
  })
  if (isListening) return { port, child }
  if (attempts === 1) throw new Error('The server did not start.')
  return listen(attempts - 1)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('The server has no port.')
  return address.port
}
