import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { answer, inputOf, modelName, type SchemaName, toolName, toolRounds } from './work.ts'

export interface BenchServer {
  /** Ends in `/v1`. */
  readonly baseUrl: string
  close(): void
}

/** A model without latency. It has its own process, so that its CPU time counts for no contender. */
export async function startServer(): Promise<BenchServer> {
  const child = fork(fileURLToPath(import.meta.url), ['serve'], { stdio: 'inherit' })
  const [port] = (await once(child, 'message')) as [number]
  const baseUrl = `http://127.0.0.1:${port}/v1`
  return {
    baseUrl,
    close: () => child.disconnect(),
  }
}

const toolMessage = Buffer.from('"role":"tool"')
const arraySchema = Buffer.from('"filters":')

/** The round is the number of tool messages in the request, so that runs may overlap. */
function roundOf(body: Buffer): number {
  let count = 0
  for (let at = body.indexOf(toolMessage); at !== -1; at = body.indexOf(toolMessage, at + 1)) count++
  return count
}

function replyOf(schema: SchemaName, round: number): string {
  const isLast = round >= toolRounds
  const call = {
    id: `call_function_4kq7v2m9x8_${round}`,
    type: 'function',
    function: { name: toolName, arguments: JSON.stringify(inputOf(schema, round)) },
  }
  const message = isLast
    ? { role: 'assistant', content: answer }
    : { role: 'assistant', content: `I read page ${round}.`, tool_calls: [call] }
  return JSON.stringify({
    id: `055a72b3c5d04dd2a1e4c4b5a8b1c2d${round}`,
    object: 'chat.completion',
    created: 1_770_000_000,
    model: modelName,
    choices: [{ index: 0, finish_reason: isLast ? 'stop' : 'tool_calls', message }],
    usage: { total_tokens: 120, prompt_tokens: 100, completion_tokens: 20 },
    base_resp: { status_code: 0, status_msg: '' },
  })
}

function serve(): void {
  const repliesOf = (schema: SchemaName) => Array.from({ length: toolRounds + 1 }, (_, round) => replyOf(schema, round))
  const replies = { scalars: repliesOf('scalars'), arrays: repliesOf('arrays') }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const schema = body.includes(arraySchema) ? 'arrays' : 'scalars'
      const reply = replies[schema][Math.min(roundOf(body), toolRounds)] ?? ''
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(reply) })
      response.end(reply)
    })
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
}

if (process.argv[2] === 'serve') serve()
