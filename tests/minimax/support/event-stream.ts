import type { ServerResponse } from 'node:http'
import type { ModelRequest } from '../../../lib/loop/model.ts'
import type { MinimaxOptions } from '../../../lib/minimax/options.ts'
import { type LocalServer, startLocalServer } from './local-server.ts'
import { clientOf, modelRequest } from './request.ts'

/** One chunk of a stream; `choice` beside its delta. */
export function chunk(delta: object, choice: object = {}, envelope: object = {}): object {
  return {
    id: '066a34',
    model: 'MiniMax-M2.1',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, ...choice }],
    usage: null,
    ...envelope,
  }
}

/** The text of a stream; a string is written as it is. */
export function events(...frames: readonly (object | string)[]): string {
  return frames.map((frame) => (typeof frame === 'string' ? frame : `data: ${JSON.stringify(frame)}\n\n`)).join('')
}

export const done = 'data: [DONE]\n\n'
export const stop = { finish_reason: 'stop' }

/** A server that answers every request by `write`. */
export function streamServer(write: (response: ServerResponse) => unknown): Promise<LocalServer> {
  return startLocalServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    return write(response)
  })
}

/** The reply that a streaming client reads from these frames. */
export async function readStream(
  frames: readonly (object | string)[],
  { onText, ...options }: MinimaxOptions & Pick<ModelRequest, 'onText'> = {},
) {
  await using server = await streamServer((response) => response.end(events(...frames)))
  const model = clientOf(server.url, { stream: true, ...options })
  try {
    return await model.complete(modelRequest({ onText }))
  } finally {
    await model.close()
  }
}
