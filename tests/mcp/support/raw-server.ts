import { Client, InMemoryTransport } from '@modelcontextprotocol/client'

type JsonObject = { readonly [name: string]: unknown }

/** A message of JSON-RPC as a server gets it. */
export interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: JsonObject
}

/** What a raw server does. It may answer anything, because no server library checks it. */
export interface RawServer {
  /** Tools of `tools/list`, or a function that answers each request for a page. */
  readonly tools: readonly unknown[] | ((params: JsonObject) => unknown)
  /** Result of `tools/call`. An {@link RpcError} becomes an error response. A promise that never settles never answers. */
  readonly call?: (params: JsonObject, connection: RawConnection) => unknown
}

/** The server's side of a connection. */
export interface RawConnection {
  /** Sends a message to the client. */
  send(message: JsonObject): Promise<void>
  /** Closes the connection, as a server that dies. */
  close(): Promise<void>
}

/** An error response. */
export class RpcError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** A client that is connected to a raw server in this process. */
export interface Connected {
  readonly client: Client
  /** Every message that the server got, in order. */
  readonly received: readonly Message[]
  readonly connection: RawConnection
}

/** Connects a client to a server that is written by hand. Messages are copied through JSON, as on a real connection. */
export async function connectRaw(server: RawServer): Promise<Connected> {
  const [clientSide, serverSide] = InMemoryTransport.createLinkedPair()
  const received: Message[] = []
  const connection: RawConnection = {
    send: (message) => serverSide.send(JSON.parse(JSON.stringify({ jsonrpc: '2.0', ...message }))),
    close: () => serverSide.close(),
  }
  serverSide.onmessage = (message) => {
    const copy: Message = JSON.parse(JSON.stringify(message))
    received.push(copy)
    void answer(server, copy, connection)
  }
  await serverSide.start()
  const client = new Client({ name: 'test', version: '1.0.0' })
  await client.connect(clientSide)
  return { client, received, connection }
}

/** A tool of a server. */
export function remoteTool(name: string, fields: JsonObject = {}): JsonObject {
  return { name, description: `Does ${name}.`, inputSchema: { type: 'object' }, ...fields }
}

async function answer(server: RawServer, { id, method, params = {} }: Message, connection: RawConnection) {
  if (id === undefined) return
  try {
    const result = await resultOf(server, method, params, connection)
    await connection.send({ id, result })
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    await connection.send({ id, error: { code: error.code, message: error.message } })
  }
}

function resultOf(server: RawServer, method: string | undefined, params: JsonObject, connection: RawConnection) {
  switch (method) {
    case 'initialize': {
      const serverInfo = { name: 'raw', version: '1.0.0' }
      return { protocolVersion: params['protocolVersion'], capabilities: { tools: {} }, serverInfo }
    }
    case 'tools/list':
      return typeof server.tools === 'function' ? server.tools(params) : { tools: server.tools }
    case 'tools/call':
      return server.call?.(params, connection) ?? { content: [] }
    default:
      return {}
  }
}
